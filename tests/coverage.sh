#!/usr/bin/env bash
# Prints how much of the layers below RocksDB the engine's tests run: lines and
# branches of env/base, env/ring and env/engine, and every line that is never
# run. Builds what it needs below build/coverage; half a minute.
#
#   tests/coverage.sh [--summary]
#
# With --summary the figures only.
set -euo pipefail

cd "$(dirname "$0")/.."
readonly directory="$PWD/build/coverage"
summary=0
case "${1:-}" in
  '') ;;
  --summary) summary=1 ;;
  *) sed -n '2,8s/^# \?//p' "$0" >&2; exit 2 ;;
esac

{
  # Without optimisation, so that every line keeps its own counter.
  cmake -S . -B "$directory" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_CXX_COMPILER=g++ -DCMAKE_C_COMPILER=gcc \
    -DCMAKE_CXX_FLAGS='--coverage -fprofile-update=atomic -O0' \
    -DROCKSDB_URING_ENGINE_ONLY=ON -DROCKSDB_URING_BUILD_TOOLS=OFF
  cmake --build "$directory" --target engine_tests -- -j"${JOBS:-$(nproc)}"
  find "$directory" -name '*.gcda' -delete
  (cd "$directory" && bin/engine_tests --gtest_brief=1)
} >"$directory.log" 2>&1 || { tail -n 30 "$directory.log" >&2; exit 1; }

rm -rf "$directory/report"
mkdir -p "$directory/report"
# All files in one call, so that it adds up what several of them include.
find "$directory/CMakeFiles/uring_engine.dir" -name '*.gcda' -print0 |
  (cd "$directory/report" &&
    xargs -0 gcov --branch-probabilities --branch-counts --preserve-paths \
      --relative-only --source-prefix "$OLDPWD" >/dev/null)

# Branches that only an exception takes do not count: nothing below RocksDB
# throws.
awk -v summary="$summary" '
  FNR == 1 {
    layer = FILENAME
    sub(/.*\//, "", layer)
    file = layer
    gsub(/#/, "/", file)
    sub(/\.gcov$/, "", file)
    sub(/.*env\//, "env/", file)
    split(file, parts, "/")
    layer = parts[1] "/" parts[2]
  }
  /^branch / {
    if ($0 ~ /\(throw\)/) { next }
    ++branches[layer]
    taken[layer] += ($3 == "taken" && $4 > 0)
    next
  }
  /^(call|function) / { next }
  {
    split($0, column, ":")
    count = column[1]
    gsub(/ /, "", count)
    if (count == "-" || count == "") { next }
    ++lines[layer]
    if (count ~ /^[#=]+$/) {
      number = column[2]
      gsub(/ /, "", number)
      text = substr($0, length(column[1]) + length(column[2]) + 3)
      never[++nevers] = file ":" number ":" text
    } else {
      ++run[layer]
    }
  }
  function percent(part, all) { return all == 0 ? 100 : 100 * part / all }
  END {
    for (i = 1; i <= nevers && !summary; ++i) { print "never run: " never[i] }
    for (layer in lines) {
      printf "coverage of %s: lines %.1f %% of %d, branches %.1f %% of %d\n",
        layer, percent(run[layer], lines[layer]), lines[layer],
        percent(taken[layer], branches[layer]), branches[layer] | "sort"
      all_lines += lines[layer]; all_run += run[layer]
      all_branches += branches[layer]; all_taken += taken[layer]
    }
    close("sort")
    printf "coverage of the engine: lines %.1f %% of %d, branches %.1f %% of %d\n",
      percent(all_run, all_lines), all_lines,
      percent(all_taken, all_branches), all_branches
  }' "$directory"/report/*env#*.gcov
