#!/usr/bin/env bash
# Fetches RocksDB's source. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/rocksdb/get_source.sh DIRECTORY

Unpacks below DIRECTORY the source package that the installed librocksdb was
built from, with what patches/ has for its version, and prints where it is. Needs
dpkg-dev. The machine's own apt configuration is read and left as it is.
TEXT
}

# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
read_options '' 1 "$@"
mkdir -p "${operands[0]}"
directory=$(cd "${operands[0]}" && pwd)
top=$(cd "$(dirname "$0")/../../.." && pwd)
patches=$top/patches
# shellcheck source=/dev/null
. "$top/tests/scripts/private_apt.sh"
version=$(dpkg-query -W -f '${source:Version}' librocksdb-dev)
# Without epoch and Debian's revision: that of RocksDB.
upstream=${version#*:}
upstream=${upstream%-*}
source=$directory/rocksdb-$upstream
shopt -s nullglob
patches=("$patches/rocksdb-$upstream"/*.patch)
# Unpacked again when a patch has changed.
stamp="$version $(cat /dev/null "${patches[@]}" | sha256sum)"

# source_entries URI: the machine's entries for the archive at URI, as entries
# for its sources, in apt's newer form; with the keys that they name.
source_entries() {
  local uri=${1%/} file
  for file in /etc/apt/sources.list.d/*.sources; do
    awk -v uri="$uri" 'BEGIN { RS = ""; FS = "\n" }
      /(^|\n)Types:[^\n]*deb/ && !/(^|\n)Enabled: *no/ {
        for (i = 1; i <= NF; ++i) {
          if ($i ~ /^URIs:/ && index($i "/", uri "/")) {
            gsub(/(^|\n)Types:[^\n]*/, "\nTypes: deb-src")
            print $0 "\n"
            next
          }
        }
      }' "$file"
  done
}

# The same for entries of one line each.
source_lines() {
  local uri=${1%/} file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -f $file ]] || continue
    grep -E '^deb(-src)?[[:space:]]' "$file" | grep -F "$uri" |
      sed -E 's/^deb(-src)?/deb-src/' || true
  done
}

if [[ $(cat "$source/.unpacked" 2>/dev/null) != "$stamp" ]]; then
  uri=$(apt-cache policy librocksdb-dev |
    sed -nE 's/^ +[0-9]+ (https?:[^ ]+|file:[^ ]+) .*/\1/p' |
    sed -n 1p)
  if [[ -z $uri ]]; then
    echo "get_source.sh: apt knows no archive with librocksdb-dev" >&2
    exit 1
  fi
  apt=$directory/apt
  rm -rf "$apt" "$source"
  mkdir -p "$apt/sources.list.d" "$apt/lists/partial" "$apt/cache/archives/partial"
  source_entries "$uri" >"$apt/sources.list.d/source.sources"
  source_lines "$uri" >"$apt/sources.list"
  options=(
    -o Dir::Etc::sourcelist="$apt/sources.list"
    -o Dir::Etc::sourceparts="$apt/sources.list.d"
    -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache"
    -o APT::Sandbox::User=root -q)
  (
    cd "$apt"
    retry apt-get "${options[@]}" -o APT::Update::Error-Mode=any update
    apt-get "${options[@]}" --download-only source "rocksdb=$version" ||
      [[ -e rocksdb_$upstream.orig.tar.gz ]]
    unpack_rocksdb "$source"
  ) >&2
  for patch in "${patches[@]}"; do
    echo "applying ${patch##*/}" >&2
    patch -d "$source" -p1 --no-backup-if-mismatch <"$patch" >&2
  done
  echo "$stamp" >"$source/.unpacked"
fi
printf '%s\n' "$source"
