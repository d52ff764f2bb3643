#!/usr/bin/env bash
# Compiles the plugin against the headers of other RocksDBs. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/versions/headers.sh [--suite NAME |
                                            --include DIRECTORY]...

Checks that the plugin compiles against RocksDB's headers, with the warnings and
without the run-time type information of RocksDB's own release builds. Links
nothing, installs nothing.

  --suite NAME         headers of librocksdb-dev in this suite of Debian, fetched
                       with the machine's apt into build/versions/ and kept
                       there. Default: trixie and sid.
  --include DIRECTORY  headers that are there, DIRECTORY/rocksdb/version.h
  --help               this text

Exit codes: 0 all compile, 1 some do not, 2 bad usage, 77 skipped: the archive
cannot be had. With ROCKSDB_URING_REQUIRE=1 the last is a failure.

Environment:
  CXX=COMPILER         default g++
  JOBS=N               compilations at the same time (default: nproc)
  DEBIAN_MIRROR=URL    default: where the machine's own packages come from
TEXT
}

suites=()
includes=()
# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
option() {
  case "$1" in
    --suite) suites+=("$2") ;;
    --include) includes+=("$2") ;;
  esac
}
read_options suite:,include: 0 "$@"
((${#suites[@]} + ${#includes[@]} > 0)) || suites=(trixie sid)

for ((i = 0; i < ${#includes[@]}; ++i)); do
  if [[ ! -e ${includes[i]}/rocksdb/version.h ]]; then
    echo "headers.sh: there is no ${includes[i]}/rocksdb/version.h" >&2
    exit 2
  fi
  includes[i]=$(cd "${includes[i]}" && pwd)
done
cd "$(dirname "$0")/../../.."
readonly work=$PWD/build/versions
# shellcheck source=/dev/null
. tests/scripts/private_apt.sh

# The package of the suite $1 into the directory $2. Between a list and the
# package that it names, an archive may have changed.
download_headers() {
  rm -rf "$2/apt"
  private_apt_setup "$2/apt" "$1" deb || return
  (cd "$2" && private_apt "$2/apt" download librocksdb-dev)
}

# Leaves RocksDB's headers of the suite $1 in build/versions/$1/include.
fetch_headers() {
  local suite="$1" root="$work/$1"
  [[ -e $root/include/rocksdb/version.h ]] && return 0
  rm -rf "$root"
  mkdir -p "$root/include" || return
  retry download_headers "$suite" "$root" || return
  dpkg -x "$root"/librocksdb-dev_*.deb "$root/package" || return
  mv "$root/package/usr/include/rocksdb" "$root/include/" || return
  rm -rf "$root/package" "$root/apt" "$root"/*.deb
}

# The part $2 of the version in the headers $1.
version_part() {
  sed -nE "s/^#define ROCKSDB_$2 +([0-9]+).*/\1/p" "$1/rocksdb/version.h"
}

# Everything that includes RocksDB's headers, against those in $1, and the tests
# of what is in some versions only; $2 files as one unit.
compile() {
  local include="$1" unit="$2" major minor standard=17
  major=$(version_part "$include" MAJOR)
  minor=$(version_part "$include" MINOR)
  # RocksDB's headers need C++20 from 10.7 on.
  if ((major > 10 || (major == 10 && minor >= 7))); then
    standard=20
  fi
  echo "RocksDB $major.$minor.$(version_part "$include" PATCH), C++$standard"
  # -I goes before the compiler's own directories, so that a RocksDB that is
  # installed is not seen.
  printf '%s\n' env/file/*.cc env/fs/*.cc plugin/*.cc \
    tests/unit/fs/versions_test.cc |
    xargs -P "${JOBS:-$(nproc)}" -n "$unit" "$work/compile_unit" "${CXX:-g++}" \
      "-std=c++$standard" "-I$include"
}

# What compile calls: compiler, standard, include option, files.
write_compile_unit() {
  mkdir -p "$work"
  cat >"$work/compile_unit" <<'TEXT'
#!/bin/sh
compiler=$1 standard=$2 include=$3
shift 3
printf '#include "%s"\n' "$@" | "$compiler" -fsyntax-only -x c++ "$standard" \
  -Wall -Wextra -Werror -Wshadow -Woverloaded-virtual -Wnon-virtual-dtor \
  -fno-rtti "$include" -I. -Iplugin \
  -DROCKSDB_URING_HOST_SONAME='"librocksdb.so"' \
  -DROCKSDB_URING_PLUGIN_SONAME='"librocksdb_uring.so"' -
TEXT
  chmod +x "$work/compile_unit"
}

bad=0
skipped=0
for suite in ${suites[@]+"${suites[@]}"}; do
  if fetch_headers "$suite"; then
    includes+=("$work/$suite/include")
  else
    rm -rf "${work:?}/$suite"
    echo "headers.sh: skipped: librocksdb-dev of $suite cannot be fetched" >&2
    skipped=1
  fi
done
# Each file by itself against the first, as builds inside RocksDB compile it;
# several at once against the others, to save time.
write_compile_unit
unit=1
for include in ${includes[@]+"${includes[@]}"}; do
  compile "$include" "$unit" ||
    { echo "headers.sh: FAILED: $include" >&2; bad=1; }
  unit=8
done
((bad == 0)) || exit 1
if ((skipped)); then
  [[ ${ROCKSDB_URING_REQUIRE:-} == 1 ]] && exit 1
  exit 77
fi
