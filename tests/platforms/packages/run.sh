#!/usr/bin/env bash
# The Debian packages on a bare Debian. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/packages/run.sh BUILD_DIRECTORY

Makes the Debian packages of a build, and runs the block "With the package
installed" of plugin/README.md in a Debian 12 that has nothing else, and the
examples of the engine where there is no RocksDB; then follows README.md there
from the start: quickstart.sh, the build, and every block of the README files of
the top, plugin/ and tools/, in order. As root, with debootstrap; takes ten
minutes. The root is made below $TEST_TMPDIR or /tmp and removed at the end.
TEXT
}

# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/debian_root.sh
. "$(dirname "$0")/../../scripts/debian_root.sh"
read_options '' 1 "$@"
build=$(cd "${operands[0]}" && pwd)
source=$(cd "$(dirname "$0")/../../.." && pwd)
root=$(mktemp -d "${TEST_TMPDIR:-/tmp}/uring-root.XXXXXX")

clean_up() {
  umount "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$root"
}
trap clean_up EXIT

cd "$source"
rm -rf "$build/package"
cpack --config "$build/CPackConfig.cmake"

make_debian_root bookworm "$root"
mkdir -p "$root/work/build/release/package"
cp "$build"/package/*.deb "$root/work/build/release/package/"
mount -t proc proc "$root/proc"

inside() {
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    DEBIAN_FRONTEND=noninteractive "$@"
}

inside apt-get update -q
blocks_of() { "$source/tests/scripts/readme_block.sh" "$source/$1" "${@:2}"; }
block=$(blocks_of plugin/README.md "With the package installed")
inside ROCKSDB_URING_OPTIONS="stats_interval_s=0;stats_file=/work/uring-%p.json" \
  bash -euo pipefail -c "cd /work; $block"

# Both ways have used the plugin, and the package has brought all it needs.
used=$(grep -lE '"opens": [1-9]' "$root"/work/uring-*.json | wc -l)
if ((used < 2)); then
  echo "packages/run.sh: $used of 2 programs have used the plugin" >&2
  exit 1
fi
inside uring_probe --program=/usr/bin/db_bench
# What compiles against it comes with the development package.
inside bash -c "apt-get install -qy --no-install-recommends g++ pkg-config \
  cmake make /work/build/release/package/librocksdb-uring-dev_*.deb"
cp -r "$source/plugin/examples" "$root/work/"
# shellcheck disable=SC2016  # expanded inside
inside bash -euo pipefail -c '
  cd /work/examples
  cc env.c -o /work/env_c $(pkg-config --cflags --libs rocksdb_uring)
  /work/env_c /work/db_c
  cmake -S . -B /work/cmake && cmake --build /work/cmake
  /work/cmake/uring_example /work/db_cc'
# Nothing stays when it goes.
inside apt-get purge -qy rocksdb-uring
if find "$root/usr" -name '*rocksdb_uring*' | grep .; then
  echo "packages/run.sh: the package has left files" >&2
  exit 1
fi

# The engine alone brings and needs no RocksDB: its examples, and the same ones
# by pkg-config.
inside apt-get purge -qy --autoremove librocksdb-dev
# shellcheck disable=SC2016  # expanded inside
inside bash -euo pipefail -c '
  apt-get install -qy --no-install-recommends \
    /work/build/release/package/librocksdb-uring-engine-dev_*.deb
  ! dpkg-query -W -f "\${Package}\n" | grep -i "librocksdb[0-9-]"
  cd /work/examples/engine
  cmake -S . -B /work/engine && cmake --build /work/engine
  cc batch.c -o /work/engine/batch_pc $(pkg-config --cflags --libs rocksdb_uring_engine)
  for example in /work/engine/{batch,callback,sync,vectored,wait}_{c,cc} \
    /work/engine/batch_pc; do
    "$example" /work/engine/data
  done
  apt-get purge -qy librocksdb-uring-engine-dev
  ! find /usr -name "*rocksdb_uring*" | grep .'

# README.md from the start.
mkdir "$root/work/source"
copy_project "$root/work/source"
# The first command, on a machine that has none of what it needs.
inside /work/source/tools/quickstart.sh --quick --size=64M \
  >"$root/work/start.log" 2>&1 || { tail -n 40 "$root/work/start.log"; exit 1; }
takes=$(sed -n 's/^Requires //p' "$source/plugin/README.md" |
  grep -o '`[a-z0-9-]*`' | tr -d '`')
# shellcheck disable=SC2086  # a list
inside apt-get install -qy --no-install-recommends $takes >/dev/null
for file in README.md plugin/README.md tools/README.md; do
  while read -r heading; do
    # Takes a RocksDB tree: tests/platforms/intree/run.sh.
    [[ $heading != "Inside RocksDB's own build" ]] || continue
    echo "packages/run.sh: $file: $heading"
    block=$(blocks_of "$file" "$heading")
    inside bash -euo pipefail -c "cd /work/source; $block" \
      >"$root/work/block.log" 2>&1 </dev/null ||
      { tail -n 40 "$root/work/block.log"; echo "FAILED: $heading" >&2; exit 1; }
  done < <(blocks_of "$file")
done
echo "packages/run.sh: passed"
