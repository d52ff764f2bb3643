#!/usr/bin/env bash
# How much of the engine its tests run. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/scripts/coverage.sh

Prints how much of the layers below RocksDB the engine's tests run: for each file
of env/base, env/ring and env/engine its lines and those that are never run, then
the sums of lines and branches. Builds what it needs below build/coverage; half a
minute.

Environment: JOBS=N, parallel compilations (default: nproc)
TEXT
}

# shellcheck source-path=SCRIPTDIR source=options.sh
. "$(dirname "$0")/options.sh"
read_options '' 0 "$@"
cd "$(dirname "$0")/../.."
readonly directory="$PWD/build/coverage"
readonly jobs="${JOBS:-$(nproc)}"

{
  # Without optimisation, so that every line keeps its own counter.
  cmake -S . -B "$directory" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_CXX_COMPILER=g++ -DCMAKE_C_COMPILER=gcc \
    -DCMAKE_UNITY_BUILD=ON \
    -DCMAKE_CXX_FLAGS='--coverage -fprofile-update=atomic -O0' \
    -DROCKSDB_URING_ENGINE_ONLY=ON -DROCKSDB_URING_BUILD_TOOLS=OFF
  cmake --build "$directory" --target engine_tests -- -j"$jobs"
  find "$directory" -name '*.gcda' -delete
  # With the debug log, whose lines are part of every error branch.
  (cd "$directory" &&
    ROCKSDB_URING_LOG="$directory/debug.log" bin/engine_tests --gtest_brief=1)
} >"$directory.log" 2>&1 || { tail -n 30 "$directory.log" >&2; exit 1; }

# The objects of the tests too: of an inline function the linker keeps any copy.
# Branches that only an exception takes do not count: nothing below RocksDB
# throws.
gcovr --root . -j "$jobs" --filter 'env/(base|ring|engine)/' \
  --exclude-throw-branches --txt "$directory/report.txt" --print-summary \
  "$directory/CMakeFiles/uring_engine.dir" "$directory/tests" \
  >"$directory/summary.txt"
cat "$directory/report.txt"
sed -n 's/^\(lines\|branches\): /\1 /p' "$directory/summary.txt" | paste -sd ';' |
  sed 's/;/, /; s/^/coverage of the engine: /'
