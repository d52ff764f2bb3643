#!/usr/bin/env bash
# Runs tests and databases on five filesystems. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/filesystems/run.sh [--full] [--on NAME]...
                                          BUILD_DIRECTORY

Makes ext4, xfs and btrfs on loop devices, a tmpfs and an overlay on ext4, and
runs the file tests, database tests, the soak and the stock db_bench with the
plugin on each of them, with direct and with buffered I/O. Prints which path the
operations took. As root; mounts are seen by this script alone, and go with it.

  --on NAME  only this one: ext4, xfs, btrfs, tmpfs, overlay; may be repeated
  --full     all file and database tests, and longer runs of db_bench and of the
             soak
  --help     this text

Environment: JOBS=N, tests at once (default: nproc). Images and reports are
below BUILD_DIRECTORY/filesystems; the images are removed at the end.

The last line has the sums. Exit status: 0 passed, 1 failed, 77 skipped without
root. A filesystem that cannot be made is skipped with the reason; with
ROCKSDB_URING_REQUIRE=1 that fails.
TEXT
}

full=0
names=()
# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
option() {
  case "$1" in
    --full) full=1 ;;
    --on) names+=("$2") ;;
  esac
}
read_options full,on: 1 "$@"
((${#names[@]} > 0)) || names=(ext4 xfs btrfs tmpfs overlay)
for name in "${names[@]}"; do
  case "$name" in
    ext4 | xfs | btrfs | tmpfs | overlay) ;;
    *) bad_usage ;;
  esac
done
[[ -d ${operands[0]} ]] || bad_usage
build=$(cd "${operands[0]}" && pwd)
top=$(cd "$(dirname "$0")/../../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../../scripts/report.sh
. "$top/tests/scripts/report.sh"

((EUID == 0)) || skip_all filesystems "mounting takes root"
# Mounts of its own: they vanish with the last process of this script, however
# it ends. In a chroot / is no mount that could be made private.
if [[ -z ${FILESYSTEMS_PRIVATE_MOUNTS:-} ]]; then
  why=$(unshare --mount --propagation unchanged true 2>&1) ||
    skip_all filesystems "mounts of its own are refused: $why"
  export FILESYSTEMS_PRIVATE_MOUNTS=1
  # shellcheck disable=SC2016  # expanded inside
  exec unshare --mount --propagation unchanged bash -c \
    'mount --make-rprivate / 2>/dev/null; exec "$0" "$@"' \
    "$top/tests/platforms/filesystems/run.sh" "$@"
fi

jobs="${JOBS:-$(nproc)}"
mkdir -p "$build/filesystems"
work=$(mktemp -d "$build/filesystems/run.XXXXXX")
table="$work/table"
"$top/tests/scripts/paths_taken.py" heading >"$table"

# Mounts of this run, the last one first.
unmount_all() {
  local mounted
  while read -r mounted; do
    umount "$mounted" 2>/dev/null || umount --lazy "$mounted" || true
  done < <(awk -v work="$work/" 'index($2, work) == 1 { print $2 }' \
    /proc/mounts | tac)
}

clean_up() {
  local pids
  pids=$(jobs -p)
  # shellcheck disable=SC2086  # a list
  [[ -z $pids ]] || kill $pids 2>/dev/null || true
  wait || true
  unmount_all
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# loop_mount KIND DIRECTORY MKFS...: a filesystem in a file.
loop_mount() {
  local kind="$1" directory="$2"
  shift 2
  [[ -n $(type -P "$1") ]] || { echo "$1 is not installed"; return 1; }
  truncate -s 3G "$work/$kind.image"
  "$@" "$work/$kind.image" && mkdir -p "$directory" &&
    mount -t "$kind" -o loop "$work/$kind.image" "$directory"
}

# Puts the filesystem $1 at $2, or says why not.
make_filesystem() {
  local kind="$1" at="$2" base="$work/under_overlay"
  case "$kind" in
    ext4) loop_mount ext4 "$at" mkfs.ext4 -q -F ;;
    xfs) loop_mount xfs "$at" mkfs.xfs -q -f ;;
    btrfs) loop_mount btrfs "$at" mkfs.btrfs -q -f ;;
    tmpfs) mkdir -p "$at" && mount -t tmpfs -o size=3G tmpfs "$at" ;;
    overlay)
      loop_mount ext4 "$base" mkfs.ext4 -q -F &&
        mkdir -p "$base/lower" "$base/upper" "$base/work" "$at" &&
        mount -t overlay overlay "$at" \
          -o "lowerdir=$base/lower,upperdir=$base/upper,workdir=$base/work"
      ;;
  esac
}

# What of a suite is run. Without --full not what is the same everywhere: the
# tests of options and of a fake kernel, and paths that never see a ring.
filter_of() {
  local tests='*' without=''
  if ((!full)); then
    case "$1" in
      file_tests)
        without='OptionsTest.*:DebugLogTest.*:StatsFileTest.*:AsyncSeamTest.*'
        without+=':*/*posix*:*/*Posix*'
        ;;
      db_tests)
        tests='Modes/MultiGetTest.B*:Modes/IteratorTest.Direct*'
        tests+=':Modes/IteratorTest.Scans*:Modes/BlobTest.*:Modes/WriteTest.*'
        without='*/Buffered_uring'
        ;;
    esac
  fi
  echo "$tests${without:+-$without}"
}

