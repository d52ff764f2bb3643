// The way back: switches, and databases that change hands. The files are the
// same files.
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/file/file_test_support.h"
#include "tests/load/load_test_support.h"

namespace rocksdb_uring {
namespace {

class RollbackTest : public PreloadTest {
 protected:
  static constexpr int kKilled = 128 + SIGKILL;

  // One run of the program, with the plugin or without.
  Ran Run(bool preloaded, const std::vector<std::string>& arguments,
          const Environment& more = {}) {
    std::vector<std::string> argv = {LOAD_TEST_PROGRAM};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const Ran ran = preloaded ? RunPreloaded(argv, more) : RunPlain(argv, more);
    EXPECT_EQ(Opens() > 0, preloaded && more.empty()) << ran.output;
    return ran;
  }

  // Writes keys `from` to `to`, ends as `how` says, and reads all of them.
  void WriteAndRead(bool writer, const std::string& from, const std::string& to,
                    const std::string& how, bool reader) {
    const Ran wrote = Run(writer, {"write", db_, from, to, how});
    EXPECT_EQ(wrote.exit_code, how == "kill" ? kKilled : 0) << wrote.output;
    EXPECT_EQ(wrote.said.at("status"), "OK");
    const Ran read = Run(reader, {"read", db_, to});
    EXPECT_EQ(read.exit_code, 0) << read.output;
    EXPECT_EQ(read.said.at("status"), "OK");
  }

  // A killed process writes no statistics.
  void WriteKilledAndRead(bool writer, const std::string& from,
                          const std::string& to, bool reader) {
    const std::vector<std::string> argv = {
        LOAD_TEST_PROGRAM, "write", db_, from, to, "kill"};
    const Ran wrote = writer ? RunPreloaded(argv) : RunPlain(argv);
    EXPECT_EQ(wrote.exit_code, kKilled) << wrote.output;
    EXPECT_EQ(wrote.said.at("status"), "OK");
    const Ran read = Run(reader, {"read", db_, to});
    EXPECT_EQ(read.said.at("status"), "OK") << read.output;
  }
};

TEST_F(RollbackTest, DatabaseGoesBackAndForth) {
  WriteAndRead(false, "0", "2000", "close", true);
  WriteAndRead(true, "2000", "4000", "close", false);
  WriteAndRead(false, "4000", "6000", "close", true);
  WriteAndRead(true, "6000", "8000", "close", true);
}

TEST_F(RollbackTest, DatabaseGoesBackAndForthAfterAKill) {
  WriteKilledAndRead(true, "0", "2000", false);
  WriteKilledAndRead(false, "2000", "4000", true);
  WriteKilledAndRead(true, "4000", "6000", true);
  WriteKilledAndRead(true, "6000", "6100", false);
}

TEST_F(RollbackTest, SwitchedOffInFrontOfTheSameDatabase) {
  const Environment off = {{"ROCKSDB_URING", "off"}};
  WriteAndRead(true, "0", "2000", "close", true);
  EXPECT_EQ(Run(true, {"read", db_, "2000"}, off).said.at("status"), "OK");
  EXPECT_EQ(
      Run(true, {"write", db_, "2000", "3000", "close"}, off).said.at("status"),
      "OK");
  EXPECT_EQ(Run(true, {"read", db_, "3000"}).said.at("status"), "OK");
}

TEST_F(RollbackTest, WithoutIoUringFallbackDecides) {
  WriteAndRead(true, "0", "2000", "close", true);
  const std::vector<std::string> argv = {
      LOAD_TEST_DENY, std::to_string(EPERM), LOAD_TEST_PROGRAM, "read", db_,
      "2000"};
  Ran ran = RunPreloaded(argv);
  EXPECT_EQ(ran.said["status"], "OK") << ran.output;
  const nlohmann::json statistics = Statistics();
  ASSERT_TRUE(statistics.is_object());
  EXPECT_GT(statistics["opens"], 0);
  EXPECT_NE(statistics["fallback"]["reason"], "");
  EXPECT_EQ(statistics["engine"]["kind"], "posix");

  ran = RunPreloaded(argv, {{"ROCKSDB_URING_OPTIONS", "fallback=require"}});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_NE(ran.output.find("fallback=require"), std::string::npos)
      << ran.output;
  // The last word is the operator's.
  ran = RunPreloaded(argv, {{"ROCKSDB_URING_OPTIONS", "fallback=require"},
                            {"ROCKSDB_URING", "off"}});
  EXPECT_EQ(ran.said["status"], "OK") << ran.output;
}

TEST_F(RollbackTest, FallbackIsRequiredAndThere) {
  if (!WhyNoRing().empty()) {
    GTEST_SKIP() << WhyNoRing();
  }
  const Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "round_trip", db_},
                               {{"ROCKSDB_URING_OPTIONS", "fallback=require"}});
  EXPECT_EQ(ran.said.at("status"), "OK") << ran.output;
}

class LifetimeTest : public PreloadTest {};

TEST_F(LifetimeTest, DatabaseLeakedAtExit) {
  const Ran ran =
      RunPreloaded({LOAD_TEST_PROGRAM, "write", db_, "0", "2000", "leak"});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_GT(Opens(), 0u);
  EXPECT_EQ(
      RunPlain({LOAD_TEST_PROGRAM, "read", db_, "2000"}).said.at("status"),
      "OK");
}

TEST_F(LifetimeTest, StaticDatabaseIsReadAndClosedAtExit) {
  const Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "exit_static", db_});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said.at("at_exit"), "OK");
  EXPECT_EQ(ran.said.at("same_default"), "1");
  EXPECT_GT(Opens(), 0u);
}

TEST_F(LifetimeTest, DatabaseBeforeMain) {
  const Ran ran =
      RunPreloaded({LOAD_TEST_PROGRAM, "early"}, {{"LOAD_TEST_EARLY", db_}});
  EXPECT_EQ(ran.said.at("status"), "OK") << ran.output;
  EXPECT_GT(Opens(), 0u);
}

TEST_F(LifetimeTest, ParentAndForkedChildHaveDatabases) {
  ASSERT_TRUE(std::filesystem::create_directory(db_));
  Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "fork", db_});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said["before"], "OK");
  EXPECT_EQ(ran.said["parent"], "OK");
  EXPECT_EQ(ran.said["child"], "OK");
}

TEST_F(LifetimeTest, ThreadReadsWhileTheProcessEnds) {
  const std::string path = directory_.file("000001.sst");
  WriteFile(path, RandomBytes(64 << 10, 5));
  const Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "exit_thread", path});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_GT(Opens(), 0u);
}

}  // namespace
}  // namespace rocksdb_uring
