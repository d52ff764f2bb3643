#!/bin/bash
# From a fresh Debian machine to a table and a report: installs what is missing, builds the plugin,
# and lets the distribution's own db_bench do the same work on POSIX and on the plugin.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/release
packages=(cmake ninja-build g++ pkg-config liburing-dev librocksdb-dev rocksdb-tools
  libgflags-dev nlohmann-json3-dev)
optional=(gnuplot-nox)  # without it the report has no plots
workloads=multiget_direct_t1,multiget_cold_t1,multiget_cached_t1
workloads+=,get_direct,get_cached,scan_direct,scan_direct_async
workloads+=,reverse_scan_cold,blob_scan_direct
workloads+=,fillsync,fillrandom,load_buffered,compact_direct
steps=5

size='' dir=$root/build/quickstart keep=no quick=no pairs=''

usage() {
  cat <<EOF
Usage: tools/quickstart.sh [options]
Builds the plugin and compares it with POSIX, side by side, in under four minutes on 2 CPUs.
Leaves a report: DIR/report.html.
  --size SIZE   size of the database, such as 512M or 2G, at least 64M
                (default: 1G, or less where disk or memory is short)
  --dir DIR     where the database is made, on the filesystem to measure
                (default: $dir)
  --pairs N     runs of each workload on each side (default: 3, with --quick 2). A verdict takes 6,
                and twice the time
  --quick       512M at most and shorter runs: about a minute after the build; less precise
  --keep        keep the database and the results (DIR/db, DIR/results.json)
  --help        this text
Exit status: 0 all ran, 1 something failed, 2 bad usage.
EOF
}

bad_usage() {
  echo "quickstart.sh: $1" >&2
  usage >&2
  exit 2
}

die() {
  echo "quickstart.sh: $1" >&2
  exit 1
}

# step NUMBER TEXT: names the step and the time since the start.
step() {
  printf '[%s/%s %3ds] %s\n' "$1" "$steps" "$SECONDS" "$2"
}

# quietly LOG COMMAND...: shows the command's output only when it fails.
quietly() {
  local log=$1
  shift
  if ! "$@" >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "this failed: $* (all output: $log)"
  fi
}

parse_size() {
  [[ $1 =~ ^([1-9][0-9]{0,5})([MG])$ ]] || bad_usage "--size: '$1' is not like 512M or 2G"
  size=${BASH_REMATCH[1]}
  [[ ${BASH_REMATCH[2]} == M ]] || size=$((size * 1024))
  ((size >= 64)) || bad_usage "--size: at least 64M"
}

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --size=*) parse_size "${1#*=}" ;;
      --dir=*) dir=${1#*=} ;;
      --pairs=*) pairs=${1#*=} ;;
      --size | --dir | --pairs)
        (($# > 1)) || bad_usage "$1 needs a value"
        case $1 in
          --size) parse_size "$2" ;;
          --dir) dir=$2 ;;
          --pairs) pairs=$2 ;;
        esac
        shift
        ;;
      --quick) quick=yes ;;
      --keep) keep=yes ;;
      --help | -h)
        usage
        exit 0
        ;;
      *) bad_usage "unknown option '$1'" ;;
    esac
    shift
  done
  [[ -n $dir ]] || bad_usage "--dir needs a directory"
  if [[ -z $pairs ]]; then
    pairs=3
    [[ $quick == no ]] || pairs=2
  fi
  [[ $pairs =~ ^[1-9][0-9]{0,2}$ ]] || bad_usage "--pairs: '$pairs' is not a number from 1 to 999"
}

# missing_packages PACKAGE...
missing_packages() {
  local package
  for package; do
    [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *" installed" ]] ||
      printf '%s ' "$package"
  done
}

# without_plots PACKAGE...
without_plots() {
  echo "    not installed, so the report has no plots: $*"
}

