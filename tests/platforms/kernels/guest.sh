# shellcheck shell=bash
# Sourced by the scripts beside it: a guest in QEMU, emulated in software, with one
# of Debian's kernels and an ext4 disk that holds the programs to run.
#
# The script sets `build`, a build directory, and defines `jobs`.
#
# SPDX-License-Identifier: Apache-2.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scripts=$(cd "$here/../../scripts" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../scripts/report.sh
. "$scripts/report.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/archive.sh
. "$scripts/archive.sh"
work="$build/kernels"
mkdir -p "$work"

# The release of Debian that has the series.
suite_of() {
  case "$1" in
    5.10) echo bullseye ;;
    6.1) echo bookworm ;;
    6.12) echo trixie ;;
    *) return 1 ;;
  esac
}

check_tools() {
  local tool
  [[ $(dpkg --print-architecture) == amd64 ]] ||
    skip_all kernels "the kernels are those for amd64"
  for tool in qemu-system-x86_64 cpio xz strip python3; do
    [[ -n $(type -P "$tool") ]] || skip_all kernels "$tool is not installed"
  done
  for tool in /bin/busybox /sbin/mke2fs /sbin/debugfs; do
    [[ -x $tool ]] || skip_all kernels "$tool is not installed"
  done
  # There are no libraries before the guest has its disk.
  ! ldd /bin/busybox >/dev/null 2>&1 ||
    skip_all kernels "busybox is not static: install busybox-static"
}

# The newest kernel of series $1 as $work/$1.deb, from an apt that knows nothing
# but the release that has it. Bullseye's newest are in the archive of security
# updates only.
fetch_kernel() {
  local series="$1" suite apt package options
  [[ ! -s $work/$series.deb ]] || return 0
  suite=$(suite_of "$series")
  apt="$work/apt-$series"
  rm -rf "$apt"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
  local security key=/usr/share/keyrings/debian-archive-keyring.gpg
  security=$(debian_archive security)
  cat >"$apt/sources.list" <<LIST
deb [signed-by=$key] $(debian_archive) $suite main
${security:+deb [signed-by=$key] $security $suite-security main}
LIST
  options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache"
    -o APT::Sandbox::User=root -o Acquire::Languages=none
    -o Acquire::Retries=3 -o Acquire::Check-Valid-Until=false -q)
  # One of the two archives is enough.
  apt-get "${options[@]}" update >"$apt/log" 2>&1 || true
  package=$(apt-cache "${options[@]}" search --names-only \
    "^linux-image-${series//./\\.}[.][0-9].*-cloud-amd64\$" |
    cut -d ' ' -f 1 | sort -V | tail -n 1)
  if [[ -z $package ]] || ! (cd "$apt/packages" &&
    apt-get "${options[@]}" download "$package" >>"$apt/log" 2>&1); then
    tail -n 5 "$apt/log"
    return 1
  fi
  mv "$apt/packages/$package"_*.deb "$work/$series.deb"
  rm -rf "$apt"
}

# add_module TREE DIRECTORY NAME: the module and those that it needs, which come
# first in DIRECTORY/order: what needs what changes between updates of a kernel.
add_module() {
  local tree="$1" directory="$2" name="$3" file needed
  [[ ! -e $directory/$name.ko ]] || return 0
  # Files have hyphens or underscores; what has no file is compiled in.
  file=$(find "$tree" -name "${name//_/[-_]}.ko" -o \
    -name "${name//_/[-_]}.ko.xz" | sed -n 1p)
  case "$file" in
    *.xz) xz -dc "$file" >"$directory/$name.ko" ;;
    *.ko) cp "$file" "$directory/$name.ko" ;;
    *) return 0 ;;
  esac
  while read -r needed; do
    [[ -z $needed ]] || add_module "$tree" "$directory" "$needed"
  done < <(grep -aoz '^depends=[^[:cntrl:]]*' "$directory/$name.ko" |
    tr -d '\0' | sed 's/depends=//' | tr ',' '\n' && echo)
  echo "$name" >>"$directory/order"
}

