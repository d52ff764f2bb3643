# shellcheck shell=bash
# Sourced: where this machine's apt finds Debian, for scripts that fetch from
# other suites of it, and how to ask it again. $DEBIAN_MIRROR comes first.
#
# SPDX-License-Identifier: Apache-2.0

# debian_archive [SUFFIX]: the address of the archive that has this machine's
# own release, or `release-SUFFIX`, such as security; empty if there is none.
debian_archive() {
  local release address
  if [[ -n ${DEBIAN_MIRROR:-} && $# -eq 0 ]]; then
    echo "$DEBIAN_MIRROR"
    return
  fi
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
  [[ -z ${1:-} ]] || release+="-$1"
  # shellcheck disable=SC2016  # apt's own variables
  address=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' \
    'Created-By: Packages' 'Component: main' |
    awk -v release="$release" '$1 == release && !found++ { print $2 }')
  # A release in the making is called by more than one name.
  if [[ -z $address && $# -eq 0 ]]; then
    # shellcheck disable=SC2016
    address=$(apt-get indextargets --format '$(REPO_URI)' \
      'Created-By: Packages' 'Component: main' | sed -n 1p)
  fi
  echo "${address%/}"
}

# retry COMMAND...: an archive that changes, or another apt-get, is in the way for
# a while only.
retry() {
  local pause
  for pause in 5 20 60; do
    "$@" && return
    echo "failed; once more in $pause s: $*" >&2
    sleep "$pause"
  done
  "$@"
}
