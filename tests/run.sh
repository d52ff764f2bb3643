#!/usr/bin/env bash
# Sets up, builds and tests on a bare Debian machine. See usage below.
set -uo pipefail

usage() {
  cat <<'TEXT'
usage: tests/run.sh [--full] [--preset NAME]...

Installs what is missing (as root), builds, and runs the tests.

  --preset NAME  only this of: dev, asan, tsan (tests), release (tests with
                 optimisation), fuzz (fuzzers), coverage (of the engine),
                 clang17, clang20, gcc20 (compiled only, warnings and clang's
                 thread-safety analysis are errors). May be repeated.
                 Default: all of them, release only built. After dev its tests
                 also run on other kernels and filesystems.
  --full         more repetitions, each with another seed, the long suites,
                 the packages on a Debian that has nothing else (as root), this
                 RocksDB built with the plugin inside, and the same two with the
                 RocksDBs of Debian 13 and sid (as root)
                 optimisation), clang17, clang20, gcc20 (compiled only, warnings
                 and clang's thread-safety analysis are errors). May be repeated.
                 Default: dev, asan, tsan, release (built only), and the rest.
  --full         more repetitions, each with another seed, the long suites, all
                 suites of RocksDB, db_stress for an hour, and the packages on a
                 Debian that has nothing else (as root)
  --help         this text

Environment:
  ROCKSDB_URING_REQUIRE=1      a test that would be skipped because there is no
                               io_uring, no root, no loop device, or no other
                               kernel to be had, fails instead
                               io_uring, no root and no loop device, or no
                               archive of another Debian, fails instead
  ROCKSDB_URING_TEST_SEED=N    seed of the random tests (they print theirs)
  ROCKSDB_URING_TEST_STEPS=N   steps of a random history (model_tests)
  ROCKSDB_URING_SOAK_SECONDS=N length of the soak (default 45, --full 3600)
  ROCKSDB_URING_FUZZ_SECONDS=N length of each fuzzer (default 20, --full 300)
  TEST_TMPDIR=DIRECTORY        where tests put their files, on a disk
  JOBS=N                       parallel compilations and tests (default: nproc)
TEXT
}

readonly packages=(
  cmake ninja-build make g++ clang pkg-config liburing-dev librocksdb-dev
  rocksdb-tools libgflags-dev libgtest-dev libgmock-dev nlohmann-json3-dev
  e2fsprogs mount libseccomp-dev valgrind
  # An example of README.md, and the Debian packages.
  python3 dpkg-dev file binutils
  # Other filesystems, and other kernels in an emulator.
  xfsprogs btrfs-progs qemu-system-x86 busybox-static cpio xz-utils)
# The examples in other languages, whose tests are skipped without, and a bare
# Debian.
readonly full_packages=(golang-go rustc default-jdk-headless debootstrap)

full=0
chosen=()
while (($# > 0)); do
  case "$1" in
    --full) full=1 ;;
    --preset)
      (($# > 1)) || { usage >&2; exit 2; }
      chosen+=("$2")
      shift
      ;;
    --preset=*) chosen+=("${1#*=}") ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
for name in ${chosen[@]+"${chosen[@]}"}; do
  case "$name" in
    dev | asan | tsan | release | fuzz | coverage | clang17 | clang20 | gcc20) ;;
    *) echo "unknown preset: $name" >&2; usage >&2; exit 2 ;;
  esac
done

cd "$(dirname "$0")/.." || exit 1
jobs="${JOBS:-$(nproc)}"
passed=0
failed=0
skipped=0
failures=()
coverage=
# Suites look at it; empty means the short ones.
export ROCKSDB_URING_TEST_FULL="${ROCKSDB_URING_TEST_FULL:-}"
((full)) && ROCKSDB_URING_TEST_FULL=1
# Every test process appends its name and its sums: faults injected, bad inputs.
export ROCKSDB_URING_TEST_COUNTS="$PWD/build/test_counts"
mkdir -p build && : >"$ROCKSDB_URING_TEST_COUNTS"

