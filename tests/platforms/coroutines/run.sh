#!/usr/bin/env bash
# RocksDB's asynchronous MultiGet with the coroutines of patches/. See usage.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/coroutines/run.sh [--suite NAME | --source DIRECTORY]
                                         [--sanitize NAME] [--work DIRECTORY]

Copies a RocksDB tree, applies the patches of its version, puts this project
into it as plugin/uring, builds db_basic_test and db_bench with
USE_COROUTINES=1 and without folly, and runs RocksDB's tests of MultiGet on the
default file system and on the plugin, lookups in many files while reads of one
of them fail, then db_bench with asynchronous MultiGet, buffered, with direct
I/O, and where the page cache has it all. The statistics must show that
asynchronous reads have served, and that what is cached goes without. From 11.8
on also RocksDB's tests of its coroutines' statistics and reads, and a thousand
GetAsync and MultiGetAsync at once, whose reads the rings of the plugin's
executor must have served. Half an hour of a processor, less with ccache.

  --suite NAME        RocksDB as this suite of Debian has it: bookworm (7.8.3,
                      default), trixie (9.10.0), sid. Fetched with apt-get source.
  --source DIRECTORY  a RocksDB tree; it is not changed
  --sanitize NAME     address (with undefined) or thread. Default: none
  --work DIRECTORY    keeps trees and objects there, and goes on with what it
                      holds. Default: a new one below $TEST_TMPDIR or /tmp,
                      removed at the end
  --help              this text

Exit codes: 0 passed, 1 failed, 2 bad usage, 77 skipped: the source cannot be
had, or the compiler has no coroutines. With ROCKSDB_URING_REQUIRE=1 the last is
a failure, as is no io_uring.

Environment: CXX, JOBS=N, DEBIAN_MIRROR=URL
TEXT
}

suite=bookworm
source=
sanitize=
work=
# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
option() {
  case "$1" in
    --suite) suite="$2" ;;
    --source) source=$(cd "$2" && pwd) ;;
    --sanitize) sanitize="$2" ;;
    --work) mkdir -p "$2" && work=$(cd "$2" && pwd) ;;
  esac
}
read_options suite:,source:,sanitize:,work: 0 "$@"

top=$(cd "$(dirname "$0")/../../.." && pwd)
readonly top
readonly jobs="${JOBS:-$(nproc)}"
readonly cxx="${CXX:-g++}"
compiler="$cxx"
if command -v ccache >/dev/null; then
  compiler="ccache $compiler"
fi
flags=(DEBUG_LEVEL=1 OPTIMIZE_LEVEL=-O1)
case "$sanitize" in
  '') ;;
  address)
    flags+=(COMPILE_WITH_ASAN=1 COMPILE_WITH_UBSAN=1)
    # RocksDB's test asks for its parameter before the base class that has it is
    # constructed; gtest keeps it in a static variable.
    flags+=("--eval=db/db_basic_test.o: CXXFLAGS += -fno-sanitize=vptr")
    ;;
  thread) flags+=(COMPILE_WITH_TSAN=1) ;;
  *) bad_usage ;;
esac
# shellcheck source=/dev/null
. "$top/tests/scripts/private_apt.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/report.sh
. "$top/tests/scripts/report.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/debian_root.sh
. "$top/tests/scripts/debian_root.sh"

if [[ -z $work ]]; then
  work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/uring-coroutines.XXXXXX")
  trap 'rm -rf "$work"' EXIT
fi

# A RocksDB tree in $1 with the patches and the plugin inside, unless it is there
# with the same patches; the plugin and the headers as they are now.
make_tree() {
  local patch patches stamp
  patches=("$top/patches/rocksdb-$version"/{coroutines_,async_}*.patch)
  stamp=$(cat "${patches[@]}" | sha256sum) || return
  if [[ $stamp != "$(cat "$1/patches.sha256" 2>/dev/null)" ]]; then
    rm -rf "$1"
    mkdir -p "$1"
    (cd "$source" && tar c --exclude=.git .) | tar x -C "$1" || return
    for patch in "${patches[@]}"; do
      echo "applying ${patch##*/}"
      patch -d "$1" -p1 --fuzz=0 --no-backup-if-mismatch <"$patch" || return
    done
    echo "$stamp" >"$1/patches.sha256"
  fi
  mkdir -p "$1/plugin/uring" || return
  copy_project "$1/plugin/uring"
}