install_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "    apt not found: assuming that these are installed: ${packages[*]}"
    return
  fi
  local missing absent as_root=()
  read -ra missing <<<"$(missing_packages "${packages[@]}")"
  read -ra absent <<<"$(missing_packages "${optional[@]}")"
  if ((${#missing[@]} == 0 && (${#absent[@]} == 0 || EUID != 0))); then
    echo "    all installed"
    ((${#absent[@]} == 0)) || without_plots "${absent[@]}"
    return
  fi
  echo "    installing ${missing[*]} ${absent[*]}"
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null || ! sudo -v 2>/dev/null; then
      die "these packages are missing, and installing them takes root. Run as root:
  apt-get update && apt-get install -y --no-install-recommends ${missing[*]} ${absent[*]}"
    fi
    as_root=(sudo)
  fi
  # env: sudo does not pass variables on.
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q)
  local install=("${apt[@]}" install -y --no-install-recommends)
  if ((${#missing[@]} > 0)); then
    quietly "$dir/apt.log" "${apt[@]}" update
    quietly "$dir/apt.log" "${install[@]}" "${missing[@]}" "${absent[@]}"
  elif ! { "${apt[@]}" update && "${install[@]}" "${absent[@]}"; } >"$dir/apt.log" 2>&1; then
    without_plots "${absent[@]}"
  fi
}

build_project() {
  local options=()
  # A configured tree keeps its options.
  [[ -e $build/CMakeCache.txt ]] || options=(-DROCKSDB_URING_BUILD_TESTS=OFF)
  cd "$root"
  quietly "$dir/build.log" cmake --preset release "${options[@]}"
  quietly "$dir/build.log" cmake --build --preset release
}

probe() {
  local status=0
  "$build/bin/uring_probe" 2>&1 | sed 's/^/    /' || status=${PIPESTATUS[0]}
  case $status in
    0) ;;
    1) echo "    io_uring is not usable: the comparison shows the plugin's POSIX engine" ;;
    *) die "uring_probe failed with status $status" ;;
  esac
}

# Sets size, in MiB. The database takes 2.2 times its size while it is compacted, and the rows with
# everything cached need it in memory.
choose_size() {
  local free memory wanted=1024
  free=$(($(df -Pk "$dir" | awk 'NR == 2 { print $4 }') / 1024))
  memory=$(($(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo) / 1024))
  if [[ -z $size ]]; then
    [[ $quick == no ]] || wanted=512
    size=$wanted
    ((size <= memory / 2)) || size=$((memory / 2))
    ((size <= free / 3)) || size=$((free / 3))
    ((size >= 64)) ||
      die "too little space: $dir has $free MiB free, memory $memory MiB; 192 and 128 are needed"
    ((size == wanted)) || echo "database of $size MiB: memory or disk is short; figures are less precise"
  elif ((size * 22 / 10 > free)); then
    die "a database of $size MiB temporarily needs $((size * 22 / 10)) MiB, and $dir has $free MiB free: lower --size"
  elif ((size > memory * 8 / 10)); then
    echo "$size MiB do not fit in memory ($memory MiB free): rows with everything cached will fail"
  fi
  if [[ $(stat -f -c %T "$dir") == tmpfs ]]; then
    echo "$dir is in memory (tmpfs): name a directory on a disk with --dir for figures of a disk"
  fi
}

# compare OPTION...: what making the database and measuring have in common.
compare() {
  "$build/bin/uring_compare" --db="$dir/db" --plugin="$build/lib/librocksdb_uring.so" "$@"
}

measure() {
  local amount=(--pairs="$pairs" --seconds=1 --write_mb=256)
  [[ $quick == no ]] || amount=(--pairs="$pairs" --seconds=1 --write_mb=128)
  # Progress goes to stderr; the table is kept for the end.
  compare --workloads="$workloads" "${amount[@]}" --table=short --json="$dir/results.json" \
    --report="$dir/report.html" >"$dir/table.txt"
}

clean_up() {
  local status=$?
  if [[ $keep == no ]]; then
    rm -rf "$dir/db" "$dir/results.json" "$dir/table.txt"
    # Logs of a failure stay.
    ((status != 0)) || rm -f "$dir/apt.log" "$dir/build.log"
    rmdir "$dir" 2>/dev/null || true
  fi
}

main() {
  parse_arguments "$@"
  mkdir -p "$dir" || die "cannot create the directory $dir"
  dir=$(cd "$dir" && pwd)
  [[ -w $dir ]] || die "cannot write to $dir"
  if [[ -e $dir/db && ! -e $dir/db/uring_compare.json ]]; then
    die "$dir/db exists and was not made by this script: remove it, or use another --dir"
  fi
  trap clean_up EXIT
  trap 'exit 130' INT TERM

  choose_size
  step 1 "packages"
  install_packages
  step 2 "build (log: $dir/build.log)"
  build_project
  step 3 "what this machine can do (uring_probe)"
  probe
  step 4 "database of $size MiB in $dir/db"
  compare --make_db --size_mb="$size" --workloads=none
  step 5 "the same work on POSIX and on the plugin"
  local status=0
  measure || status=$?
  printf '\n'
  cat "$dir/table.txt"
  printf 'done in %d s; report: %s/report.html' "$SECONDS" "$dir"
  [[ $keep == no ]] || printf '; kept: %s/db, %s/results.json' "$dir" "$dir"
  printf '\n'
  return "$status"
}

main "$@"
