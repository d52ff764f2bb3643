#!/usr/bin/env bash
# Runs the tests of a build on Debian's older kernels. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/kernels/run.sh [--full] [--kernel SERIES]... BUILD_DIRECTORY

Boots Debian's kernels 5.10 (bullseye) and 6.1 (bookworm), with --full also 6.12
(trixie), in QEMU, emulated in software, and runs the tests of the build on an
ext4 disk there. Proves from the statistics that operations went through rings. Needs no
root; fetches the kernels from Debian's archive, unpacks and does not install
them. Everything is kept below BUILD_DIRECTORY/kernels, the kernels too.

  --kernel SERIES  only this one; may be repeated
  --full           all engine, file and database tests, an hour for each, and
                   the newest kernel, too
  --help           this text

The last line has the sums. Exit status: 0 passed, 1 failed, 77 skipped as the
kernels or QEMU cannot be had; with ROCKSDB_URING_REQUIRE=1 that is 1, too.
TEXT
}

full=0
kernels=()
# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
option() {
  case "$1" in
    --full) full=1 ;;
    --kernel) kernels+=("$2") ;;
  esac
}
read_options full,kernel: 1 "$@"
if ((${#kernels[@]} == 0)); then
  kernels=(5.10 6.1)
  ((full)) && kernels+=(6.12)
fi

[[ -d ${operands[0]} ]] || bad_usage
build=$(cd "${operands[0]}" && pwd)
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "$(dirname "$0")/guest.sh"

for series in "${kernels[@]}"; do
  suite_of "$series" >/dev/null || bad_usage
done

# What runs in the guest, one job a line: its name, its seconds, its command.
jobs() {
  local stats="stats_interval_s=0&stats_file=/results" bench=/usr/bin/db_bench
  local data="--db=/db --num=5000 --value_size=400 --compression_type=none"
  data+=" --cache_size=0 --seed=1"
  local uring="--fs_uri='uring://?$stats"
  echo "probe 240 $build/bin/uring_probe --json / >/results/probe.json"
  echo "bench 240 $build/bin/uring_bench --file=/tmp/data --size_mb=8" \
    "--batch=32 --engine=uring --runtime=0.5 --warmup=0" \
    "--json=/results/bench.json"
  echo "fill 480 LD_PRELOAD=$build/lib/librocksdb_uring.so $bench $data" \
    "$uring/fill.json' --benchmarks=fillrandom,compact" \
    "--use_direct_io_for_flush_and_compaction=true --use_direct_reads=true"
  echo "multi_get 480 LD_PRELOAD=$build/lib/librocksdb_uring.so $bench $data" \
    "$uring/multi_get.json' --benchmarks=multireadrandom --reads=1000" \
    "--use_existing_db --multiread_batched=true --batch_size=32" \
    "--use_direct_reads=true"
  echo "polled 480 LD_PRELOAD=$build/lib/librocksdb_uring.so $bench $data" \
    "$uring/polled.json&polling=device' --benchmarks=multireadrandom" \
    "--reads=500 --use_existing_db --multiread_batched=true --batch_size=32" \
    "--use_direct_reads=true"
  echo "seek 480 LD_PRELOAD=$build/lib/librocksdb_uring.so $bench $data" \
    "$uring/seek.json' --benchmarks=seekrandom --reads=20 --seek_nexts=500" \
    "--use_existing_db --async_io=true"
  test_job engine_tests 1800 "$(filter_of engine_tests)"
  test_job file_tests 1800 "$(filter_of file_tests)"
  test_job db_tests 1800 "$(filter_of db_tests)"
}

test_job() {
  echo "$1 $2 $build/bin/$1 --gtest_brief=1 --gtest_filter='$3'" \
    "--gtest_output=xml:/results/$1.xml"
}

# Emulation makes everything ten times as slow: without --full only what a real
# kernel answers, and of that what goes through rings. Tests that play a kernel
# are the same on all of them.
filter_of() {
  if ((full)); then
    echo '*'
    return
  fi
  # `slow` are those of them that take longest.
  local tests=() slow=()
  case "$1" in
    engine_tests)
      tests=('FeaturesTest.*' 'RealAsyncTest.*' 'Fork.*' 'EngineLimits.*'
        'Engines/EngineContract.*/Uring64' 'Kernels/AsyncStress.*/0'
        'KernelPriorityRealTest.*')
      slow=('EngineLimits.ShortLivedThreadsLeaveNothing' 'Fork.UnderLoad'
        'RealAsyncTest.ASignalStorm' 'EngineLimits.MemoryWith*'
        'EngineLimits.IdleThreadsHoldNoRings')
      ;;
    file_tests)
      tests=('Modes/AbortIoTest.*' 'Modes/ReadAsyncTest.*'
        'Reads/RandomAccessFileTest.*_uring'
        'Reads/RandomAccessFileTest.StatisticsNameThePath/*'
        'Reads/SequentialFileTest.*/uring' 'ReadAheadTest.*'
        'ReadAheadForkTest.*'
        'Writes/PreallocationTest.*_uring' 'Writes/ReopenedFileTest.*_uring'
        'Writes/RandomRwFileTest.*/uring' 'Syncs/DirectoryTest.*/uring'
        'Modes/MixedCallsTest.*' 'Modes/AsyncThreadTest.*ByAnotherThread/*')
      slow=('*.TenThousandInQuickSuccession/*' '*.ManyThreadsOnOneFile/*'
        '*.RandomReadsAndBatches/*' 'ReadAheadTest.ManyThreadsScanOneFile'
        'ReadAheadTest.ReadsInAllDirectionsByManyThreads'
        'ReadAheadTest.ValuesThatShareSectorsAreReadFromTheDeviceOnce'
        'ReadAheadTest.ShortScansReadLittleThatTheyDoNotNeed')
      ;;
    db_tests)
      tests=('Modes/MultiGetTest.BatchesTakeTheExpectedPath/Direct_auto'
        'Modes/IteratorTest.DirectScanOfALargeTableIsReadAhead/Direct_auto'
        'LoadedTest.ToolsReadTheDatabase')
      ;;
  esac
  local IFS=:
  echo "${tests[*]}${slow:+-${slow[*]}}"
}

