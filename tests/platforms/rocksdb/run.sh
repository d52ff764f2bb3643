#!/usr/bin/env bash
# RocksDB's own tests on the plugin. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/rocksdb/run.sh [option]...

Fetches the source package of the installed librocksdb, compiles RocksDB's own
test programs and db_stress against that library, and runs them without the
plugin and with it (suites.py --help, stress.py --help). The plugin must have
been built. Everything goes to build/rocksdb/.

  --full           all suites, also by URI and with everything through rings, and
                   30 minutes of db_stress instead of 2
  --minutes N      so much of db_stress
  --preset NAME    the build of the plugin: dev (default), release
  --source DIRECTORY, --library FILE, --plugin DIRECTORY, --build DIRECTORY
                   another RocksDB, all four together: its tree, the librocksdb.so
                   built from it with assertions, the build of the plugin against
                   that, and where everything goes instead of build/rocksdb
                   (tests/platforms/versions/run.sh --source does all of it)
  --suites "A B+F" these test programs, B with the fault F (suites.py --help)
  --no-suites      db_stress only
  --no-stress      test programs only
  --help           this text

Environment:
  ROCKSDB_URING_REQUIRE=1  no io_uring is a failure
  TEST_TMPDIR=DIRECTORY    where tests put their files, on a disk
  JOBS=N                   parallel compilations and tests (default: nproc)
TEXT
}

# SUITE+FAULT: system calls fail below the file system (failing_calls.cc). The
# FaultInjectionTestFS of error_handler_fs_test buffers writes until a sync or the
# end of the file, and ignores errors of syncs: faults of syncs prove there that
# the file still works after the error. Hence the different numbers of calls.
readonly default_suites=(
  db_basic_test db_wal_test prefetch_test env_test external_sst_file_test
  fault_injection_test error_handler_fs_test db_io_failure_test
  error_handler_fs_test+fdatasync:.log:ENOSPC:1
  db_io_failure_test+fdatasync:.log:ENOSPC:1
  error_handler_fs_test+sync:MANIFEST-:EIO:2:4
  db_io_failure_test+sync:MANIFEST-:EIO:3)
readonly more_suites=(
  backup_engine_test checkpoint_test column_family_test corruption_test
  db_blob_basic_test db_compaction_test db_flush_test db_iterator_test db_test
  db_test2 delete_scheduler_test env_basic_test random_access_file_reader_test
  repair_test sst_file_reader_test
  error_handler_fs_test+sync:.sst:EIO:1
  db_io_failure_test+sync:.sst:EIO:1
  error_handler_fs_test+write:.log:ENOSPC:1
  db_io_failure_test+write:.log:ENOSPC:2
  error_handler_fs_test+halfwrite:.log:ENOSPC:1
  db_io_failure_test+halfwrite:.log:ENOSPC:2
  error_handler_fs_test+write:.sst:EIO:1
  db_io_failure_test+write:.sst:EIO:1
  error_handler_fs_test+write:.sst:ENOSPC:1:1
  db_io_failure_test+write:.sst:ENOSPC:1:1
  error_handler_fs_test+write:MANIFEST-:EIO:2:4
  db_io_failure_test+write:MANIFEST-:EIO:4:4
  error_handler_fs_test+ftruncate:.log:EIO:1
  db_io_failure_test+ftruncate:.log:EIO:1
  # error_handler_fs_test makes no such calls.
  db_io_failure_test+sync_file_range:.sst:EIO:1
  db_io_failure_test+fallocate:.log:ENOSPC:1
  db_blob_basic_test+write:.blob:ENOSPC:1)

full=0
preset=dev
source=
library=
plugin=
build=
minutes=
suites=()
stress=1
# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
option() {
  case "$1" in
    --full) full=1 ;;
    --minutes) minutes=$2 ;;
    --preset) preset=$2 ;;
    --source) source=$(cd "$2" && pwd) ;;
    --library) library=$(realpath "$2") ;;
    --plugin) plugin=$(cd "$2" && pwd)/lib ;;
    --build) mkdir -p "$2" && build=$(cd "$2" && pwd) ;;
    --suites) read -ra suites <<<"$2" ;;
    --no-suites) suites=(none) ;;
    --no-stress) stress=0 ;;
  esac
}
read_options \
  full,minutes:,preset:,suites:,no-suites,no-stress,source:,library:,plugin:,build: \
  0 "$@"
case "${source:+1}${library:+1}${plugin:+1}${build:+1}" in
  '' | 1111) ;;
  *) bad_usage ;;
esac
if [[ -z $minutes ]]; then
  minutes=2
  ((full)) && minutes=30
fi
if ((${#suites[@]} == 0)); then
  suites=("${default_suites[@]}")
  ((full)) && suites+=("${more_suites[@]}")
fi
[[ ${suites[0]} != none ]] || suites=()

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
# shellcheck source=/dev/null
. tests/scripts/private_apt.sh
plugin=${plugin:-$PWD/build/$preset/lib}
build=${build:-$PWD/build/rocksdb}
jobs=${JOBS:-$(nproc)}
work=${TEST_TMPDIR:-$build}/rocksdb_tests
if [[ ! -e $plugin/librocksdb_uring_preload.so || ! -e $plugin/librocksdb_uring.so ]]; then
  echo "run.sh: no plugin in $plugin; build it: cmake --build --preset $preset" >&2
  exit 1
fi

if [[ -z $source ]]; then
  source=$("$here/get_source.sh" "$build")
fi
version=$(rocksdb_version "$source")
programs=("${suites[@]%%+*}")
cmake -S "$here" -B "$build/programs" -G Ninja -DROCKSDB_SOURCE="$source" \
  -DROCKSDB_LIBRARY="${library:-rocksdb}" -DCMAKE_CXX_STANDARD="$(rocksdb_standard "$source")" \
  -DSUITES="$(printf '%s\n' "${programs[@]}" | sort -u | paste -sd ';')" \
  -DSTRESS="$([[ $stress == 1 ]] && echo ON || echo OFF)" >/dev/null
cmake --build "$build/programs" -- -j"$jobs" --quiet

# Adds to: passed failed.
sums=(0 0)
add_counts() {
  local counts=(0 1)
  [[ ! -s $1 ]] || read -ra counts <"$1"
  sums=($((sums[0] + counts[0])) $((sums[1] + counts[1])))
}

status=0
rm -f "$build"/*.counts
if ((${#suites[@]} > 0)); then
  # More at a time than there are processors: most of it waits for the disk.
  # Interposed serves the most calls: RocksDB's tests use FileSystem::Default() in
  # many places where a URI does not reach.
  modes=posix,interposed
  ((full)) && modes+=,uri,rings
  "$here/suites.py" --modes "$modes" --programs "$build/programs/bin" --plugin "$plugin" \
    --work "$work/suites" --jobs "$((jobs * 3))" --counts "$build/suites.counts" \
    "${suites[@]}" || status=1
  add_counts "$build/suites.counts"
fi
if ((stress)); then
  # Older ones have the flag, and do not pass asynchronous reads on.
  asynchronous=()
  if dpkg --compare-versions "$version" ge 7.10; then
    asynchronous=(--async_io)
  fi
  "$here/stress.py" --db_stress "$build/programs/bin/db_stress" \
    --source "$source" --plugin "$plugin" --work "$work/stress" \
    --minutes "$minutes" \
    --counts "$build/stress.counts" "${asynchronous[@]}" || status=1
  add_counts "$build/stress.counts"
fi
echo "${sums[0]} passed, ${sums[1]} failed, 0 skipped"
exit "$status"
