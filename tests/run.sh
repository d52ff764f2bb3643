#!/usr/bin/env bash
# Sets up, builds and tests on a bare Debian machine. See usage below.
#
# SPDX-License-Identifier: Apache-2.0
set -uo pipefail

usage() {
  cat <<'TEXT'
usage: tests/run.sh [--quick | --full] [--preset NAME]...

Installs what is missing (as root), builds, and runs the tests.

  --preset NAME  only this part, which may be repeated:
                   dev, asan, tsan, release  built and tested
                   fuzz                      fuzzers, for a short while
                   coverage                  of the engine by its own tests
                   clang17, clang20, gcc20   compiled only: warnings and clang's
                                             thread-safety analysis are errors;
                                             gcc20 with optimisation
                   kernels, filesystems      the dev build on others
                   rocksdb                   RocksDB's own suites on the dev build
                   versions                  other versions of RocksDB
                   packages                  on a Debian that has nothing else
                 Default: all of them, but sanitizers on the suites of the
                 code that the plugin is made of, and clang17 (which fuzz
                 compiles with), release and packages with --full only.
                 kernels, filesystems and rocksdb run beside all that follows
                 the dev build, and print what they have to say at the end.
  --quick        before each commit: one build, and the suites of the engine, the
                 files and databases on it, without sanitizers
  --full         all suites under the sanitizers, more repetitions, each with
                 another seed, and the long suites: an hour of soak and of
                 db_stress, all suites of RocksDB, the plugin inside RocksDB's
                 own build and with its patches, the RocksDBs of Debian 13
                 and sid (as root)
  --help         this text

Environment:
  ROCKSDB_URING_REQUIRE=1      what would be skipped because there is no
                               io_uring, no root, no loop device, no other
                               kernel and no other Debian to be had, fails
  ROCKSDB_URING_TEST_SEED=N    seed of the random tests (they print theirs)
  ROCKSDB_URING_TEST_STEPS=N   steps of a random history (model_tests)
  ROCKSDB_URING_SOAK_SECONDS=N length of the soak (default 30, --full 3600)
  ROCKSDB_URING_FUZZ_SECONDS=N length of each fuzzer (default 20, --full 300)
  TEST_TMPDIR=DIRECTORY        where tests put their files, on a disk
  JOBS=N                       parallel compilations and tests (default: nproc)

ccache is used where it is installed.
TEXT
}

readonly packages=(
  cmake ninja-build make g++ clang pkg-config liburing-dev librocksdb-dev
  rocksdb-tools libgflags-dev libgtest-dev libgmock-dev nlohmann-json3-dev
  e2fsprogs mount libseccomp-dev fuse3 libfuse3-dev valgrind gcovr
  # An example of README.md, and the Debian packages.
  python3 dpkg-dev file binutils
  # Other filesystems, and other kernels in an emulator.
  xfsprogs btrfs-progs qemu-system-x86 busybox-static cpio xz-utils)
# The examples in other languages, whose tests are skipped without, and a bare
# Debian.
readonly full_packages=(golang-go rustc default-jdk-headless debootstrap)
readonly default_parts=(
  dev versions asan tsan fuzz clang20 gcc20 coverage)
# These run the dev build elsewhere, and wait for disks and an emulator more than
# half of their time: by default they run beside everything that follows it.
readonly beside_parts=(kernels filesystems rocksdb)
readonly full_parts=(clang17 release packages)
# What runs under a sanitizer by default: suites of the engine, the files and
# databases on them. The others run these through programs of their own.
readonly sanitized_suites=(
  coroutine_tests db_tests engine_tests file_tests model_tests)

# What --quick builds and runs: the same with the rule of the layers and the tools.
readonly quick_suites=("${sanitized_suites[@]}" layer_test tools_test)

