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

# The release of Debian that has the series.
suite_of() {
  case "$1" in
    5.10) echo bullseye ;;
    6.1) echo bookworm ;;
    6.12) echo trixie ;;
    *) return 1 ;;
  esac
}

for series in "${kernels[@]}"; do
  suite_of "$series" >/dev/null || bad_usage
done
[[ -d ${operands[0]} ]] || bad_usage
build=$(cd "${operands[0]}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
scripts=$(cd "$here/../../scripts" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../scripts/report.sh
. "$scripts/report.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/archive.sh
. "$scripts/archive.sh"
work="$build/kernels"
mkdir -p "$work"

check_tools() {
  local tool
  [[ $(dpkg --print-architecture) == amd64 ]] ||
    skip_all kernels "the kernels are those for amd64"
  for tool in qemu-system-x86_64 cpio xz strip python3; do
    [[ -n $(type -P "$tool") ]] || skip_all kernels "$tool is not installed"
  done
  for tool in /bin/busybox /sbin/mke2fs /sbin/debugfs; do
    [[ -x $tool ]] || skip_all kernels "$tool is not installed"
  done
  # There are no libraries before the guest has its disk.
  ! ldd /bin/busybox >/dev/null 2>&1 ||
    skip_all kernels "busybox is not static: install busybox-static"
}

# The newest kernel of series $1 as $work/$1.deb, from an apt that knows nothing
# but the release that has it. Bullseye's newest are in the archive of security
# updates only.
fetch_kernel() {
  local series="$1" suite apt package options
  [[ ! -s $work/$series.deb ]] || return 0
  suite=$(suite_of "$series")
  apt="$work/apt-$series"
  rm -rf "$apt"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
  local security key=/usr/share/keyrings/debian-archive-keyring.gpg
  security=$(debian_archive security)
  cat >"$apt/sources.list" <<LIST
deb [signed-by=$key] $(debian_archive) $suite main
${security:+deb [signed-by=$key] $security $suite-security main}
LIST
  options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache"
    -o APT::Sandbox::User=root -o Acquire::Languages=none
    -o Acquire::Retries=3 -o Acquire::Check-Valid-Until=false -q)
  # One of the two archives is enough.
  apt-get "${options[@]}" update >"$apt/log" 2>&1 || true
  package=$(apt-cache "${options[@]}" search --names-only \
    "^linux-image-${series//./\\.}[.][0-9].*-cloud-amd64\$" |
    cut -d ' ' -f 1 | sort -V | tail -n 1)
  if [[ -z $package ]] || ! (cd "$apt/packages" &&
    apt-get "${options[@]}" download "$package" >>"$apt/log" 2>&1); then
    tail -n 5 "$apt/log"
    return 1
  fi
  mv "$apt/packages/$package"_*.deb "$work/$series.deb"
  rm -rf "$apt"
}

# add_module TREE DIRECTORY NAME: the module and those that it needs, which come
# first in DIRECTORY/order: what needs what changes between updates of a kernel.
add_module() {
  local tree="$1" directory="$2" name="$3" file needed
  [[ ! -e $directory/$name.ko ]] || return 0
  # Files have hyphens or underscores; what has no file is compiled in.
  file=$(find "$tree" -name "${name//_/[-_]}.ko" -o \
    -name "${name//_/[-_]}.ko.xz" | sed -n 1p)
  case "$file" in
    *.xz) xz -dc "$file" >"$directory/$name.ko" ;;
    *.ko) cp "$file" "$directory/$name.ko" ;;
    *) return 0 ;;
  esac
  while read -r needed; do
    [[ -z $needed ]] || add_module "$tree" "$directory" "$needed"
  done < <(grep -aoz '^depends=[^[:cntrl:]]*' "$directory/$name.ko" |
    tr -d '\0' | sed 's/depends=//' | tr ',' '\n' && echo)
  echo "$name" >>"$directory/order"
}

