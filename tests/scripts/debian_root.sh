# shellcheck shell=bash
# Sourced: roots of other Debians, and copies of this project, for scripts that
# test it in another place.
#
# SPDX-License-Identifier: Apache-2.0

# shellcheck source-path=SCRIPTDIR source=archive.sh
. "$(dirname "${BASH_SOURCE[0]}")/archive.sh"
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly project

# make_debian_root SUITE ROOT: a minimal Debian, as root and with debootstrap. It
# reaches the archive as this machine does.
make_debian_root() {
  local suite="$1" root="$2" archive
  archive=$(debian_archive) || return
  debootstrap --variant=minbase "$suite" "$root" "$archive" || return
  cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/" || return
  rm -f "$root"/etc/apt/apt.conf.d/*docker*
}

# copy_project DIRECTORY: this project as it is now, without its builds, into a
# directory that is there.
copy_project() {
  tar c -C "$project" --exclude=./build --exclude=./.git . | tar x -C "$1"
}