# report_job SERIES NAME: a job that has no report of gtest's.
report_job() {
  local results="$work/$1" name="$2" status
  status=$(cat "$results/$name.status" 2>/dev/null || echo missing)
  if [[ $status == 0 ]]; then
    case_passed
  else
    tail -n 40 "$results/$name.log" 2>/dev/null || true
    case_failed "$name on Linux $1: exit status $status"
  fi
}

# What the job took, in seconds of the guest.
seconds_of() {
  awk '{ printf "%d s", $2 - $1 }' "$1.uptime" 2>/dev/null || true
}

# That rings were used, and where. What a stock db_bench does on the plugin must
# go through rings on every kernel here.
report_paths() {
  local series="$1" results="$work/$1"
  if "$here/facts.py" "$results/probe.json" "$results/bench.json" \
    "$results/polled.json"; then
    case_passed
  else
    case_failed "io_uring on Linux $series"
  fi
  if "$scripts/paths_taken.py" heading && "$scripts/paths_taken.py" db_bench \
    multi_read.ring,read_async.ring,write_behind.ring \
    "$results"/{fill,multi_get,polled,seek}.json; then
    case_passed
  else
    case_failed "the paths that db_bench took on Linux $series"
  fi
}

# The kernel itself has nothing to complain of.
report_log() {
  local results="$work/$1"
  if [[ ! -s $results/dmesg ]]; then
    case_failed "no log of Linux $1"
  elif grep -E 'BUG:|WARNING:|Oops|general protection|blocked for more' \
    "$results/dmesg" "$results/console"; then
    case_failed "Linux $1 complains in its log"
  else
    case_passed
  fi
}

report_kernel() {
  local series="$1" results="$work/$1" name status
  for name in probe bench fill multi_get polled seek; do
    report_job "$series" "$name"
  done
  report_paths "$series"
  for name in engine_tests file_tests db_tests; do
    status=$(cat "$results/$name.status" 2>/dev/null || echo missing)
    add_report "$name on Linux $series" "$results/$name" "$status"
    printf '  %-12s %s (%s)\n' "$name" "$report_line" \
      "$(seconds_of "$results/$name")"
  done
  report_log "$series"
}

run_kernel() {
  local series="$1" began=$SECONDS
  printf '\nLinux %s\n' "$series"
  if ! retry fetch_kernel "$series"; then
    case_skipped "Linux $series" "it cannot be fetched from Debian's archive"
    return
  fi
  make_initrd "$series"
  # Output of an earlier run is no proof.
  rm -rf "${work:?}/$series"
  if boot "$series" 2 $((full ? 14400 : 3600)); then
    report_kernel "$series"
  else
    tail -n 40 "$work/$series/console"
    case_failed "Linux $series did not come to its end"
  fi
  echo "  $((SECONDS - began)) s"
}

check_tools
for suite in engine_tests file_tests db_tests; do
  check_filter "$build/bin/$suite" "$(filter_of "$suite")"
done
make_disk 2G \
  "$build"/bin/{{engine,file,db}_tests,file_test_child,uring_{probe,bench}} \
  "$build"/lib/librocksdb_uring.so* /usr/bin/db_bench /usr/bin/ldb
for series in "${kernels[@]}"; do
  run_kernel "$series"
done
rm -f "$work/disk"
echo
print_sums
((failed == 0))
