#!/usr/bin/env bash
# Builds RocksDB with the plugin inside. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/intree/run.sh [--suite NAME | --source DIRECTORY]
                                     [--builder NAME] [--link KIND]
                                     [--work DIRECTORY]

Copies a RocksDB tree and this project as its plugin/uring, builds db_bench as a
release build does (no run-time type information), and runs it with
--fs_uri=uring:// and no preload. The statistics must show that the plugin and,
where there is io_uring, its rings have served. Not optimised: 5 to 60 minutes of
a processor, less with ccache.

  --suite NAME        RocksDB as this suite of Debian has it: bookworm (7.8.3,
                      default), trixie (9.10.0), sid. Fetched with apt-get source.
  --source DIRECTORY  a RocksDB tree; it is not changed
  --builder NAME      make or cmake. Default: both
  --link KIND         static or shared: how db_bench takes RocksDB. Default: both
  --work DIRECTORY    keeps trees and objects there, and goes on with what it
                      holds. Default: a new one below $TEST_TMPDIR or /tmp,
                      removed at the end
  --help              this text

Exit codes: 0 passed, 1 failed, 2 bad usage, 77 skipped: the source cannot be
had. With ROCKSDB_URING_REQUIRE=1 the last is a failure, as is no io_uring.

Environment: CXX, JOBS=N, DEBIAN_MIRROR=URL
TEXT
}

suite=bookworm
source=
builders=(make cmake)
links=(static shared)
work=
# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
option() {
  case "$1" in
    --suite) suite="$2" ;;
    --source) source=$(cd "$2" && pwd) ;;
    --builder) builders=("$2") ;;
    --link) links=("$2") ;;
    --work) mkdir -p "$2" && work=$(cd "$2" && pwd) ;;
  esac
}
read_options suite:,source:,builder:,link:,work: 0 "$@"
[[ "${builders[*]} ${links[*]}" =~ ^(make|cmake|make cmake)\ (static|shared|static shared)$ ]] ||
  bad_usage

top=$(cd "$(dirname "$0")/../../.." && pwd)
readonly top
readonly jobs="${JOBS:-$(nproc)}"
compiler="${CXX:-g++}"
launcher=()
if command -v ccache >/dev/null; then
  compiler="ccache $compiler"
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
# shellcheck source=/dev/null
. "$top/tests/scripts/private_apt.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/report.sh
. "$top/tests/scripts/report.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/debian_root.sh
. "$top/tests/scripts/debian_root.sh"

if [[ -z $work ]]; then
  work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/uring-intree.XXXXXX")
  trap 'rm -rf "$work"' EXIT
fi

# A RocksDB tree in $1 with the plugin inside, unless it is there; the plugin as
# it is now.
make_tree() {
  mkdir -p "$1"
  if [[ ! -e $1/Makefile ]]; then
    (cd "$source" && tar c --exclude=.git .) | tar x -C "$1" || return
  fi
  mkdir -p "$1/plugin/uring" || return
  copy_project "$1/plugin/uring" || return
  # RocksDB's make knows no dependencies of what an earlier run has left here.
  find "$1" -path '*/plugin/uring/*.o' -delete
}

# Builds db_bench in the tree $1 with make; static or shared as $2 says.
build_with_make() {
  # Position-independent in both, and said in one place, so that ccache serves
  # the second. A newer compiler warns of RocksDB's own code.
  make -C "$1" -j"$jobs" CXX="$compiler" ROCKSDB_PLUGINS=uring LIB_MODE="$2" \
    DEBUG_LEVEL=0 SKIP_DEPENDS=1 PORTABLE=1 DISABLE_WARNING_AS_ERROR=1 \
    PLATFORM_SHARED_CFLAGS= EXTRA_CXXFLAGS="-O0 -fPIC" db_bench || return
  db_bench="$1/db_bench"
}

build_with_cmake() {
  local shared=OFF
  [[ $2 == static ]] || shared=ON
  cmake -S "$1" -B "$1/build" ${launcher[@]+"${launcher[@]}"} \
    -DCMAKE_CXX_COMPILER="${CXX:-g++}" -DROCKSDB_PLUGINS=uring \
    -DROCKSDB_BUILD_SHARED="$shared" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_FLAGS_RELEASE="-O0 -DNDEBUG" -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    -DPORTABLE=1 -DWITH_GFLAGS=ON -DWITH_TESTS=OFF -DWITH_TOOLS=OFF \
    -DWITH_CORE_TOOLS=OFF -DWITH_BENCHMARK_TOOLS=ON -DFAIL_ON_WARNINGS=OFF || return
  cmake --build "$1/build" -j"$jobs" --target db_bench || return
  db_bench="$1/build/db_bench"
}

