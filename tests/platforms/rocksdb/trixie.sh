#!/usr/bin/env bash
# db_stress with asynchronous reads. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/rocksdb/trixie.sh [MINUTES]

Builds the plugin and db_stress in a Debian 13 (RocksDB 9.10) and runs stress.py
there, default 30 minutes: db_stress passes asynchronous reads on only since
RocksDB 7.10. As root, with debootstrap; the root is made below $TEST_TMPDIR or
/tmp and removed at the end.
TEXT
}

# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/debian_root.sh
. "$(dirname "$0")/../../scripts/debian_root.sh"
read_options '' '[01]' "$@"
minutes=${operands[0]:-30}
root=$(mktemp -d "${TEST_TMPDIR:-/tmp}/uring-trixie.XXXXXX")

# shellcheck disable=SC2317  # the trap calls it
clean_up() {
  umount "$root/proc" 2>/dev/null || true
  # Never through a mount that would not go.
  mountpoint -q "$root/proc" || rm -rf --one-file-system "$root"
}
trap clean_up EXIT

make_debian_root trixie "$root"
mount -t proc proc "$root/proc"
mkdir -p "$root/work"
copy_project "$root/work"

# shellcheck disable=SC2016  # expanded inside
chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
  DEBIAN_FRONTEND=noninteractive JOBS="${JOBS:-$(nproc)}" MINUTES="$minutes" \
  ROCKSDB_URING_REQUIRE="${ROCKSDB_URING_REQUIRE:-}" bash -euo pipefail -c '
  cd /work
  apt-get update -q
  apt-get install -qy --no-install-recommends cmake ninja-build g++ pkg-config \
    liburing-dev librocksdb-dev libgflags-dev nlohmann-json3-dev python3 dpkg-dev
  cmake --preset dev -DROCKSDB_URING_BUILD_TESTS=OFF
  cmake --build build/dev -- -j"$JOBS"
  tests/platforms/rocksdb/run.sh --no-suites --minutes "$MINUTES"'