build() {
  local targets=(static_lib db_basic_test db_bench)
  ! has_async_get || targets+=(perf_context_test random_access_file_reader_test)
  # A newer compiler warns of RocksDB's own code.
  make -C "$1" -j"$jobs" CXX="$compiler" ROCKSDB_PLUGINS=uring LIB_MODE=static \
    USE_COROUTINES=1 SKIP_DEPENDS=1 PORTABLE=1 DISABLE_WARNING_AS_ERROR=1 \
    "${flags[@]}" "${targets[@]}" || return
  if (($(nm -C "$1/db_basic_test" | grep -c 'MultiGetFromSSTCoroutine') == 0)); then
    echo "built without coroutines"
    return 1
  fi
  local libraries sanitizers=()
  libraries=$(sed -nE 's/^PLATFORM_LDFLAGS= *//p' "$1/make_config.mk") || return
  case "$sanitize" in
    address) sanitizers=("-fsanitize=address,undefined") ;;
    thread) sanitizers=(-fsanitize=thread) ;;
  esac
  local program programs=(multiget_faults)
  ! has_async_get || programs+=(async_get)
  for program in "${programs[@]}"; do
    # shellcheck disable=SC2086 # words: a compiler with its launcher, libraries
    $compiler -std=c++20 -O1 -Wall -Wextra -Werror "${sanitizers[@]}" \
      -isystem "$1/include" "$top/tests/platforms/coroutines/$program.cc" \
      -o "$1/$program" "$1"/librocksdb*.a $libraries || return
  done
}

# Whether this RocksDB has GetAsync and MultiGetAsync.
has_async_get() { grep -q 'void GetAsync(' "$source/include/rocksdb/db.h"; }

# RocksDB's tests of MultiGet; further arguments are set in the environment.
run_tests() {
  local name="$1" tree="$2"
  shift 2
  echo "== db_basic_test, $name"
  mkdir -p "$tree/test-files"
  env TEST_TMPDIR="$tree/test-files" "$@" "$tree/db_basic_test" \
    --gtest_filter='*MultiGet*' | tail -n 20
}

# Reads that fail, on the default file system and on the plugin.
run_faults() {
  local tree="$1" uri direct
  # Cached reads take a ring with the last.
  for uri in '' uring:// 'uring://?reads=uring'; do
    for direct in 0 1; do
      echo "== multiget_faults, ${uri:-default file system}, direct reads: $direct"
      "$tree/multiget_faults" "$tree/test-faults" "$uri" "$direct" || return
    done
  done
}

# RocksDB's own tests of what 11.8 has added for its coroutines.
run_coroutine_tests() {
  local tree="$1"
  "$tree/perf_context_test" --gtest_filter='*Coroutine*:*AsyncCallback*' | tail -n 5 &&
    "$tree/random_access_file_reader_test" --gtest_filter='*Coroutine*' | tail -n 5
}