# Runs $db_bench of the tree $1 with a database there; $2 is how it was linked.
use() {
  local tree="$1" db="$1/test-db" stats="$1/test-stats.json" linked
  # Not the library of the system, which may have the same name.
  export LD_LIBRARY_PATH="${db_bench%/*}"
  linked=$(ldd "$db_bench" | grep -c "librocksdb.* $LD_LIBRARY_PATH/" || true)
  [[ $2 == static && $linked == 0 || $2 == shared && $linked == 1 ]] ||
    { echo "db_bench is not linked as $2"; return 1; }
  if (($(nm -C "$db_bench" | grep -c 'typeinfo for rocksdb::Env$') > 0)); then
    echo "a release build without -fno-rtti proves less than it says"
    return 1
  fi
  rm -rf "$db" "$stats"
  unset LD_PRELOAD ROCKSDB_URING ROCKSDB_URING_OPTIONS
  "$db_bench" --db="$db" --num=100000 --value_size=400 --compression_type=none \
    --fs_uri="uring://?stats_file=$stats&stats_interval_s=0&reads=uring" \
    --benchmarks=fillrandom,compact,multireadrandom --multiread_batched=true \
    --batch_size=32 --cache_size=0 || return
  # The default file system reads what the plugin has written, and no plugin of
  # another name answers.
  "$db_bench" --db="$db" --num=100000 --use_existing_db --compression_type=none \
    --benchmarks=readseq || return
  if "$db_bench" --db="$db" --use_existing_db --compression_type=none \
      --fs_uri=uringx:// --benchmarks=readseq >/dev/null 2>&1; then
    echo "db_bench took a file system that nobody knows"
    return 1
  fi
  python3 - "$stats" "${ROCKSDB_URING_REQUIRE:-}" "$top/env/base/version.h" <<'TEXT'
import json, re, sys
stats = json.load(open(sys.argv[1]))
version = re.search(r'kVersion\[\] = "(.*)"', open(sys.argv[3]).read())[1]
rings = stats["engine"]["kind"] == "uring"
paths = {path: counts["count"] for path, counts in stats["ops"]["multi_read"].items()}
print("opens", stats["opens"], "multi_read", paths, "fallback", stats["fallback"])
if stats["version"] != version:
    sys.exit(f"the statistics have version {stats['version']}, the header {version}")
if stats["opens"] == 0 or sum(paths.values()) == 0:
    sys.exit("the plugin was not used")
if rings and paths["ring"] == 0:
    sys.exit("the rings were not used")
if not rings and sys.argv[2] == "1":
    sys.exit("ROCKSDB_URING_REQUIRE is set, but there is no io_uring")
TEXT
}

# What one build is, in a subshell of its own.
build_and_use() {
  local builder="$1" link="$2" tree="$3"
  # As a condition `set -e` is off: each says itself whether it went well.
  make_tree "$tree" || return
  case "$builder" in
    make) build_with_make "$tree" "$link" || return ;;
    cmake) build_with_cmake "$tree" "$link" || return ;;
  esac
  use "$tree" "$link"
}

# One build in one tree, its output in a file.
run_one() {
  local builder="$1" link="$2" version="$3" tree log start=$SECONDS
  tree="$work/$version-$builder-$link"
  log="$tree.log"
  if (build_and_use "$builder" "$link" "$tree") >"$log" 2>&1; then
    echo "passed: RocksDB $version, $builder, $link: $((SECONDS - start)) s; $(grep '^opens' "$log")"
  else
    tail -n 40 "$log"
    echo "FAILED: RocksDB $version, $builder, $link: $((SECONDS - start)) s"
    return 1
  fi
}

if [[ -z $source ]]; then
  source="$work/source-$suite/rocksdb"
  rocksdb_source "$work/source-$suite" "$suite" ||
    skip_all intree "the source of RocksDB in $suite cannot be fetched"
fi
version=$(rocksdb_version "$source")
bad=0
for builder in "${builders[@]}"; do
  for link in "${links[@]}"; do
    run_one "$builder" "$link" "$version" || bad=1
  done
done
exit "$bad"