full=0
quick=0
chosen=()
# shellcheck source-path=SCRIPTDIR source=scripts/options.sh
. "$(dirname "$0")/scripts/options.sh"
option() {
  case "$1" in
    --full) full=1 ;;
    --quick) quick=1 ;;
    --preset) chosen+=("$2") ;;
  esac
}
read_options full,quick,preset: 0 "$@"
if ((quick)); then
  ((!full && ${#chosen[@]} == 0)) || bad_usage
  chosen=(dev)
fi
for name in ${chosen[@]+"${chosen[@]}"}; do
  if [[ " ${default_parts[*]} ${beside_parts[*]} ${full_parts[*]} " != *" $name "* ]]; then
    echo "unknown preset: $name" >&2
    bad_usage
  fi
done

cd "$(dirname "$0")/.." || exit 1
# shellcheck source-path=SCRIPTDIR source=scripts/report.sh
. tests/scripts/report.sh
# shellcheck source-path=SCRIPTDIR source=scripts/archive.sh
. tests/scripts/archive.sh
jobs="${JOBS:-$(nproc)}"
coverage=
# Of what takes 0 for any.
readonly seed="${ROCKSDB_URING_TEST_SEED:-0}"
# Suites look at it; empty means the short ones.
export ROCKSDB_URING_TEST_FULL="${ROCKSDB_URING_TEST_FULL:-}"
((full)) && ROCKSDB_URING_TEST_FULL=1
# Every test process appends its name and its sums: faults injected, bad inputs.
mkdir -p build
if [[ -z ${ROCKSDB_URING_TEST_COUNTS:-} ]]; then
  export ROCKSDB_URING_TEST_COUNTS="$PWD/build/test_counts"
  : >"$ROCKSDB_URING_TEST_COUNTS"
fi

title() { printf '\n== %s\n' "$*"; }

set_up() {
  local missing=() package
  local wanted=("${packages[@]}")
  ((full)) && wanted+=("${full_packages[@]}")
  for package in "${wanted[@]}"; do
    [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == \
      *'ok installed' ]] || missing+=("$package")
  done
  ((${#missing[@]} == 0)) && return 0
  if ((EUID != 0)); then
    echo "missing packages; install them with:" >&2
    echo "  sudo apt-get install ${missing[*]}" >&2
    return 1
  fi
  title "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # A machine that has just been made may be updating itself.
  retry apt-get update -q -o APT::Update::Error-Mode=any ||
    echo "going on with the lists that there are" >&2
  retry apt-get install -qy --no-install-recommends \
    -o DPkg::Lock::Timeout=600 "${missing[@]}"
}

# Several files as one unit of the compiler, and of debug information the lines
# alone: half of its time.
readonly units=(-DCMAKE_UNITY_BUILD=ON -DCMAKE_CXX_FLAGS_DEBUG=-g1)

# build NAME CMAKE_ARGUMENTS...: in build/NAME; of its targets those that
# `targets` names, or all.
targets=()
build() {
  local name="$1"
  shift
  title "building $name"
  if ! cmake "$@" ||
    ! cmake --build "build/$name" -- -j"$jobs" ${targets[@]+"${targets[@]}"}; then
    case_failed "building $name"
    return 1
  fi
}

# check COMMAND...: one test that is a program; 77 means that it cannot run here.
check() {
  local code=0
  title "testing: $*"
  timeout --kill-after=60 $((full ? 14400 : 3600)) "$@" || code=$?
  case "$code" in
    0) case_passed ;;
    77) case_skipped "$1" "it cannot run here" ;;
    *) case_failed "$*" ;;
  esac
}

# The same for what mounts and changes roots.
check_as_root() {
  if ((EUID == 0)); then
    check "$@"
  else
    title "testing: $*"
    case_skipped "$1" "it takes root"
  fi
}

# The suites that build $1 is limited to, one a line; none if it is of all.
some_suites() {
  if ((quick)); then
    printf '%s\n' "${quick_suites[@]}"
  elif ((!full)) && [[ $1 == asan || $1 == tsan ]]; then
    printf '%s\n' "${sanitized_suites[@]}"
  fi
}

# Whole suites, in more shards than there are jobs, since tests wait for the disk
# and for each other's threads: a process for each test takes longer to start than
# most tests run, with a sanitizer above all.
run_suites() {
  local name="$1" prefix=() repeat=1 suite shards some
  local directory="$PWD/build/$name"
  local suites=("$directory"/bin/*_test "$directory"/bin/*_tests)
  if [[ $name == tsan ]]; then
    # The kernel may randomise addresses more than the thread sanitizer of this
    # compiler knows: then some processes start, and others do not.
    setarch -R true 2>/dev/null && prefix=(setarch -R)
  fi
  mapfile -t some < <(some_suites "$name")
  ((${#some[@]} == 0)) || suites=("${some[@]/#/$directory/bin/}")
  ((full)) && repeat=5
  for suite in "${suites[@]}"; do
    title "testing $name: ${suite##*/}"
    shards=$(shard_count $((jobs * 2)) ${prefix[@]+"${prefix[@]}"} "$suite")
    # Its long form sets a sysctl, which others would see.
    ((full)) && [[ $suite == */denied_tests ]] && shards=1
    run_shards "$name: ${suite##*/}" "$directory/${suite##*/}" "$shards" \
      env TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp" \
      timeout $((full ? 14400 : 3600)) ${prefix[@]+"${prefix[@]}"} "$suite" \
      --gtest_repeat="$repeat"
  done
}

# A database under load and faults: long where it is fast.
run_soak() {
  local seconds="${ROCKSDB_URING_SOAK_SECONDS:-$((full ? 3600 : 30))}"
  case "$1" in
    dev)
      check "build/$1/bin/uring_soak" "--seconds=$seconds" "--seed=$seed"
      check valgrind --quiet --leak-check=full --error-exitcode=9 \
        "build/$1/bin/uring_soak" \
        --seconds=0 --rounds=4 --operations=300 --keys=400 --threads=2 \
        "--seed=$seed"
      check valgrind --quiet --leak-check=full --error-exitcode=9 \
        "build/$1/bin/engine_tests" --gtest_brief=1 \
        --gtest_filter=DeadlineReadsTest.MoreThanAThousandAtOnce
      ;;
    asan) check "build/$1/bin/uring_soak" --seconds=20 "--seed=$seed" ;;
  esac
}

