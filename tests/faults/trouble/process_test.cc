// Whole processes that end, fork or become daemons while I/O runs.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "env/file/direct_alignment.h"
#include "env/fs/uring_file_system.h"
#include "rocksdb_uring/uring.h"
#include "tests/faults/trouble/round_trip.h"
#include "tests/faults/trouble/traffic.h"
#include "tests/support/file/child.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

class EndTest : public ::testing::TestWithParam<const char*> {
 protected:
  TempDir directory_;
};

// Five times, for the end comes at another moment each time.
TEST_P(EndTest, LeavesNoTrace) {
  const std::string how = GetParam();
  for (int i = 0; i < 5; ++i) {
    const std::string stats = directory_.file("stats" + std::to_string(i));
    const ChildResult result =
        RunChild({TROUBLE_TEST_CHILD, how, directory_.path(), stats});
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_EQ(result.output, "");
    // Statistics are written where a process runs its handlers of exit.
    if (how != "quick_exit" && how != "_exit") {
      const auto json =
          nlohmann::json::parse(ReadWholeFile(stats), nullptr, false);
      ASSERT_TRUE(json.is_object());
      EXPECT_GT(json["opens"], 0);
      if (WhyNoRing().empty()) {
        EXPECT_GT(json["ops"]["multi_read"]["ring"]["count"], 0);
        EXPECT_GT(json["ops"]["write_behind"]["ring"]["count"], 0);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, EndTest,
                         ::testing::Values("return", "exit_from_thread",
                                           "quick_exit", "_exit", "sigterm"),
                         [](const ::testing::TestParamInfo<const char*>& info) {
                           return std::string(info.param) == "_exit"
                                      ? std::string("at_once")
                                      : std::string(info.param);
                         });

TEST(StaticObjectsTest, WorkAndCloseAfterMain) {
  const TempDir directory;
  const ChildResult result =
      RunChild({TROUBLE_TEST_CHILD, "static", directory.path()});
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_EQ(result.output,
            "traffic in a destructor: OK\n"
            "I/O in a destructor: OK\n"
            "database in a destructor: OK\n"
            "closing in a destructor: OK\n");
}

// The runtimes of these compilers' sanitizers do not survive what follows: the
// one of addresses holds a lock over a fork, that of threads allows no thread
// in a child of a process with threads.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// `after` is what the daemon says of what it has inherited.
void ExpectDaemon(const char* task, const std::string& after) {
  const TempDir directory;
  const std::string log = directory.file("debug.log");
  const ChildResult result =
      RunChild({TROUBLE_TEST_CHILD, task, directory.path()},
               {{"ROCKSDB_URING_LOG", log}});
  EXPECT_EQ(result.exit_code, 0);
  // Its lines went where they belong, in the daemon too, and nowhere else.
  EXPECT_NE(ReadWholeFile(log).find("CURRENT"), std::string::npos);
  size_t strays = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory.path())) {
    strays += entry.is_regular_file() && entry.path() != log &&
              ReadWholeFile(entry.path()).find(" open /") != std::string::npos;
  }
  EXPECT_EQ(strays, 0u);
  const std::string rings = WhyNoRing().empty() ? "some" : "none";
  EXPECT_EQ(result.output, "before: OK\nrings before: " + rings + "\n" + after +
                               "own database: OK\nown file system: OK\n"
                               "own ring reads: " +
                               rings + "\n");
}

TEST(DaemonTest, OpensADatabaseAfterTwoForks) {
  ExpectDaemon("daemon", "inherited file system: OK\n");
}

TEST(DaemonTest, OpensADatabaseAfterClosingAllDescriptors) {
  ExpectDaemon("closing_daemon", "rings left: none\n");
}

class ForkUnderLoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    file_system_ = OpenFileSystem(kAllOnRings);
    traffic_ = std::make_unique<Traffic>(file_system_, directory_.path());
    traffic_->Start();
    traffic_->AwaitRounds(3);
  }
  void TearDown() override {
    // The traffic went on all the time, and through rings.
    traffic_->AwaitRounds(3);
    traffic_->Stop();
    EXPECT_EQ(traffic_->Mistake(), "");
    if (WhyNoRing().empty()) {
      EXPECT_GT(StatisticsOf(file_system_.get())["ops.multi_read.ring.count"],
                0u);
    }
  }

  // What `body` returns in a child that is forked while all threads work; one
  // that waits for a lock that nobody in it holds is killed by its alarm.
  template <typename Body>
  std::string InChild(const Body& body) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      const std::string said = body();
      const ssize_t written = write(ends[1], said.data(), said.size());
      _exit(written == static_cast<ssize_t>(said.size()) ? 0 : 9);
    }
    close(ends[1]);
    std::string said;
    char buffer[512];
    for (ssize_t size = 0;
         (size = read(ends[0], buffer, sizeof(buffer))) > 0;) {
      said.append(buffer, static_cast<size_t>(size));
    }
    close(ends[0]);
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status == 0 ? said : said + " status " + std::to_string(status);
  }

  // Threads do nothing but `body` while children are forked that do it once.
  template <typename Body>
  void ForkBeside(const Body& body) {
    std::atomic<bool> stop{false};
    Threads threads;
    for (int i = 0; i < 2; ++i) {
      threads.Start([&] {
        while (!stop) {
          body();
        }
      });
    }
    for (int i = 0; i < 200 && !HasFailure(); ++i) {
      EXPECT_EQ(InChild(body), "");
    }
    stop = true;
    threads.Join();
  }

  TempDir directory_;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::unique_ptr<Traffic> traffic_;
};