# GetAsync and MultiGetAsync on the default file system, which has no executor,
# and on the plugin, whose executor must have served where there are rings.
run_async_get() {
  local tree="$1" stats="$1/test-stats.json" uri direct
  for uri in '' uring:// 'uring://?reads=uring' 'uring://?executor_threads=0'; do
    for direct in 0 1; do
      echo "== async_get, ${uri:-default file system}, direct reads: $direct"
      rm -f "$stats"
      ROCKSDB_URING_OPTIONS="stats_file=$stats" \
        "$tree/async_get" "$tree/test-async" "$uri" "$direct" || return
      [[ $uri != uring:// && $uri != *reads=uring ]] || check_executor "$stats" "$direct" || return
    done
  done
  echo "== async_get, plugin without rings"
  ROCKSDB_URING=off "$tree/async_get" "$tree/test-async" uring:// 1
}

# The statistics $1 of reads that were direct ($2).
check_executor() {
  python3 - "$1" "$2" "${ROCKSDB_URING_REQUIRE:-}" <<'TEXT'
import json, sys
stats = json.load(open(sys.argv[1]))
reads = {path: counts["count"] for path, counts in stats["ops"]["read_async"].items()}
submitted = stats["events"]["executor_reads"]
print("executor_reads", submitted, "read_async", reads)
if stats["engine"]["kind"] != "uring":
    sys.exit("there is no io_uring" if sys.argv[3] == "1" else 0)
# Every lookup of a key that is there reads at least one block.
if sys.argv[2] == "1" and (submitted < 20000 or reads["ring"] < submitted):
    sys.exit("the rings of the executor have not served")
TEXT
}

# db_bench with asynchronous MultiGet by several threads, which share what decides
# whether a lookup takes coroutines. Every key is there, and must be found.
# $2: direct: every lookup takes coroutines, and its reads take rings. buffered:
# the reads take rings; these may complete so fast, from the page cache, that
# lookups go without coroutines. cached: the page cache answers the reads, and
# only a few lookups take coroutines.
run_bench() {
  local tree="$1" mode="$2" db="$1/test-db" stats="$1/test-stats.json" out
  local direct=false reads=uring
  [[ $mode != direct ]] || direct=true
  [[ $mode != cached ]] || reads=auto
  rm -rf "$db" "$stats"
  out="$tree/test-bench.out"
  "$tree/db_bench" --db="$db" --num=100000 --value_size=400 --compression_type=none \
    --target_file_size_base=2097152 --write_buffer_size=2097152 \
    --fs_uri="uring://?stats_file=$stats&stats_interval_s=0&reads=$reads" \
    --benchmarks=fillseq,compact,multireadrandom --multiread_batched=true \
    --batch_size=32 --threads=4 --reads=8000 --cache_size=0 --statistics=1 \
    --async_io=true --optimize_multiget_for_io=true --use_direct_reads="$direct" >"$out" 2>&1 ||
    { tail -n 20 "$out"; return 1; }
  grep '^multireadrandom' "$out"
  # The line says how many of how many keys were found.
  python3 - "$stats" "$out" "${ROCKSDB_URING_REQUIRE:-}" "$mode" "$sanitize" <<'TEXT'
import json, re, sys
stats = json.load(open(sys.argv[1]))
out = open(sys.argv[2]).read()
rings = stats["engine"]["kind"] == "uring"
tasks = int(re.search(r"multiget\.coroutine\.count COUNT : (\d+)", out).group(1))
found = re.search(r"multireadrandom.*\((\d+) of (\d+) found\)", out)
reads = {path: counts["count"] for path, counts in stats["ops"]["read_async"].items()}
gets = int(re.search(r"number\.multiget\.get COUNT : (\d+)", out).group(1))
print("MultiGet", gets, "coroutines", tasks, "read_async", reads, "fallback", stats["fallback"])
if found is None or found.group(1) != found.group(2):
    sys.exit("keys are missing")
if tasks == 0:
    sys.exit("no coroutine ran")
# Each lookup needs some 16 of 20 files.
if sys.argv[4] == "cached" and rings:
    if reads["page_cache"] == 0:
        sys.exit("no asynchronous read was answered by the page cache")
    # The gate of the patches goes by time, and a sanitizer makes reads slow.
    if tasks >= 4 * gets and sys.argv[5] == "":
        sys.exit("lookups of what is cached have taken coroutines")
elif rings:
    if reads["ring"] == 0:
        sys.exit("no asynchronous read took a ring")
    if sys.argv[4] == "direct" and tasks < 8 * gets:
        sys.exit("lookups have taken no coroutines")
if not rings and sys.argv[3] == "1":
    sys.exit("ROCKSDB_URING_REQUIRE is set, but there is no io_uring")
TEXT
}

if ! echo '#include "folly/coro/Coroutine.h"
int main() { std::noop_coroutine().resume(); }' |
  "$cxx" -std=c++20 -I"$top/patches/coroutines" -x c++ -fsyntax-only - 2>/dev/null; then
  skip_all coroutines "$cxx has no coroutines"
fi
if [[ -z $source ]]; then
  source="$work/source-$suite/rocksdb"
  rocksdb_source "$work/source-$suite" "$suite" ||
    skip_all coroutines "the source of RocksDB in $suite cannot be fetched"
fi
version=$(rocksdb_version "$source")
[[ -d $top/patches/rocksdb-$version ]] ||
  skip_all coroutines "there are no patches for RocksDB $version"

tree="$work/$version${sanitize:+-$sanitize}"
log="$tree.log"
start=$SECONDS
if ! { make_tree "$tree" && build "$tree"; } >"$log" 2>&1; then
  tail -n 40 "$log"
  echo "FAILED: RocksDB $version cannot be built with coroutines"
  exit 1
fi
echo "built RocksDB $version${sanitize:+ ($sanitize)}: $((SECONDS - start)) s"
unset LD_PRELOAD ROCKSDB_URING ROCKSDB_URING_OPTIONS
bad=0
run_tests "default file system" "$tree" || bad=1
run_tests "plugin" "$tree" TEST_FS_URI=uring:// || bad=1
run_tests "plugin without rings" "$tree" TEST_FS_URI=uring:// ROCKSDB_URING=off || bad=1
run_faults "$tree" || bad=1
if has_async_get; then
  run_coroutine_tests "$tree" || bad=1
  run_async_get "$tree" || bad=1
fi
for mode in buffered direct cached; do
  echo "== db_bench, $mode"
  run_bench "$tree" "$mode" || bad=1
done
((bad == 0)) && echo "passed: RocksDB $version with coroutines"
exit "$bad"