title() { printf '\n== %s\n' "$*"; }

fail() {
  failures+=("$*")
  echo "FAILED: $*" >&2
}

set_up() {
  local missing=() package
  local wanted=("${packages[@]}")
  ((full)) && wanted+=("${full_packages[@]}")
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
      grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]} == 0)) && return 0
  if ((EUID != 0)); then
    echo "missing packages; install them with:" >&2
    echo "  sudo apt-get install ${missing[*]}" >&2
    return 1
  fi
  title "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q &&
    apt-get install -qy --no-install-recommends "${missing[@]}"
}

# configure_and_build NAME DIRECTORY CMAKE_ARGUMENTS...
configure_and_build() {
  local name="$1" directory="$2"
  shift 2
  title "building $name"
  if ! cmake "$@" || ! cmake --build "$directory" -- -j"$jobs"; then
    fail "building $name"
    return 1
  fi
}

# The value of attribute $2 of the <testsuite> of the report $1.
count_of() {
  sed -n '/<testsuite/,/>/p' "$1" | tr '\n' ' ' |
    sed -nE "s/.*[[:space:]]$2=\"([0-9]+)\".*/\1/p" | head -n 1
}

# Whole suites, in as many shards as there are jobs: with a sanitizer a process
# for each test takes longer to start than most tests run.
run_suites() {
  local name="$1" prefix=() repeat=1 suite shard pids pid report
  local directory="$PWD/build/$name"
  # Where the kernel randomises addresses more than the thread sanitizer of
  # this compiler knows, it must not randomise them at all.
  if [[ $name == tsan ]] && "$directory/bin/engine_tests" --gtest_list_tests \
      2>&1 | grep -q 'unexpected memory mapping'; then
    prefix=(setarch -R)
  fi
  ((full)) && repeat=5
  for suite in "$directory"/bin/*_test "$directory"/bin/*_tests; do
    title "testing $name: ${suite##*/}"
    pids=()
    for ((shard = 0; shard < jobs; ++shard)); do
      report="$directory/${suite##*/}.$shard"
      rm -f "$report.xml"
      GTEST_TOTAL_SHARDS="$jobs" GTEST_SHARD_INDEX="$shard" \
        TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp" \
        timeout 1800 ${prefix[@]+"${prefix[@]}"} "$suite" --gtest_brief=1 \
        --gtest_repeat="$repeat" --gtest_output="xml:$report.xml" \
        >"$report.log" 2>&1 &
      pids+=($!)
    done
    for pid in "${pids[@]}"; do
      wait "$pid" || fail "testing $name: ${suite##*/}"
    done
    for ((shard = 0; shard < jobs; ++shard)); do
      count_suite "$directory/${suite##*/}.$shard"
    done
  done
}

# Adds the shard with the report $1.xml and the output $1.log to the sums.
count_suite() {
  local all bad out
  if [[ ! -s $1.xml ]]; then
    tail -n 60 "$1.log"
    fail "no report: $1.xml"
    return
  fi
  all="$(grep -c '<testcase .*status="run"' "$1.xml")"
  bad="$(grep -c '<failure ' "$1.xml")"
  out="$(grep -c 'result="skipped"' "$1.xml")"
  ((bad == 0)) || cat "$1.log"
  passed=$((passed + all - bad - out))
  failed=$((failed + bad))
  skipped=$((skipped + out))
  sed -nE 's/.*<testcase name="([^"]*)".*result="skipped".*classname="([^"]*)".*/skipped: \2.\1/p' "$1.xml"
}

