# shellcheck shell=bash
# Sourced: the machine's apt with lists and a cache of its own, for packages of
# other suites of Debian. What is installed here is neither asked nor changed.

# private_apt_setup DIRECTORY SUITE TYPE: TYPE is deb or deb-src. Fails if the
# archive cannot be had.
private_apt_setup() {
  local archive directory="$1" keys=/usr/share/keyrings/debian-archive-keyring.gpg
  mkdir -p "$directory/state/lists/partial" "$directory/cache/archives/partial" \
    "$directory/none" || return
  : >"$directory/status"
  : >"$directory/preferences"
  archive=$(. "$(dirname "${BASH_SOURCE[0]}")/../archive.sh" && debian_archive)
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