TEST_F(ForkUnderLoadTest, ChildUsesAnInheritedFileSystem) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(InChild([&] { return traffic_->RunOnce("child"); }), "");
    ASSERT_FALSE(HasFailure());
  }
}

// Threads do nothing but take its lock, as every open does.
TEST_F(ForkUnderLoadTest, ChildFindsTheFileSystemUnlocked) {
  auto* const uring = file_system_->CheckedCast<UringFileSystem>();
  ASSERT_NE(uring, nullptr);
  ForkBeside([uring]() -> std::string {
    return uring->ReadsAsynchronously().has_value() ? "" : "off";
  });
}

// What is known of the devices that files are on.
TEST_F(ForkUnderLoadTest, ChildFindsTheAlignmentUnlocked) {
  const FileDescriptor fd(
      open(directory_.path().c_str(), O_RDONLY | O_CLOEXEC));
  ForkBeside([&fd]() -> std::string {
    return DirectAlignment(fd.get()) > 0 ? "" : "no alignment";
  });
}

TEST_F(ForkUnderLoadTest, ChildUsesAFileSystemOfItsOwn) {
  const bool has_ring = WhyNoRing().empty();
  // The parent reads the file of its own traffic all the time.
  const std::string own_directory = directory_.file("own");
  ASSERT_EQ(mkdir(own_directory.c_str(), 0755), 0);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(
        InChild([&]() -> std::string {
          std::shared_ptr<rocksdb::FileSystem> own;
          if (!NewUringFileSystem(kAllOnRings, &own).ok()) {
            return "no file system";
          }
          Traffic traffic(own, own_directory);
          const std::string mistake = traffic.RunOnce("child");
          std::map<std::string, uint64_t> statistics;
          GetUringStatistics(own.get(), &statistics).PermitUncheckedError();
          return has_ring && statistics["ops.multi_read.ring.count"] == 0
                     ? "no ring"
                     : mistake;
        }),
        "");
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(ForkUnderLoadTest, ChildOpensADatabase) {
  for (int i = 0; i < 3; ++i) {
    const std::string path = directory_.file("db" + std::to_string(i));
    EXPECT_EQ(InChild([&]() -> std::string {
                std::unique_ptr<rocksdb::Env> env;
                return NewUringEnv(kAllOnRings, &env).ok()
                           ? RoundTrip(env.get(), path)
                           : "no environment";
              }),
              "");
    ASSERT_FALSE(HasFailure());
  }
}

// The program that it executes has no descriptor of a ring.
TEST_F(ForkUnderLoadTest, ChildExecutesAProgram) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(RunChild({TROUBLE_TEST_CHILD, "rings"}).exit_code, 0);
  }
}

#endif

}  // namespace
}  // namespace rocksdb_uring