run_ctest() {
  local name="$1" repeat=()
  local directory="build/$name" report
  report="$PWD/$directory/tests.xml"
  ((full)) && repeat=(--repeat until-fail:5)
  rm -f "$report"
  title "testing $name"
  ctest --preset "$name" -j"$jobs" \
    --no-tests=error --output-junit "$report" \
    ${repeat[@]+"${repeat[@]}"} || fail "testing $name"
  if [[ ! -s $report ]]; then
    fail "testing $name: no report"
    return
  fi
  local all bad out
  all="$(count_of "$report" tests)"
  bad="$(count_of "$report" failures)"
  out="$(($(count_of "$report" skipped) + $(count_of "$report" disabled)))"
  passed=$((passed + all - bad - out))
  failed=$((failed + bad))
  skipped=$((skipped + out))
  grep -oE '<testcase name="[^"]*"[^>]*status="notrun"' "$report" |
    sed -E 's/<testcase name="([^"]*)".*/skipped: \1/'
}

# check NAME COMMAND...: counts one test that is a program of its own.
check() {
  local name="$1"
  shift
  title "testing $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    fail "testing $name"
  fi
}

# A database under load and faults: long where it is fast.
run_soak() {
  local seconds="${ROCKSDB_URING_SOAK_SECONDS:-$((full ? 3600 : 45))}"
  case "$1" in
    dev)
      check "dev: soak" "build/$1/bin/uring_soak" "--seconds=$seconds"
      check "dev: a short soak under valgrind" \
        valgrind --quiet --leak-check=full --error-exitcode=9 \
        "build/$1/bin/uring_soak" \
        --seconds=0 --rounds=2 --operations=40 --keys=200 --threads=2
      ;;
    asan) check "asan: soak" "build/$1/bin/uring_soak" --seconds=20 ;;
  esac
}

# Inputs that are found are kept below build/fuzz. librocksdb is not
# instrumented: what it never frees is not told from what it keeps.
run_fuzzers() {
  local seconds="${ROCKSDB_URING_FUZZ_SECONDS:-$((full ? 300 : 20))}" name leaks
  title "building fuzz"
  if ! cmake --preset fuzz || ! cmake --build --preset fuzz -- -j"$jobs"; then
    fail "building fuzz"
    return
  fi
  for name in engine options; do
    leaks=0
    [[ $name == engine ]] && leaks=1
    mkdir -p "build/fuzz/corpus/$name"
    check "fuzz: $name" "build/fuzz/bin/${name}_fuzz" -timeout=60 \
      -verbosity=0 -print_final_stats=1 -detect_leaks="$leaks" \
      "-max_total_time=$seconds" "-artifact_prefix=build/fuzz/$name-" \
      "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
  done
}

test_preset() {
  configure_and_build "$1" "build/$1" --preset "$1" || return
  case "$1" in
    asan | tsan) run_suites "$1" ;;
    *) run_ctest "$1" ;;
  esac
  run_soak "$1"
}

# compile_only NAME C_COMPILER CXX_COMPILER STANDARD
compile_only() {
  configure_and_build "$1" "build/$1" -S . -B "build/$1" -G Ninja \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER="$2" \
    -DCMAKE_CXX_COMPILER="$3" -DCMAKE_CXX_STANDARD="$4" \
    -DROCKSDB_URING_WERROR=ON -DROCKSDB_URING_BUILD_TESTS=OFF
}

# other_place NAME COMMAND...: a script that runs the tests of the dev preset
# elsewhere, and has the sums in its last line.
other_place() {
  local name="$1" log="build/dev/$1.log" sums more=()
  shift
  title "testing $name"
  ((full)) && more=(--full)
  "$@" ${more[@]+"${more[@]}"} build/dev 2>&1 | tee "$log"
  # 77: skipped as a whole, which its sums say too.
  case "${PIPESTATUS[0]}" in
    0 | 77) ;;
    *) fail "testing $name" ;;
  esac
  sums="$(tail -n 1 "$log" | sed -nE \
    's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p')"
  if [[ -z $sums ]]; then
    fail "testing $name: no sums"
    return
  fi
  local all=()
  read -ra all <<<"$sums"
  passed=$((passed + all[0]))
  failed=$((failed + all[1]))
  skipped=$((skipped + all[2]))
}

test_dev() {
  test_preset dev || return
  other_place kernels tests/kernel/run.sh
  other_place filesystems tests/filesystems/run.sh
}

