#!/usr/bin/env bash
# Builds and tests the project on a RocksDB built from source. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/versions/source.sh [--full] [--work DIRECTORY] TREE

Builds a shared librocksdb of TREE, a RocksDB source tree which is not changed,
as distributions do, with assertions; the plugin and its tests against that; and
runs

  - the file, database and model suites of this project, and the disks that stall,
  - RocksDB's own suites, on POSIX and on the plugin, as far as TREE has them,
  - db_stress with asynchronous reads.

Fifty minutes of two processors and 3 GB, less with ccache. Installs nothing, and
needs what tests/run.sh installs.

  --full            all suites of RocksDB, in all modes, and 30 minutes of
                    db_stress (tests/platforms/rocksdb/run.sh --full)
  --work DIRECTORY  keeps what is built there, and goes on with what it holds.
                    Default: a new one below $TEST_TMPDIR or /tmp, removed at the
                    end
  --help            this text

The last line has the sums. Exit codes: 0 passed, 1 failed, 2 bad usage.

Environment: JOBS=N, ROCKSDB_URING_REQUIRE, ROCKSDB_URING_TEST_SEED
TEXT
}

full=0
work=
# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
option() {
  case "$1" in
    --full) full=1 ;;
    --work) mkdir -p "$2" && work=$(cd "$2" && pwd) ;;
  esac
}
read_options full,work: 1 "$@"
if [[ ! -e ${operands[0]}/include/rocksdb/version.h ]]; then
  echo "source.sh: there is no RocksDB in ${operands[0]}" >&2
  exit 2
fi
tree=$(cd "${operands[0]}" && pwd)
top=$(cd "$(dirname "$0")/../../.." && pwd)
jobs="${JOBS:-$(nproc)}"
# shellcheck source-path=SCRIPTDIR source=../../scripts/report.sh
. "$top/tests/scripts/report.sh"
# shellcheck source=/dev/null
. "$top/tests/scripts/private_apt.sh"
if [[ -z $work ]]; then
  work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/uring-source.XXXXXX")
  trap 'rm -rf "$work"' EXIT
fi
version=$(rocksdb_version "$tree")
standard=$(rocksdb_standard "$tree")
library=$work/rocksdb/librocksdb.so
launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

# Sync points and assertions are part of what Debian ships, and RocksDB's suites
# need them: a release without NDEBUG.
build_rocksdb() {
  cmake -S "$tree" -B "$work/rocksdb" -G Ninja ${launcher[@]+"${launcher[@]}"} \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 \
    -DCMAKE_CXX_STANDARD="$standard" -DUSE_RTTI=ON -DROCKSDB_BUILD_SHARED=ON \
    -DPORTABLE=1 -DFAIL_ON_WARNINGS=OFF -DWITH_LIBURING=OFF -DWITH_GFLAGS=ON \
    -DWITH_{SNAPPY,LZ4,ZSTD,ZLIB,BZ2}=ON \
    -DWITH_{TESTS,TOOLS,CORE_TOOLS,BENCHMARK_TOOLS}=OFF || return
  cmake --build "$work/rocksdb" -- -j"$jobs" librocksdb.so
}

build_plugin() {
  cmake -S "$top" -B "$work/plugin" -G Ninja ${launcher[@]+"${launcher[@]}"} \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_STANDARD="$standard" \
    -DROCKSDB_URING_WERROR=ON -DROCKSDB_INCLUDE_DIR="$tree/include" \
    -DROCKSDB_LIBRARY="$library" || return
  cmake --build "$work/plugin" -- -j"$jobs"
}

# Programs of the machine, which are of another RocksDB, are no test of this one.
run_suite() {
  local suite="$1"
  run_shards "$suite on RocksDB $version" "$work/$suite" "$((jobs * 2))" \
    timeout 3600 "$work/plugin/bin/$suite" --gtest_filter='-LoadedTest.*'
}

# Those that read, and the file systems', of the names that this version has.
run_rocksdb_suites() {
  local more=(--full) log="$work/suites.log" status=0 suite found=()
  if ((!full)); then
    for suite in env/env_test file/prefetch_test \
      db/{db_basic_test,db_iterator_test,multi_cf_iterator_test}; do
      [[ ! -e $tree/$suite.cc ]] || found+=("${suite#*/}")
    done
    more=(--suites "${found[*]}")
  fi
  "$top/tests/platforms/rocksdb/run.sh" --source "$tree" --library "$library" \
    --plugin "$work/plugin" --build "$work/suites" "${more[@]}" 2>&1 |
    tee "$log" || status=$?
  add_sums "RocksDB's suites of $version" "$log" "$status"
}

echo "RocksDB $version, C++$standard, in $work"
build_rocksdb
build_plugin
# Not error_tests: DB::Resume of 11.8.1 does not return after ENOSPC at a
# MANIFEST, with the default file system either.
for suite in file_tests db_tests model_tests fuse_tests; do
  run_suite "$suite"
done
run_rocksdb_suites
print_sums
((failed == 0))
