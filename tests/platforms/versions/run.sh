#!/usr/bin/env bash
# Builds and tests the project on other RocksDBs. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/platforms/versions/run.sh [--suite NAME]... [--source TREE]...
                                       [--intree] [--full] [--work DIRECTORY]

With --source, builds TREE, a RocksDB source tree which is not changed, and tests
the project on it with RocksDB's own suites and db_stress (source.sh --help).
Otherwise makes a root of each suite of Debian with debootstrap, and in it runs
`tests/run.sh --preset dev`: the whole project, built and tested with the RocksDB,
the liburing and the compiler that this suite has. As root.

  --suite NAME      Default: trixie (RocksDB 9.10.0, liburing 2.9) and sid
  --intree          also tests/platforms/intree/run.sh: that RocksDB with the
                    plugin inside, by cmake, shared
  --full            with --source: all of RocksDB's suites, and more of db_stress
  --work DIRECTORY  keeps roots and builds there, and goes on with what it holds.
                    Default: a new one below $TEST_TMPDIR or /tmp, removed at the
                    end
  --help            this text

Exit codes: 0 passed, 1 failed, 2 bad usage, 77 skipped: no root, no debootstrap,
or no archive. With ROCKSDB_URING_REQUIRE=1 the last is a failure.

Environment: JOBS=N, DEBIAN_MIRROR=URL, ROCKSDB_URING_REQUIRE,
ROCKSDB_URING_TEST_SEED
TEXT
}

suites=()
sources=()
intree=0
full=0
work=
# shellcheck source-path=SCRIPTDIR source=../../scripts/options.sh
. "$(dirname "$0")/../../scripts/options.sh"
option() {
  case "$1" in
    --suite) suites+=("$2") ;;
    --source) sources+=("$2") ;;
    --intree) intree=1 ;;
    --full) full=1 ;;
    --work) mkdir -p "$2" && work=$(cd "$2" && pwd) ;;
  esac
}
read_options suite:,source:,intree,full,work: 0 "$@"
((${#suites[@]} + ${#sources[@]} > 0)) || suites=(trixie sid)

# In a directory of its own: what one has built does not serve another.
test_source() {
  local tree="$1" arguments=()
  ((full == 0)) || arguments+=(--full)
  [[ -z $work ]] || arguments+=(--work "$work/$(basename "$(realpath "$tree")")")
  "$here/source.sh" ${arguments[@]+"${arguments[@]}"} "$tree" || return
  ((intree == 0)) || "$here/../intree/run.sh" --source "$tree" --builder cmake \
    --link shared
}

here=$(cd "$(dirname "$0")" && pwd)
bad=0
for source in ${sources[@]+"${sources[@]}"}; do
  test_source "$source" || { echo "FAILED: $source" >&2; bad=1; }
done
((${#suites[@]} > 0)) || exit "$bad"

# shellcheck source-path=SCRIPTDIR source=../../scripts/report.sh
. "$(dirname "$0")/../../scripts/report.sh"
# shellcheck source-path=SCRIPTDIR source=../../scripts/debian_root.sh
. "$(dirname "$0")/../../scripts/debian_root.sh"

((EUID == 0)) || skip_all versions "another Debian takes root"
command -v debootstrap >/dev/null ||
  skip_all versions "debootstrap is not installed"

temporary=0
if [[ -z $work ]]; then
  work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/uring-versions.XXXXXX")
  temporary=1
fi
mounted=()

# shellcheck disable=SC2317  # the trap calls it
clean_up() {
  local i
  for ((i = ${#mounted[@]} - 1; i >= 0; --i)); do
    umount "${mounted[i]}" || temporary=0
  done
  # Never through a mount that would not go.
  ((temporary == 0)) || rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# mount_in DIRECTORY MOUNT_ARGUMENTS...
mount_in() {
  mountpoint -q "$1" && return
  mount "${@:2}" "$1"
  mounted+=("$1")
}

# Makes the root of the suite $1, unless it is there.
make_root() {
  local suite="$1" root="$work/$1"
  [[ -e $root/etc/debian_version ]] ||
    make_debian_root "$suite" "$root" || return
  # What tests look for: processes, block devices, loop devices.
  mount_in "$root/proc" -t proc proc || return
  mount_in "$root/sys" -t sysfs -o ro sysfs || return
  mount_in "$root/dev" --bind /dev || return
  # What was built there before saves time.
  mkdir -p "$root/work/source" || return
  find "$root/work/source" -mindepth 1 -maxdepth 1 ! -name build \
    -exec rm -rf {} + || return
  copy_project "$root/work/source"
}

inside() {
  local root="$1"
  shift
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    DEBIAN_FRONTEND=noninteractive JOBS="${JOBS:-$(nproc)}" \
    DEBIAN_MIRROR="${DEBIAN_MIRROR:-}" \
    ROCKSDB_URING_REQUIRE="${ROCKSDB_URING_REQUIRE:-}" \
    ROCKSDB_URING_TEST_SEED="${ROCKSDB_URING_TEST_SEED:-}" \
    CMAKE_C_COMPILER_LAUNCHER="${launcher:-}" \
    CMAKE_CXX_COMPILER_LAUNCHER="${launcher:-}" "$@"
}

# In the root of the suite $1.
test_suite() {
  local suite="$1" root="$work/$1" start=$SECONDS launcher=
  [[ -x $root/usr/bin/ccache ]] && launcher=ccache
  inside "$root" /work/source/tests/run.sh --preset dev || return
  if ((intree)); then
    inside "$root" /work/source/tests/platforms/intree/run.sh --suite "$suite" \
      --builder cmake --link shared || return
  fi
  echo "passed: $(inside "$root" dpkg-query -W librocksdb-dev liburing-dev g++ |
    tr '\t\n' ' ,') $((SECONDS - start)) s"
}

for suite in "${suites[@]}"; do
  make_root "$suite" ||
    skip_all versions "no root of $suite can be made"
  test_suite "$suite" || { echo "FAILED: $suite" >&2; bad=1; }
done
exit "$bad"