# The kernel of series $1 as $work/$1.vmlinuz, and $work/$1.initrd with busybox,
# the modules for a virtio disk with ext4, and init.sh.
make_initrd() {
  local series="$1" tree="$work/tree" root="$work/initrd" module
  rm -rf "$tree" "$root"
  dpkg -x "$work/$series.deb" "$tree"
  cp "$tree"/boot/vmlinuz-* "$work/$series.vmlinuz"
  mkdir -p "$root/bin" "$root/modules"
  cp /bin/busybox "$root/bin/"
  cp "$here/init.sh" "$root/init"
  chmod +x "$root/init"
  : >"$root/modules/order"
  # ext4 asks for its checksum by name when it mounts.
  for module in virtio_pci virtio_blk crc32c_generic ext4; do
    add_module "$tree" "$root/modules" "$module"
  done
  (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) \
    >"$work/$series.initrd"
  rm -rf "$tree" "$root"
}

# copy_program ROOT FILE: FILE without its symbols and the libraries that it
# needs, at the same places below ROOT.
copy_program() {
  local root="$1" file="$2" library
  mkdir -p "$root$(dirname "$file")"
  cp -L "$file" "$root$file"
  strip "$root$file"
  while read -r library; do
    [[ ! -e $root$library ]] || continue
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done < <(ldd "$file" | grep -oE '/[^ ]+' | sort -u)
}

# make_disk BYTES PROGRAM...: $work/disk, an ext4 of that size with the programs,
# made anew, and with what they are to do, which `jobs` prints: one job a line, its
# name, its seconds, its command. Programs are where they are here.
make_disk() {
  local bytes="$1" root="$work/root" program
  shift
  rm -rf "$root"
  mkdir -p "$root/bin" "$root/tmp" "$root/results" "$root/proc" "$root/sys" \
    "$root/dev" "$root/etc"
  cp /bin/busybox "$root/bin/"
  for program in sh cat cut timeout uname; do
    ln -s busybox "$root/bin/$program"
  done
  cp "$here/run_all.sh" "$root/"
  for program; do
    [[ -e $program ]] || { echo "missing: $program" >&2; exit 2; }
    copy_program "$root" "$program"
  done
  jobs >"$root/jobs"
  rm -f "$work/disk"
  truncate -s "$bytes" "$work/disk"
  /sbin/mke2fs -q -F -t ext4 -b 4096 -d "$root" "$work/disk"
  rm -rf "$root"
}

# boot SERIES CPUS SECONDS: runs the guest for at most so long, and puts what it
# leaves into $work/SERIES/. A panic, a guest that hangs and one that does not come
# to its end are failures.
boot() {
  local series="$1" cpus="$2" seconds="$3" results="$work/$1" status=0
  mkdir -p "$results"
  cp --sparse=always "$work/disk" "$results/disk"
  timeout --foreground --kill-after=10 "$seconds" qemu-system-x86_64 \
    -accel tcg,thread=multi -cpu max -m 1536M -smp "$cpus" \
    -nodefaults -display none -no-reboot -serial "file:$results/console" \
    -kernel "$work/$series.vmlinuz" -initrd "$work/$series.initrd" \
    -append "console=ttyS0 quiet panic=-1 nosoftlockup" \
    -drive "file=$results/disk,if=virtio,format=raw,cache=unsafe" \
    </dev/null || status=$?
  ((status == 0)) || echo "  QEMU's exit status: $status"
  # The guest's files are read without mounting its disk, which takes root.
  /sbin/debugfs -R "rdump /results $results" "$results/disk" \
    >"$results/debugfs.log" 2>&1 || true
  mv "$results"/results/* "$results/" || true
  rm -rf "$results/disk" "$results/results"
  ((status == 0)) && [[ -e $results/done ]]
}
