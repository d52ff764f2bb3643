# shellcheck shell=bash
# Sourced: the machine's apt with lists and a cache of its own, for packages of
# other suites of Debian, and RocksDB's sources among them. What is installed here
# is neither asked nor changed.
#
# SPDX-License-Identifier: Apache-2.0

# shellcheck source-path=SCRIPTDIR source=archive.sh
. "$(dirname "${BASH_SOURCE[0]}")/archive.sh"

# private_apt_setup DIRECTORY SUITE TYPE: TYPE is deb or deb-src. Fails if the
# archive cannot be had.
private_apt_setup() {
  local archive directory="$1" keys=/usr/share/keyrings/debian-archive-keyring.gpg
  mkdir -p "$directory/state/lists/partial" "$directory/cache/archives/partial" \
    "$directory/none" || return
  : >"$directory/status"
  : >"$directory/preferences"
  archive=$(debian_archive)
  echo "$3 [signed-by=$keys] $archive $2 main" \
    >"$directory/sources.list"
  # A list that cannot be had is but a warning to apt-get.
  private_apt "$directory" update -o APT::Update::Error-Mode=any
}

# private_apt DIRECTORY APT_GET_ARGUMENTS...
private_apt() {
  local directory="$1"
  shift
  apt-get -qq \
    -o Dir::Etc::sourcelist="$directory/sources.list" \
    -o Dir::Etc::sourceparts="$directory/none" \
    -o Dir::Etc::preferencesparts="$directory/none" \
    -o Dir::Etc::preferences="$directory/preferences" \
    -o Dir::State="$directory/state" -o Dir::State::status="$directory/status" \
    -o Dir::Cache="$directory/cache" -o APT::Sandbox::User=root "$@"
}

# unpack_rocksdb TREE: RocksDB's source package, as apt-get has fetched it into the
# current directory, becomes TREE. An archive may have lost the small files of a
# revision and still have RocksDB's own tree, which apt-get has checked: Debian's
# changes to it do not matter to tests.
unpack_rocksdb() {
  local tree="$1"
  if compgen -G "rocksdb_*.dsc" >/dev/null; then
    dpkg-source --no-check -x rocksdb_*.dsc "$tree"
  else
    mkdir "$tree" &&
      tar xf rocksdb_*.orig.tar.gz -C "$tree" --strip-components=1
  fi
}

# rocksdb_source DIRECTORY SUITE: leaves RocksDB as SUITE has it, without patches,
# in DIRECTORY/rocksdb, unless it is there. Fails if the archive does not have it.
rocksdb_source() {
  local directory="$1" suite="$2"
  [[ ! -e $directory/rocksdb/Makefile ]] || return 0
  rm -rf "$directory"
  mkdir -p "$directory"
  retry private_apt_setup "$directory/apt" "$suite" deb-src || return
  (
    cd "$directory" || return
    private_apt "$directory/apt" --download-only source rocksdb ||
      compgen -G "rocksdb_*.orig.tar.gz" >/dev/null || return
    unpack_rocksdb rocksdb
  ) >&2
}

# rocksdb_version TREE: 9.10.0, say.
rocksdb_version() {
  sed -nE 's/^#define ROCKSDB_(MAJOR|MINOR|PATCH) +([0-9]+).*/\2/p' \
    "$1/include/rocksdb/version.h" | paste -sd.
}

# rocksdb_standard TREE: the C++ standard that it is compiled as, such as 20.
rocksdb_standard() {
  sed -nE 's/^ *set\(CMAKE_CXX_STANDARD +([0-9]+)\).*/\1/p' \
    "$1/CMakeLists.txt" | sed -n 1p
}