# A canary from 0 to 100 % of the files and back, under load.
run_canary() {
  [[ $1 == dev ]] || return 0
  check tests/databases/canary/run.sh --seconds "$((full ? 600 : 15))" "build/$1"
}

# Each file below RocksDB by itself, as builds inside RocksDB compile it: the
# builds here, but release, compile several as one unit. headers.sh does the same
# with the files above.
compile_alone() {
  [[ $1 == dev ]] || return 0
  title "compiling each file of the engine by itself"
  if printf '%s\n' env/base/*.cc env/ring/*.cc env/engine/*.cc |
    xargs -P "$jobs" -I SOURCE "${CXX:-g++}" -fsyntax-only -std=c++17 \
      -Wall -Wextra -Werror -I. SOURCE; then
    case_passed
  else
    case_failed "compiling each file of the engine by itself"
  fi
}

# test_preset PRESET CMAKE_ARGUMENTS...
test_preset() {
  local targets
  mapfile -t targets < <(some_suites "$1")
  ((${#targets[@]} == 0 || quick)) || targets+=(uring_soak)
  build "$@" --preset "$1" -DROCKSDB_URING_BUILD_TESTS=ON || return
  # One after the other with --full: its suites change limits of the machine.
  if ((!only && !full)) && [[ $1 == dev ]]; then
    begin_beside
  fi
  ((quick)) || compile_alone "$1"
  run_suites "$1"
  ((quick)) || run_soak "$1"
  ((quick)) || run_canary "$1"
}

# Inputs that are found are kept below build/fuzz. librocksdb is not
# instrumented: what it never frees is not told from what it keeps.
run_fuzzers() {
  local seconds="${ROCKSDB_URING_FUZZ_SECONDS:-$((full ? 300 : 20))}" name leaks
  title "building fuzz"
  if ! cmake --preset fuzz || ! cmake --build --preset fuzz -- -j"$jobs"; then
    case_failed "building fuzz"
    return
  fi
  for name in engine options; do
    leaks=0
    [[ $name == engine ]] && leaks=1
    mkdir -p "build/fuzz/corpus/$name"
    # Its own exit status for a finding, 77, means "skipped" here.
    check "build/fuzz/bin/${name}_fuzz" -timeout=60 -error_exitcode=1 \
      -verbosity=0 -print_final_stats=1 -detect_leaks="$leaks" \
      "-max_total_time=$seconds" "-seed=$seed" "-artifact_prefix=build/fuzz/$name-" \
      "build/fuzz/corpus/$name" "tests/random/fuzz/corpus/$name"
  done
}

# compile_only NAME C_COMPILER CXX_COMPILER STANDARD FLAGS
compile_only() {
  build "$1" -S . -B "build/$1" -G Ninja -DCMAKE_UNITY_BUILD=ON \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER="$2" \
    -DCMAKE_CXX_COMPILER="$3" -DCMAKE_CXX_STANDARD="$4" \
    -DCMAKE_CXX_FLAGS_DEBUG="$5" \
    -DROCKSDB_URING_WERROR=ON -DROCKSDB_URING_BUILD_TESTS=OFF
}

# The dev build, which part $1 needs.
need_dev() {
  [[ -e build/dev/build.ninja ]] && cmake --build build/dev -- -j"$jobs" &&
    return 0
  build dev --preset dev "${units[@]}"
}

# other_place NAME COMMAND...: a script that runs tests of the dev build
# elsewhere, and has the sums in its last line.
other_place() {
  local name="$1" log="build/dev/$1.log" more=()
  shift
  need_dev >/dev/null || return
  title "testing $name"
  ((full)) && more=(--full)
  "$@" ${more[@]+"${more[@]}"} 2>&1 | tee "$log"
  add_sums "$name" "$log" "${PIPESTATUS[0]}"
}

# The parts that run beside the others, as a run of their own whose output comes
# at the end.
beside_pid=
trap '[[ -z $beside_pid ]] || kill "$beside_pid" 2>/dev/null' EXIT
begin_beside() {
  local name arguments=()
  for name in "${beside_parts[@]}"; do
    arguments+=("--preset=$name")
  done
  title "beginning ${beside_parts[*]}, beside what follows"
  tests/run.sh "${arguments[@]}" >build/beside.log 2>&1 &
  beside_pid=$!
}

end_beside() {
  local status=0
  [[ -n $beside_pid ]] || return 0
  wait "$beside_pid" || status=$?
  beside_pid=
  cat build/beside.log
  add_sums "${beside_parts[*]}" build/beside.log "$status"
}

# RocksDB's own suites and db_stress; a newer db_stress reads asynchronously.
test_rocksdb() {
  other_place rocksdb tests/platforms/rocksdb/run.sh
  ((full)) && check_as_root tests/platforms/rocksdb/trixie.sh
}

# Other versions of RocksDB, the plugin inside RocksDB's own build, and RocksDB
# with what patches/ has.
test_versions() {
  local suite
  check tests/platforms/versions/headers.sh
  # Scripts that only CMake knows how to call.
  if need_dev >/dev/null; then
    check ctest --test-dir build/dev --no-tests=error --output-on-failure \
      -R '^(Versions|InTree|Scripts)[.]'
  fi
  ((full)) || return 0
  for suite in bookworm trixie sid; do
    check tests/platforms/intree/run.sh --suite "$suite"
    check tests/platforms/coroutines/run.sh --suite "$suite"
  done
  check tests/platforms/coroutines/run.sh --sanitize address
  check tests/platforms/coroutines/run.sh --sanitize thread
  check_as_root tests/platforms/versions/run.sh --intree
}

# The packages of the optimised build, installed on a bare Debian.
test_packages() {
  build release --preset release || return
  check_as_root tests/platforms/packages/run.sh build/release
}

# The engine's tests alone, with counters.
measure_coverage() {
  local report="build/coverage.txt"
  title "coverage of the engine"
  if JOBS="$jobs" tests/scripts/coverage.sh >"$report"; then
    cat "$report"
    coverage="$(tail -n 1 "$report")"
  else
    case_failed "coverage of the engine"
  fi
}

run() {
  case "$1" in
    dev) test_preset dev "${units[@]}" ;;
    asan | tsan) test_preset "$1" ;;
    fuzz) run_fuzzers ;;
    release) test_preset release ;;
    clang17) compile_only clang17 clang clang++ 17 -g0 ;;
    clang20) compile_only clang20 clang clang++ 20 -g0 ;;
    # As release is optimised, so that it warns of what only then is seen.
    gcc20) compile_only gcc20 gcc g++ 20 '-O2 -DNDEBUG' ;;
    coverage) measure_coverage ;;
    kernels) other_place kernels tests/platforms/kernels/run.sh build/dev ;;
    filesystems) other_place filesystems tests/platforms/filesystems/run.sh build/dev ;;
    rocksdb) test_rocksdb ;;
    versions) test_versions ;;
    packages) test_packages ;;
  esac
}

set_up || exit 1
if command -v ccache >/dev/null; then
  export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
  # What another clone has compiled serves here, too.
  export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1
  # For precompiled headers.
  export CCACHE_SLOPPINESS=pch_defines,time_macros
fi
only=$((${#chosen[@]} > 0))
if ((!only)); then
  chosen=("${default_parts[@]}")
  ((full)) && chosen+=("${beside_parts[@]}" "${full_parts[@]}")
fi
for name in "${chosen[@]}"; do
  began=$SECONDS
  run "$name"
  printf '\n-- %s: %d s\n' "$name" $((SECONDS - began))
done
end_beside

title "summary"
[[ -z $coverage ]] || echo "$coverage"
awk '{ faults += $2; inputs += $3 }
  END { printf "faults injected: %d, bad inputs tried: %d\n", faults, inputs }' \
  "$ROCKSDB_URING_TEST_COUNTS"
for failure in ${failures[@]+"${failures[@]}"}; do
  echo "FAILED: $failure"
done
print_sums
((failed == 0))
