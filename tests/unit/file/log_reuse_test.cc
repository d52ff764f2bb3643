// A WAL that is renamed for its next writer while its old writer closes it.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "env/engine/system_calls.h"
#include "env/file/writable_file.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::IOOptions;

// Stops whoever cuts a file until the test lets it go on, or for a while: what
// the test does meanwhile may have to wait for it.
class StoppingCalls final : public SystemCalls {
 public:
  int64_t Ftruncate(int fd, uint64_t size) override {
    if (stops_) {
      cutting_ = true;
      const auto deadline =
          std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
      while (!may_go_on_ && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
      }
    }
    return SystemCalls::Ftruncate(fd, size);
  }

  void Stop() { stops_ = true; }
  void AwaitCut() {
    while (!cutting_) {
      std::this_thread::yield();
    }
  }
  void GoOn() { may_go_on_ = true; }

 private:
  std::atomic<bool> stops_{false};
  std::atomic<bool> cutting_{false};
  std::atomic<bool> may_go_on_{false};
};

class LogReuseTest : public ::testing::Test {
 protected:
  LogReuseTest() {
    EngineOptions options;
    options.system_calls = &calls_;
    engine_ = MakeEngine(options);
  }

  FileContext Context() const { return FileContext{PolicyOf({}), engine_}; }

  std::unique_ptr<UringWritableFile> MakeLog(const std::string& name) {
    std::shared_ptr<OpenFile> file;
    EXPECT_TRUE(OpenForWriting(directory_.file(name), options_,
                               ExistingFile::kTruncate, Context(), &file)
                    .ok());
    auto log =
        std::make_unique<UringWritableFile>(std::move(file), options_, 0);
    log->SetPreallocationBlockSize(1 << 20);
    log->PrepareWrite(0, 1000, IOOptions(), nullptr);
    EXPECT_TRUE(log->Append("old", IOOptions(), nullptr).ok());
    return log;
  }

  std::unique_ptr<UringWritableFile> ReuseLog(const std::string& name,
                                              const std::string& old_name) {
    std::shared_ptr<OpenFile> file;
    EXPECT_TRUE(OpenForReuse(directory_.file(name), directory_.file(old_name),
                             options_, Context(), &file)
                    .ok());
    return std::make_unique<UringWritableFile>(std::move(file), options_, 0);
  }

  TempDir directory_;
  StoppingCalls calls_;
  rocksdb::FileOptions options_;
  std::shared_ptr<SharedEngine> engine_;
};

// The closing thread stands between its look at the name and the cut.
TEST_F(LogReuseTest, WaitsForTheOldWriterThatIsAboutToCutTheLog) {
  const std::unique_ptr<UringWritableFile> old = MakeLog("000004.log");
  calls_.Stop();
  std::thread closer(
      [&] { EXPECT_TRUE(old->Close(IOOptions(), nullptr).ok()); });
  calls_.AwaitCut();
  const std::unique_ptr<UringWritableFile> reused =
      ReuseLog("000009.log", "000004.log");
  const std::string acknowledged = RandomBytes(10000, 1);
  EXPECT_TRUE(reused->Append(acknowledged, IOOptions(), nullptr).ok());
  calls_.GoOn();
  closer.join();
  EXPECT_EQ(ReadWholeFile(directory_.file("000009.log")), acknowledged);
}

TEST_F(LogReuseTest, AForkedChildFindsNoLogLocked) {
  const std::unique_ptr<UringWritableFile> old = MakeLog("000004.log");
  calls_.Stop();
  std::thread closer(
      [&] { EXPECT_TRUE(old->Close(IOOptions(), nullptr).ok()); });
  calls_.AwaitCut();
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    calls_.GoOn();
    // Inodes in a row: all locks.
    for (int n = 0; n < 16; ++n) {
      const std::string name = std::to_string(100 + n) + ".log";
      const std::unique_ptr<UringWritableFile> log = MakeLog(name);
      (void)ReuseLog("200.log", name);
    }
    // It is not here; the thread sanitizer wants it joined all the same if it
    // had ended before the fork.
    closer.detach();
    _exit(0);
  }
  calls_.GoOn();
  closer.join();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << "the child found a lock held";
}

}  // namespace
}  // namespace rocksdb_uring
