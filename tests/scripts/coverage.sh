#!/usr/bin/env bash
# Prints how much of the layers below RocksDB the engine's tests run: lines and
# branches of env/base, env/ring and env/engine, and every line that is never
# run. Builds what it needs below build/coverage; half a minute.
#
#   tests/scripts/coverage.sh [--summary]
#
# With --summary the figures only.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

cd "$(dirname "$0")/../.."
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
  # With the debug log, whose lines are part of every error branch.
  (cd "$directory" &&
    ROCKSDB_URING_LOG="$directory/debug.log" bin/engine_tests --gtest_brief=1)
} >"$directory.log" 2>&1 || { tail -n 30 "$directory.log" >&2; exit 1; }

rm -rf "$directory/report"
mkdir -p "$directory/report"
# All objects in one call, the tests' too: of an inline function the linker
# keeps any copy.
find "$directory" -name '*.gcda' -print0 |
  (cd "$directory/report" &&
    xargs -0 gcov --branch-probabilities --branch-counts --preserve-paths \
      --relative-only --source-prefix "$OLDPWD" >/dev/null)

# What is compiled several times comes several times: it is run if one of them
# is. Branches that only an exception takes do not count: nothing below RocksDB
# throws.
awk -v summary="$summary" '
  FNR == 1 {
    file = FILENAME
    sub(/.*\//, "", file)
    gsub(/#/, "/", file)
    sub(/\.gcov$/, "", file)
    sub(/.*env\//, "env/", file)
    split(file, parts, "/")
    layer[file] = parts[1] "/" parts[2]
  }
  /^branch / {
    if ($0 !~ /\(throw\)/) {
      way = file SUBSEP number SUBSEP $2
      if (!(way in taken)) { ways[++way_count] = way; taken[way] = 0 }
      taken[way] += ($3 == "taken" && $4 > 0)
    }
    next
  }
  /^(call|function) / { next }
  {
    split($0, column, ":")
    count = column[1]
    gsub(/ /, "", count)
    if (count == "-" || count == "") { next }
    number = column[2]
    gsub(/ /, "", number)
    place = file SUBSEP number
    if (!(place in run)) {
      places[++place_count] = place
      run[place] = 0
      text[place] = file ":" number ":" \
        substr($0, length(column[1]) + length(column[2]) + 3)
    }
    run[place] += count !~ /^[#=]+$/
  }
  function percent(part, all) { return all == 0 ? 100 : 100 * part / all }
  function figures(of, name) {
    return sprintf("coverage of %s: lines %.1f %% of %d, branches %.1f %% of %d",
      name, percent(sum[of, "run"], sum[of, "lines"]), sum[of, "lines"],
      percent(sum[of, "taken"], sum[of, "ways"]), sum[of, "ways"])
  }
  function add(of, what, amount) {
    sum[of, what] += amount
    sum["all", what] += amount
  }
  END {
    for (i = 1; i <= place_count; ++i) {
      split(places[i], parts, SUBSEP)
      add(layer[parts[1]], "lines", 1)
      add(layer[parts[1]], "run", run[places[i]] > 0)
      if (run[places[i]] == 0 && !summary) {
        print "never run: " text[places[i]]
      }
    }
    for (i = 1; i <= way_count; ++i) {
      split(ways[i], parts, SUBSEP)
      add(layer[parts[1]], "ways", 1)
      add(layer[parts[1]], "taken", taken[ways[i]] > 0)
    }
    print figures("env/base", "env/base")
    print figures("env/ring", "env/ring")
    print figures("env/engine", "env/engine")
    print figures("all", "the engine")
  }' "$directory"/report/*env#*.gcov