# run_suite KIND SUITE DIRECTORY: in more shards than there are jobs, since the
# tests wait for the disk.
run_suite() {
  local kind="$1" suite="$2" directory="$3" filter shards
  filter=$(filter_of "$suite")
  shards=$(shard_count "$((jobs * 2))" "$build/bin/$suite" \
    --gtest_filter="$filter")
  run_shards "$suite on $kind" "$build/filesystems/$kind-$suite" "$shards" \
    env TEST_TMPDIR="$directory" timeout 3600 "$build/bin/$suite" \
    --gtest_filter="$filter"
}

# bench KIND MODE WHAT FLAGS...: a run of the stock db_bench on the plugin, whose
# statistics go to KIND-MODE-WHAT.json.
bench() {
  local kind="$1" mode="$2" what="$3" direct=false
  shift 3
  [[ $mode == direct ]] && direct=true
  local base="$build/filesystems/$kind-$mode-$what"
  rm -f "$base.json"
  LD_PRELOAD="$build/lib/librocksdb_uring.so" timeout 600 /usr/bin/db_bench \
    --fs_uri="uring://?stats_interval_s=0&stats_file=$base.json" \
    --db="$work/$kind/db-$mode" --num=$((full ? 500000 : 50000)) \
    --value_size=400 --cache_size=0 --seed=1 --verify_checksum=true \
    --use_direct_reads=$direct \
    --use_direct_io_for_flush_and_compaction=$direct "$@" \
    >"$base.log" 2>&1
}

# Every value checked, while rings and system calls fail now and then.
run_soak() {
  local kind="$1" at="$work/$1" log="$build/filesystems/$1-soak.log"
  mkdir "$at/soak"
  if "$build/bin/uring_soak" --dir="$at/soak" --seconds=$((full ? 300 : 10)) \
    >"$log" 2>&1; then
    case_passed
  else
    case_failed "uring_soak on $kind"
  fi
  tail -n 2 "$log"
}

# A database is filled and compacted, read in batches and in sequence by threads
# while others write, and checked.
run_database() {
  local kind="$1" mode="$2" needed="$3" what
  if bench "$kind" "$mode" fill --benchmarks=fillrandom,compact \
      --write_buffer_size=4000000 --compression_type=none &&
    bench "$kind" "$mode" multi_get --benchmarks=multireadrandom \
      --use_existing_db --multiread_batched=true --batch_size=32 \
      --reads=20000 --threads=2 &&
    bench "$kind" "$mode" scan --benchmarks=readseq,seekrandom \
      --use_existing_db --async_io=true --seek_nexts=200 --reads=2000 &&
    bench "$kind" "$mode" mixed --benchmarks=readwhilewriting,verifychecksum \
      --use_existing_db --threads=2 --reads=20000 --sync=true; then
    case_passed
  else
    for what in fill multi_get scan mixed; do
      tail -n 20 "$build/filesystems/$kind-$mode-$what.log" 2>/dev/null || true
    done
    case_failed "db_bench on $kind, $mode"
    return 0
  fi
  if "$top/tests/scripts/paths_taken.py" "$kind $mode" "$needed" \
    "$build/filesystems/$kind-$mode"-*.json >>"$table"; then
    case_passed
  else
    case_failed "the paths that db_bench took on $kind, $mode"
  fi
}

run_on() {
  local kind="$1" at="$work/$1" why began=$SECONDS
  printf '\n%s\n' "$kind"
  # Output of an earlier run is no proof.
  rm -f "$build/filesystems/$kind"-*
  if ! why=$(make_filesystem "$kind" "$at" 2>&1); then
    case_skipped "$kind" "it cannot be made or mounted: $why"
  else
    findmnt --noheadings --output FSTYPE,SOURCE,OPTIONS --target "$at"
    mkdir "$at/tests"
    run_suite "$kind" file_tests "$at/tests"
    run_suite "$kind" db_tests "$at/tests"
    run_soak "$kind"
    run_database "$kind" buffered read_async.ring
    run_database "$kind" direct \
      multi_read.ring,read_async.ring,read_ahead.ring,write_behind.ring
    echo "  $((SECONDS - began)) s"
  fi
  unmount_all
  rm -f "$work"/*.image
}

for tool in file_tests db_tests uring_soak; do
  [[ -x $build/bin/$tool ]] || { echo "no $build/bin/$tool" >&2; exit 2; }
done
for suite in file_tests db_tests; do
  check_filter "$build/bin/$suite" "$(filter_of "$suite")"
done
for name in "${names[@]}"; do
  run_on "$name"
done
printf '\npaths taken\n'
cat "$table"
print_sums
((failed == 0))
