#!/usr/bin/env bash
# messages.sh INCLUDE_DIRECTORY LIBRARY: what is said of a RocksDB that is too
# old, newer than what was tested, not there, no RocksDB, or two of them.
# INCLUDE_DIRECTORY and LIBRARY are those of one that is supported.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

include=$1
library=$2
source=$(cd "$(dirname "$0")/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# Headers of version $1 in $work/$1.
make_version() {
  mkdir -p "$work/$1/rocksdb"
  IFS=. read -r major minor patch <<<"$1"
  printf '#pragma once\n#define ROCKSDB_MAJOR %s\n#define ROCKSDB_MINOR %s\n#define ROCKSDB_PATCH %s\n' \
    "$major" "$minor" "$patch" >"$work/$1/rocksdb/version.h"
}

# expect EXIT_CODE TEXT... -- COMMAND...: all texts are in what it says, however
# it breaks lines.
expect() {
  local wanted="$1" code=0 said text texts=()
  shift
  while [[ $1 != -- ]]; do texts+=("$1"); shift; done
  shift
  said=$("$@" 2>&1) || code=$?
  said=$(tr -s ' \n' ' ' <<<"$said")
  ((code == wanted)) || { echo "$*: exit code $code: $said"; bad=1; }
  for text in "${texts[@]}"; do
    [[ $said == *"$text"* ]] || { echo "$*: no \"$text\" in: $said"; bad=1; }
  done
}

cat >"$work/check.cmake" <<TEXT
include($source/plugin/cmake/RocksDBVersion.cmake)
check_rocksdb_version(\${INCLUDE})
message("version \${ROCKSDB_VERSION}")
TEXT
check() { cmake "-DINCLUDE=$1" -P "$work/check.cmake"; }

for version in 6.29.5 7.7.8 7.8.0 7.8.3 7.10.2 9.11.2 11.8.1 11.9.0 12.0.0; do
  make_version "$version"
done
for version in 6.29.5 7.7.8; do
  expect 1 "RocksDB $version" "$work/$version" "too old" "7.8 to 11.8" -- \
    check "$work/$version"
done
for version in 7.8.0 7.8.3 7.10.2 9.11.2 11.8.1; do
  expect 0 "version $version" -- check "$work/$version"
  [[ $(check "$work/$version" 2>&1) != *Warning* ]] ||
    { echo "$version is warned of"; bad=1; }
done
for version in 11.9.0 12.0.0; do
  expect 0 Warning "RocksDB $version" "newer" "7.8 to 11.8" "version $version" \
    -- check "$work/$version"
done
expect 1 "not found" "$work/nowhere/rocksdb/version.h" "7.8 to 11.8" -- \
  check "$work/nowhere"
mkdir -p "$work/none/rocksdb"
echo "#define SOMETHING 1" >"$work/none/rocksdb/version.h"
expect 1 "names no version" "7.8 to 11.8" -- check "$work/none"

# The project asks when it is configured.
expect 1 "RocksDB 7.7.8" "too old" "7.8 to 11.8" -- \
  cmake -S "$source" -B "$work/build" -DROCKSDB_URING_BUILD_TESTS=OFF \
  -DROCKSDB_INCLUDE_DIR="$work/7.7.8" -DROCKSDB_LIBRARY=/nowhere/librocksdb.so
expect 1 "${library##*/} is librocksdb.so" "headers are those of RocksDB 11.8.1" -- \
  cmake -S "$source" -B "$work/build2" -DROCKSDB_URING_BUILD_TESTS=OFF \
  -DROCKSDB_INCLUDE_DIR="$work/11.8.1" -DROCKSDB_LIBRARY="$library"
# Where the directory of the library is not looked into.
expect 1 "RocksDB was not found" "librocksdb-dev" "7.8 to 11.8" -- \
  cmake -S "$source" -B "$work/build3" -DROCKSDB_URING_BUILD_TESTS=OFF \
  -DLIBURING_INCLUDE_DIR=/usr/include -DLIBURING_LIBRARY=/nowhere/liburing.a \
  -DCMAKE_IGNORE_PATH="${library%/*};$(dirname "${library#/usr}")"
# RocksDB's make asks nothing: then the compiler refuses.
expect 1 "works with RocksDB 7.8 to 11.8; these headers are older" -- \
  "${CXX:-c++}" -std=c++17 -fsyntax-only -x c++ -I"$work/7.7.8" -I"$include" \
  "$source/env/file/rocksdb_compat.h"
exit "$bad"