# The packages of the optimised build, installed on a bare Debian.
test_packages() {
  configure_and_build release build/release --preset release || return
  title "testing the packages on a bare Debian"
  if ((EUID != 0)); then
    skipped=$((skipped + 1))
    echo "skipped: a bare Debian takes root"
  elif tests/load/clean_root.sh build/release; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    fail "testing the packages"
  fi
}

# The engine's tests alone, with counters; what they never run with --full only.
measure_coverage() {
  local report="build/coverage.txt" arguments=(--summary)
  title "coverage of the engine"
  ((full)) && arguments=()
  if JOBS="$jobs" tests/coverage.sh ${arguments[@]+"${arguments[@]}"} \
      >"$report"; then
    cat "$report"
    coverage="$(tail -n 1 "$report")"
  else
    fail "coverage of the engine"
  fi
# A script that exits with 77 if it cannot run here.
test_script() {
  local code=0
  title "testing: $*"
  "$@" || code=$?
  case "$code" in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) ;;
    *)
      failed=$((failed + 1))
      fail "$*"
      ;;
  esac
}

# Other versions of RocksDB, and the plugin inside RocksDB's own build.
test_versions() {
  test_script tests/versions/headers.sh
  ((full)) || return 0
  test_script tests/intree/run.sh
  test_script tests/versions/run.sh --intree
# RocksDB's own suites and db_stress on the dev build.
test_rocksdb() {
  local arguments=() counts=(0 0)
  ((full)) && arguments=(--full)
  title "testing with RocksDB's own suites and db_stress"
  rm -f build/rocksdb/counts
  tests/rocksdb/run.sh ${arguments[@]+"${arguments[@]}"} ||
    fail "RocksDB's own suites and db_stress"
  [[ ! -s build/rocksdb/counts ]] || read -ra counts <build/rocksdb/counts
  passed=$((passed + counts[0]))
  failed=$((failed + counts[1]))
  ((full)) || return 0
  title "testing with db_stress of a newer RocksDB"
  if ((EUID != 0)); then
    skipped=$((skipped + 1))
    echo "skipped: another Debian takes root"
  elif tests/rocksdb/trixie.sh; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    fail "db_stress of a newer RocksDB"
  fi
}

run() {
  case "$1" in
    dev) test_dev ;;
    asan | tsan) test_preset "$1" ;;
    fuzz) run_fuzzers ;;
    release)
      if ((full)) || ((${#chosen[@]} > 0)); then
        test_preset release
      else
        configure_and_build release build/release --preset release
      fi
      ;;
    clang17) compile_only clang17 clang clang++ 17 ;;
    clang20) compile_only clang20 clang clang++ 20 ;;
    gcc20) compile_only gcc20 gcc g++ 20 ;;
    coverage) measure_coverage ;;
  esac
}

set_up || exit 1
((${#chosen[@]} > 0)) ||
  chosen=(dev asan tsan fuzz clang17 clang20 gcc20 release coverage)
versions=0
if ((${#chosen[@]} == 0)); then
  chosen=(dev asan tsan clang17 clang20 gcc20 release)
  versions=1
fi
for name in "${chosen[@]}"; do
  run "$name"
done
((versions)) && test_versions
all=0
((${#chosen[@]} > 0)) || {
  all=1
  chosen=(dev asan tsan clang17 clang20 gcc20 release)
}
for name in "${chosen[@]}"; do
  run "$name"
done
((all)) && test_rocksdb
((full)) && test_packages

title "summary"
for failure in ${failures[@]+"${failures[@]}"}; do
  echo "FAILED: $failure"
done
[[ -z $coverage ]] || echo "$coverage"
awk '{ faults += $2; inputs += $3 }
  END { printf "faults injected: %d, bad inputs tried: %d\n", faults, inputs }' \
  "$ROCKSDB_URING_TEST_COUNTS"
echo "$passed passed, $failed failed, $skipped skipped"
((${#failures[@]} == 0 && failed == 0))
