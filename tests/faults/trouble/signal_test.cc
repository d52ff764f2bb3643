// Signals that hit every thread all the time, as a profiler's do, and threads
// that open and close descriptors beside the traffic.
//
// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "rocksdb_uring/uring.h"
#include "tests/faults/trouble/round_trip.h"
#include "tests/faults/trouble/traffic.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

std::atomic<uint64_t> signals_handled{0};

// Sends SIGPROF to every other thread a thousand times a second, system calls
// are not restarted.
class SignalStorm {
 public:
  SignalStorm() {
    struct sigaction action = {};
    action.sa_handler = [](int) { ++signals_handled; };
    sigaction(SIGPROF, &action, &before_);
    sender_.Start([this] { Send(); });
  }
  ~SignalStorm() {
    stop_ = true;
    sender_.Join();
    sigaction(SIGPROF, &before_, nullptr);
  }

 private:
  void Send() {
    const pid_t self = static_cast<pid_t>(syscall(SYS_gettid));
    while (!stop_) {
      DIR* const tasks = opendir("/proc/self/task");
      while (const dirent* const task = readdir(tasks)) {
        const pid_t thread = static_cast<pid_t>(atoi(task->d_name));
        if (thread > 0 && thread != self) {
          syscall(SYS_tgkill, getpid(), thread, SIGPROF);
        }
      }
      closedir(tasks);
      const timespec pause = {0, 1000 * 1000};
      nanosleep(&pause, nullptr);
    }
  }

  std::atomic<bool> stop_{false};
  struct sigaction before_ = {};
  Threads sender_;
};

class SignalStormTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SkipWithoutRing();
    ASSERT_TRUE(NewUringEnv(kAllOnRings, &env_).ok());
  }
  uint64_t Statistic(const std::string& name) {
    return StatisticsOf(env_->GetFileSystem().get())[name];
  }

  TempDir directory_;
  std::unique_ptr<rocksdb::Env> env_;
};

TEST_F(SignalStormTest, ReadsWritesAndSyncs) {
  const uint64_t before = signals_handled;
  Traffic traffic(env_->GetFileSystem(), directory_.path());
  traffic.Start();
  const SignalStorm storm;
  while (signals_handled - before < 5000 && traffic.Mistake().empty()) {
    traffic.AwaitRounds(10);
  }
  traffic.Stop();
  EXPECT_EQ(traffic.Mistake(), "");
  for (const char* kind :
       {"multi_read", "read_async", "write_behind", "write", "fdatasync"}) {
    EXPECT_GT(Statistic("ops." + std::string(kind) + ".ring.count"), 0u)
        << kind;
    EXPECT_EQ(Statistic("ops." + std::string(kind) + ".ring.errors"), 0u);
  }
}

TEST_F(SignalStormTest, Databases) {
  const uint64_t before = signals_handled;
  const uint64_t reads = Statistic("ops.multi_read.ring.count");
  const SignalStorm storm;
  for (int i = 0; i < 3 || signals_handled - before < 3000; ++i) {
    ASSERT_EQ(RoundTrip(env_.get(), directory_.file("db" + std::to_string(i))),
              "");
  }
  EXPECT_GT(Statistic("ops.multi_read.ring.count"), reads);
}

// A descriptor that is closed too early or twice would sooner or later be one
// of these, or these one of the plugin's.
TEST(DescriptorTest, OthersComeAndGoBesideTheTraffic) {
  const std::shared_ptr<rocksdb::FileSystem> file_system =
      OpenFileSystem(kAllOnRings);
  const TempDir directory;
  const std::string path = directory.file("others");
  WriteFile(path, "x");
  Traffic traffic(file_system, directory.path());
  const size_t descriptors = OpenDescriptors();
  traffic.Start();
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> mistakes{0};
  Threads others;
  for (int t = 0; t < 2; ++t) {
    others.Start([&] {
      while (!stop) {
        const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        char byte = 0;
        // Both are this thread's own until it closes them.
        mistakes += pread(fd, &byte, 1, 0) == 1 && byte == 'x' ? 0 : 1;
        mistakes += close(copy) == 0 ? 0 : 1;
        mistakes += close(fd) == 0 ? 0 : 1;
      }
    });
  }
  traffic.AwaitRounds(40);
  stop = true;
  others.Join();
  traffic.Stop();
  EXPECT_EQ(traffic.Mistake(), "");
  EXPECT_EQ(mistakes, 0u);
  // Rings stay, files do not.
  EXPECT_LT(OpenDescriptors(), descriptors + 16);
}

}  // namespace
}  // namespace rocksdb_uring
