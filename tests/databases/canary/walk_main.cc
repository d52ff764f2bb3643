// From no file to all files on the plugin and back, in a process that keeps
// working: writes the control file as an operator does, and prints after each
// step what both halves of the files have done. run.sh starts it.
//
//   walk_main.cc  the operator: steps, and what is printed
//   load.*        the service: a database under load that checks itself
//
// SPDX-License-Identifier: Apache-2.0
#include <gflags/gflags.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "rocksdb/convenience.h"
#include "rocksdb/file_system.h"
#include "rocksdb_uring/uring.h"
#include "tests/databases/canary/load.h"

DEFINE_string(db, "", "where the database is made");
DEFINE_string(control, "", "the control file, as in the option control_file");
DEFINE_uint64(seconds, 15, "length of all steps together");
DEFINE_bool(direct, true, "read and write tables without the page cache");

namespace canary {
namespace {

using Clock = std::chrono::steady_clock;
using Numbers = std::map<std::string, uint64_t>;
using rocksdb::FileSystem;

Numbers Statistics() {
  Numbers numbers;
  const rocksdb::Status status =
      rocksdb_uring::GetUringStatistics(FileSystem::Default().get(), &numbers);
  if (!status.ok()) {
    fprintf(stderr, "no statistics: %s\n", status.ToString().c_str());
    exit(1);
  }
  return numbers;
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The sum of the counters below `prefix` that end with `end`.
uint64_t Sum(const Numbers& numbers, const std::string& prefix,
             const std::string& end) {
  uint64_t sum = 0;
  for (auto at = numbers.lower_bound(prefix);
       at != numbers.end() && at->first.compare(0, prefix.size(), prefix) == 0;
       ++at) {
    sum += EndsWith(at->first, end) ? at->second : 0;
  }
  return sum;
}

uint64_t RingOperations(const Numbers& numbers) {
  return Sum(numbers, "ops.", ".ring.count");
}

// One half between two looks: operations by path, and mean latencies where the
// statistics have them.
void PrintHalf(const char* name, const std::string& prefix,
               const Numbers& before, const Numbers& after) {
  printf("  %-15s", name);
  for (const char* path : {"ring", "posix", "page_cache", "read_ahead"}) {
    const std::string end = std::string(".") + path + ".count";
    printf(
        " %s %" PRIu64 ",", path,
        Sum(after, prefix + "ops.", end) - Sum(before, prefix + "ops.", end));
  }
  printf(" errors %" PRIu64 "\n", Sum(after, prefix + "ops.", ".errors") -
                                      Sum(before, prefix + "ops.", ".errors"));
  const std::string latency = prefix + "latency.";
  for (auto at = after.lower_bound(latency);
       at != after.end() && at->first.compare(0, latency.size(), latency) == 0;
       ++at) {
    if (!EndsWith(at->first, ".count")) {
      continue;
    }
    const std::string key = at->first.substr(0, at->first.size() - 6);
    const auto value = [&](const Numbers& numbers, const char* end) {
      const auto found = numbers.find(key + end);
      return found == numbers.end() ? 0 : found->second;
    };
    const uint64_t count = at->second - value(before, ".count");
    const uint64_t total = at->second * value(after, ".mean_ns") -
                           value(before, ".count") * value(before, ".mean_ns");
    if (count > 0) {
      printf("    %-24s mean %6.1f us in this step, p99 %6.1f us so far\n",
             key.substr(latency.size()).c_str(),
             static_cast<double>(total) / static_cast<double>(count) / 1000,
             static_cast<double>(value(after, ".p99_ns")) / 1000);
    }
  }
}

// Replaces the control file, and waits until its share is in force.
void SetShare(const std::string& share) {
  const std::string next = FLAGS_control + ".next";
  std::ofstream(next) << "share=" << share << "\n";
  if (rename(next.c_str(), FLAGS_control.c_str()) != 0) {
    perror(FLAGS_control.c_str());
    exit(1);
  }
  for (std::string now; now != share;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    (void)FileSystem::Default()->GetOption(rocksdb::ConfigOptions(), "share",
                                           &now);
  }
}

// Notes when rings were last used.
class RingWatch {
 public:
  RingWatch() : thread_([this] { Run(); }) {}
  ~RingWatch() {
    stop_ = true;
    thread_.join();
  }
  Clock::time_point last() const { return last_; }

 private:
  void Run() {
    for (uint64_t seen = RingOperations(Statistics()); !stop_;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      const uint64_t now = RingOperations(Statistics());
      if (now != seen) {
        last_ = Clock::now();
      }
      seen = now;
    }
  }

  std::atomic<bool> stop_{false};
  std::atomic<Clock::time_point> last_{Clock::now()};
  std::thread thread_;
};

class Walk {
 public:
  explicit Walk(Load* load) : load_(load) {}

  // Whether all went as it should.
  bool Run() {
    Step("0");
    for (const char* share : {"5", "50", "100"}) {
      SetShare(share);
      Step(share);
    }
    return RollBack() && load_->errors() == 0;
  }

 private:
  static constexpr uint64_t kSteps = 5;

  void Step(const std::string& share) {
    const Numbers before = Statistics();
    const uint64_t keys = load_->keys();
    std::this_thread::sleep_for(
        std::chrono::milliseconds(1000 * FLAGS_seconds / kSteps));
    const Numbers after = Statistics();
    printf("share=%s: %" PRIu64 " keys read and written, %" PRIu64 " errors\n",
           share.c_str(), load_->keys() - keys, load_->errors());
    PrintHalf("in the share", "", before, after);
    PrintHalf("outside", "posix_share.", before, after);
    fflush(stdout);
  }

  // No operation may take a ring once what was in flight has ended: a read of
  // all files ends what was read ahead of their streams.
  bool RollBack() {
    const RingWatch watch;
    const Clock::time_point changed = Clock::now();
    SetShare("0");
    const Clock::time_point in_force = Clock::now();
    load_->ReadAll();
    const uint64_t rings = RingOperations(Statistics());
    Step("0");
    const uint64_t more = RingOperations(Statistics()) - rings;
    const auto ms = [&](Clock::time_point time) {
      return static_cast<int64_t>(
          std::chrono::duration_cast<std::chrono::milliseconds>(time - changed)
              .count());
    };
    printf("rollback: in force %" PRId64
           " ms after the control file changed, last ring operation at %" PRId64
           " ms, %" PRIu64 " in the step that followed\n",
           ms(in_force), ms(watch.last()), more);
    return more == 0;
  }

  Load* const load_;
};

}  // namespace
}  // namespace canary

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  bool right = false;
  uint64_t errors = 0;
  {
    canary::Load load(FLAGS_db, FLAGS_direct);
    load.Start();
    right = canary::Walk(&load).Run();
    load.Stop();
    load.ReadAll();
    errors = load.errors();
    printf("%" PRIu64 " keys, %" PRIu64 " errors%s%s\n", load.keys(), errors,
           errors > 0 ? ": " : "", load.first_error().c_str());
  }
  const canary::Numbers end = canary::Statistics();
  const bool halves = canary::Sum(end, "ops.", ".count") > 0 &&
                      canary::Sum(end, "posix_share.ops.", ".count") > 0;
  if (!halves) {
    printf("one half of the files was never entered\n");
  }
  return right && errors == 0 && halves ? 0 : 1;
}
