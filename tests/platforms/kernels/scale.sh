#!/usr/bin/env bash
# Compares the engines on machines of more CPUs than this one. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/kernels/scale.sh [--cpus N]... [--rounds N] BUILD_DIRECTORY

Boots guests of 2, 8, 16 and 32 CPUs, emulated in software, and runs uring_bench
on the io_uring and the POSIX engine, and scans of 2,000 small tables by db_bench
with and without the plugin, in alternating rounds. Prints the ratios by number of
CPUs: nothing else means anything in an emulator, whose CPUs take turns on those of
this machine. Takes some 4 minutes for each guest. BUILD_DIRECTORY should be that
of the optimised build. Needs what run.sh needs.

  --cpus N    only guests of so many CPUs; may be repeated
  --rounds N  rounds of each comparison (default 3)
  --help      this text
TEXT
}

cpus=()
rounds=3
# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
option() {
  case "$1" in
    --cpus) cpus+=("$2") ;;
    --rounds) rounds="$2" ;;
  esac
}
read_options cpus:,rounds: 1 "$@"
((${#cpus[@]} > 0)) || cpus=(2 8 16 32)
[[ -d ${operands[0]} ]] || bad_usage
build=$(cd "${operands[0]}" && pwd)
# shellcheck source-path=SCRIPTDIR source=guest.sh
. "$(dirname "$0")/guest.sh"
kernel=6.1

# Small reads for many threads, where a lock of the process would show: from a
# file in memory that does not answer without waiting, from the page cache, and
# from the disk.
bench_jobs() {
  local round="$1" name arguments engine
  while read -r name arguments; do
    for engine in uring posix; do
      echo "$name.$engine.$round 120 $build/bin/uring_bench --size_mb=128" \
        "--runtime=1.5 --warmup=0.3 --engine=$engine $arguments" \
        "--json=/results/$name.$engine.$round.json"
    done
  done <<'ROWS'
shm_batch_64 --file=/dev/shm/data --threads=64 --batch=32 --nodirect
shm_batch_256 --file=/dev/shm/data --threads=256 --batch=32 --nodirect
cached_batch_64 --file=/tmp/data --threads=64 --batch=32 --nodirect
cached_single_64 --file=/tmp/data --threads=64 --batch=1 --nodirect
direct_batch_64 --file=/tmp/data --threads=64 --batch=32 --direct
direct_batch_256 --file=/tmp/data --threads=256 --batch=32 --direct
ROWS
}

scan_jobs() {
  local round="$1" data="$2" preload="LD_PRELOAD=$build/lib/librocksdb_uring.so"
  local scan="--use_existing_db --benchmarks=seekrandom --threads=64 --reads=10"
  scan+=" --seek_nexts=2000 --use_direct_reads=true --open_files=-1"
  echo "scan_tables.posix.$round 300 /usr/bin/db_bench $data $scan"
  echo "scan_tables.uring.$round 300 $preload /usr/bin/db_bench $data $scan" \
    "--fs_uri='uring://?stats_interval_s=0&stats_file=/results/scan.json'"
}

jobs() {
  local data="--db=/db --num=320000 --value_size=200 --compression_type=none"
  local round
  data+=" --cache_size=1048576 --seed=1 --target_file_size_base=32768"
  data+=" --max_bytes_for_level_base=4294967296 --disable_auto_compactions=true"
  echo "make 900 /usr/bin/db_bench $data --benchmarks=fillrandom,compact" \
    "--write_buffer_size=16777216 --disable_wal=true"
  for ((round = 1; round <= rounds; ++round)); do
    bench_jobs "$round"
    scan_jobs "$round" "$data"
  done
}

check_tools
retry fetch_kernel "$kernel"
make_initrd "$kernel"
for count in "${cpus[@]}"; do
  make_disk 2G "$build"/bin/uring_bench "$build"/lib/librocksdb_uring.so* \
    /usr/bin/db_bench
  rm -rf "${work:?}/$kernel"
  if ! boot "$kernel" "$count" 3600; then
    tail -n 40 "$work/$kernel/console"
    echo "the guest of $count CPUs did not come to its end" >&2
    exit 1
  fi
  "$here/ratios.py" "$count" "$work/$kernel"
done
rm -f "$work/disk"
