#!/usr/bin/env bash
# A canary from 0 to 100 % of the files and back, in a process that keeps
# working: see usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/databases/canary/run.sh [--seconds N] [--buffered] BUILD

Runs a database under load with the preload library of BUILD (build/dev), while
the share in its control file goes 0, 5, 50, 100 and 0. Prints the operations of
both halves after each step, errors, and when rings were used last after the way
back. Fails on any error, and if a ring is used after it.

  --seconds N    length of all steps together (default 15)
  --buffered     tables through the page cache; default: direct I/O
  --help         this text

The database is made below $TEST_TMPDIR, or below BUILD.
TEXT
}

seconds=15
direct=true
# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
option() {
  case "$1" in
    --seconds) seconds="$2" ;;
    --buffered) direct=false ;;
  esac
}
read_options seconds:,buffered 1 "$@"
build=$(realpath "${operands[0]}")
directory=$(mktemp -d "${TEST_TMPDIR:-$build}/canary.XXXXXX")
trap 'rm -rf "$directory"' EXIT

echo share=0 >"$directory/control"
LD_PRELOAD="$build/lib/librocksdb_uring_preload.so" \
  ROCKSDB_URING_OPTIONS="control_file=$directory/control;stats_file=$directory/stats.json;stats_interval_s=1" \
  "$build/bin/canary_walk" --db="$directory/db" --control="$directory/control" \
  --seconds="$seconds" --direct="$direct"
echo "LOG: $(grep -c 'the control file' "$directory/db/LOG") changes"
grep 'the control file' "$directory/db/LOG" | sed 's/.*uring file system: /  /'