# The kernel of series $1 as $work/$1.vmlinuz, and $work/$1.initrd with busybox,
# the modules for a virtio disk with ext4, and init.sh.
make_initrd() {
  local series="$1" tree="$work/tree" root="$work/initrd" module
  rm -rf "$tree" "$root"
  dpkg -x "$work/$series.deb" "$tree"
  cp "$tree"/boot/vmlinuz-* "$work/$series.vmlinuz"
  mkdir -p "$root/bin" "$root/modules"
  cp /bin/busybox "$root/bin/"
  cp "$here/init.sh" "$root/init"
  chmod +x "$root/init"
  : >"$root/modules/order"
  # ext4 asks for its checksum by name when it mounts.
  for module in virtio_pci virtio_blk crc32c_generic ext4; do
    add_module "$tree" "$root/modules" "$module"
  done
  (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) \
    >"$work/$series.initrd"
  rm -rf "$tree" "$root"
}

# copy_program ROOT FILE: FILE without its symbols and the libraries that it
# needs, at the same places below ROOT.
copy_program() {
  local root="$1" file="$2" library
  mkdir -p "$root$(dirname "$file")"
  cp -L "$file" "$root$file"
  strip "$root$file"
  while read -r library; do
    [[ ! -e $root$library ]] || continue
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done < <(ldd "$file" | grep -oE '/[^ ]+' | sort -u)
}

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
        'Engines/EngineContract.*/Uring64' 'Kernels/AsyncStress.*/0')
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

# $work/disk: an ext4 with all that the guest runs, made anew from the build.
make_disk() {
  # As in `jobs`, programs are where they are here.
  local root="$work/root" program
  rm -rf "$root"
  mkdir -p "$root/bin" "$root/tmp" "$root/results" "$root/proc" "$root/sys" \
    "$root/dev" "$root/etc"
  cp /bin/busybox "$root/bin/"
  for program in sh cat cut timeout uname; do
    ln -s busybox "$root/bin/$program"
  done
  cp "$here/run_all.sh" "$root/"
  for program in \
    "$build"/bin/{{engine,file,db}_tests,file_test_child,uring_{probe,bench}} \
    "$build"/lib/librocksdb_uring.so* /usr/bin/db_bench /usr/bin/ldb; do
    [[ -e $program ]] || { echo "missing: $program" >&2; exit 2; }
    copy_program "$root" "$program"
  done
  jobs >"$root/jobs"
  rm -f "$work/disk"
  truncate -s 2G "$work/disk"
  /sbin/mke2fs -q -F -t ext4 -b 4096 -d "$root" "$work/disk"
  rm -rf "$root"
}

# boot SERIES: runs the guest and puts what it leaves into $work/SERIES/. A panic,
# a guest that hangs and one that does not come to its end are failures.
boot() {
  local series="$1" results="$work/$1" status=0
  local seconds=$((full ? 14400 : 3600))
  mkdir -p "$results"
  cp --sparse=always "$work/disk" "$results/disk"
  timeout --foreground --kill-after=10 "$seconds" qemu-system-x86_64 \
    -accel tcg,thread=multi -cpu max -m 1536M -smp 2 \
    -nodefaults -display none -no-reboot -serial "file:$results/console" \
    -kernel "$work/$series.vmlinuz" -initrd "$work/$series.initrd" \
    -append "console=ttyS0 quiet panic=-1 nosoftlockup" \
    -drive "file=$results/disk,if=virtio,format=raw,cache=unsafe" \
    </dev/null || status=$?
  ((status == 0)) || echo "  QEMU's exit status: $status"
  # The guest's files are read without mounting its disk, which takes root.
  /sbin/debugfs -R "rdump /results $results" "$results/disk" \
    >"$results/debugfs.log" 2>&1 || true
  mv "$results"/results/* "$results/" || true
  rm -rf "$results/disk" "$results/results"
  ((status == 0)) && [[ -e $results/done ]]
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
  if "$here/facts.py" "$results/probe.json" "$results/bench.json"; then
    case_passed
  else
    case_failed "io_uring on Linux $series"
  fi
  if "$scripts/paths_taken.py" heading && "$scripts/paths_taken.py" db_bench \
    multi_read.ring,read_async.ring,write_behind.ring \
    "$results"/{fill,multi_get,seek}.json; then
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
  for name in probe bench fill multi_get seek; do
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
  if boot "$series"; then
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
make_disk
for series in "${kernels[@]}"; do
  run_kernel "$series"
done
rm -f "$work/disk"
echo
print_sums
((failed == 0))
