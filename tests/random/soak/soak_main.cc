// A database under load for as long as is asked for, every value checked, on
// rings and system calls that fail at a low rate. Exit code 0, or 1 with what
// is wrong.
//
// SPDX-License-Identifier: Apache-2.0
#include <gflags/gflags.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/random/soak/soak.h"
#include "tests/support/engine/test_support.h"
#include "tests/support/file/file_test_support.h"

DEFINE_uint64(seconds, 30, "ends after so many seconds; 0: see --rounds");
DEFINE_uint64(rounds, 4, "without --seconds: how often the database is opened");
DEFINE_uint64(operations, 2000,
              "without --seconds: operations of each thread in a round");
DEFINE_string(dir, "",
              "an empty directory on a disk; default: one that is made below "
              "$TEST_TMPDIR or the build directory");
DEFINE_uint64(seed, 0, "of the random choices; 0: a new one");
DEFINE_uint64(fault_one_in, 200,
              "so many requests or calls meet one fault; 0: none do");
DEFINE_uint32(threads, 4, "threads that work on the database");
DEFINE_uint64(keys, 20000, "keys of each thread");

int main(int argc, char** argv) {
  gflags::SetUsageMessage("checks a database on the plugin for a long time");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  const std::string why = rocksdb_uring::WhyNoRing();
  printf("%s\n", why.empty() ? "io_uring can be used" : why.c_str());
  if (!why.empty() && rocksdb_uring::RingRequired()) {
    printf("FAILED: ROCKSDB_URING_REQUIRE is set\n");
    return 1;
  }
  const rocksdb_uring::TempDir made;
  rocksdb_uring::SoakOptions options;
  options.directory = FLAGS_dir.empty() ? made.path() : FLAGS_dir;
  options.seconds = FLAGS_seconds;
  options.rounds = FLAGS_rounds;
  options.operations = FLAGS_operations;
  options.seed = FLAGS_seed != 0 ? FLAGS_seed : std::random_device()();
  options.fault_one_in = FLAGS_fault_one_in;
  options.threads = FLAGS_threads;
  options.keys = FLAGS_keys;
  rocksdb_uring::WriteFile(options.directory + "/probe", "");
  options.direct = rocksdb_uring::HasDirectIo(options.directory + "/probe");
  std::string mistake;
  {
    rocksdb_uring::Soak soak(options);
    mistake = soak.Run();
    printf("%s\n", soak.Figures().c_str());
  }
  if (!mistake.empty()) {
    printf("FAILED: %s; repeat with --seed=%llu\n", mistake.c_str(),
           static_cast<unsigned long long>(options.seed));
  }
  return mistake.empty() ? 0 : 1;
}
