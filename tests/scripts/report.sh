# shellcheck shell=bash
# Sourced by tests/run.sh and those that it calls: adds up cases, and says so in
# the last line.
#
# SPDX-License-Identifier: Apache-2.0
passed=0
failed=0
skipped=0
# What has failed, for a summary.
failures=()
# What add_report says of its suite.
report_line=

print_sums() { echo "$passed passed, $failed failed, $skipped skipped"; }

case_passed() { passed=$((passed + 1)); }

case_failed() {
  failed=$((failed + 1))
  failures+=("$*")
  echo "FAILED: $*"
}

# The part of the run named $1 cannot be had, for the reason $2: skipped, or
# failed where everything is required.
case_skipped() {
  if [[ ${ROCKSDB_URING_REQUIRE:-} == 1 ]]; then
    case_failed "$1: ROCKSDB_URING_REQUIRE is set, but $2"
  else
    skipped=$((skipped + 1))
    echo "skipped: $1: $2"
  fi
}

# Nothing can be run at all.
skip_all() {
  case_skipped "$1" "$2"
  print_sums
  ((failed == 0)) || exit 1
  exit 77
}

# shard_count JOBS SUITE...: in how many parts the suite, which is a command, is
# run side by side: no more than it has tests.
shard_count() {
  local tests
  tests=$("${@:2}" --gtest_list_tests 2>/dev/null | grep -c '^  ' || true)
  ((tests > 0)) || tests=1
  echo $((tests < $1 ? tests : $1))
}

# check_filter SUITE FILTER: whether each pattern of the filter matches a test of
# it: what was renamed must not be left out, or taken in, in silence. The list is
# read to its end: a grep that stops at the first match would kill the suite that
# still prints.
check_filter() {
  local suite="$1" pattern patterns
  IFS=:- read -ra patterns <<<"$2"
  for pattern in "${patterns[@]}"; do
    "$suite" --gtest_list_tests --gtest_filter="$pattern" |
      grep '^  ' >/dev/null ||
      case_failed "no test of ${suite##*/} is $pattern"
  done
}

# The number $1 of all suites together in gtest's report $2.
report_number() {
  sed -nE "s/.*<testsuites [^>]*\b$1=\"([0-9]+)\".*/\1/p" "$2"
}

# What a summary says of the failed suite that has left gtest's log $1: up to five
# names, the seed, and the first line of the first message, or what a sanitizer
# says, with the functions of its first report.
what_failed() {
  local names used_seed message functions
  names=$(sed -nE 's/^\[  FAILED  \] ([^ ,]+).*/\1/p' "$1" | sort -u |
    head -n 5 | paste -sd ' ')
  used_seed=$(sed -n 's/^ROCKSDB_URING_TEST_SEED=//p' "$1" | head -n 1)
  message=$(grep -m 1 -A 2 ': Failure$' "$1" | sed -e 1d -e '/^Failed$/d' |
    head -n 1) || true
  if [[ -z $message ]] && grep -q '^SUMMARY: ' "$1"; then
    functions=$(sed '/^SUMMARY: /q' "$1" |
      sed -nE 's/^ *#[0-9]+ (0x[0-9a-f]+ in )?([^(<]+).*/\2/p' | head -n 40 |
      paste -sd ' ')
    message="$(sed -n 's/^SUMMARY: //p' "$1" | head -n 1): $functions"
  fi
  echo "${names:-no test}${used_seed:+ (seed $used_seed)}${message:+: $message}"
}

# add_report LABEL BASE STATUS: the suite that has left BASE.xml and BASE.log and
# ended with STATUS. Sets `report_line`.
add_report() {
  local label="$1" base="$2" status="$3" all bad out
  report_line="no report"
  if [[ ! -s $base.xml ]]; then
    tail -n 40 "$base.log" 2>/dev/null || true
    case_failed "$label: no report, exit status $status"
    return 0
  fi
  all=$(report_number tests "$base.xml")
  bad=$(report_number failures "$base.xml")
  out=$(grep -c 'result="skipped"' "$base.xml" || true)
  if ((all == 0)); then
    case_failed "$label: no test was run"
    return 0
  fi
  passed=$((passed + all - bad - out))
  failed=$((failed + bad))
  skipped=$((skipped + out))
  report_line="$((all - bad - out)) passed, $bad failed, $out skipped"
  sed -nE 's/.*<testcase name="([^"]*)".*result="skipped".*classname="([^"]*)".*/    skipped: \2.\1/p' \
    "$base.xml"
  if ((bad > 0)); then
    cat "$base.log"
    failures+=("$label: $bad tests: $(what_failed "$base.log")")
    echo "FAILED: ${failures[-1]}"
  elif [[ $status != 0 ]]; then
    # A program may also fail when its tests are over, or by a sanitizer.
    cat "$base.log"
    case_failed "$label: exit status $status: $(what_failed "$base.log")"
  fi
}

# run_shards LABEL BASE COUNT COMMAND...: a suite, which is the command, in COUNT
# parts side by side; part N leaves BASE.N.xml and BASE.N.log.
run_shards() {
  local label="$1" base="$2" count="$3" shard status pids=()
  shift 3
  for ((shard = 0; shard < count; ++shard)); do
    rm -f "$base.$shard.xml"
    GTEST_TOTAL_SHARDS="$count" GTEST_SHARD_INDEX="$shard" "$@" --gtest_brief=1 \
      --gtest_output="xml:$base.$shard.xml" >"$base.$shard.log" 2>&1 &
    pids+=($!)
  done
  for ((shard = 0; shard < count; ++shard)); do
    status=0
    wait "${pids[shard]}" || status=$?
    add_report "$label" "$base.$shard" "$status"
    echo "  ${base##*/}: $report_line ($((shard + 1)) of $count)"
  done
}

# add_sums NAME LOG STATUS: the sums in the last line of a script's output, and the
# names of what failed there.
add_sums() {
  local name="$1" log="$2" status="$3" sums=() failure
  read -ra sums < <(tail -n 1 "$log" | sed -nE \
    's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p')
  if ((${#sums[@]} == 0)); then
    case_failed "$name: no sums"
    return
  fi
  passed=$((passed + sums[0]))
  failed=$((failed + sums[1]))
  skipped=$((skipped + sums[2]))
  while read -r failure; do
    failures+=("$failure")
  done < <(sed -n 's/^FAILED: //p' "$log" | sort -u)
  # 77: skipped as a whole, which its sums say too.
  if ((status != 0 && status != 77 && sums[1] == 0)); then
    case_failed "$name: exit status $status"
  fi
}
