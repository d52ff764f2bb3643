// The way back: switches, and databases that change hands. The files are the
// same files.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/databases/load/load_test_support.h"
#include "tests/support/file/file_test_support.h"
#include "tests/support/file/writer_process.h"

namespace rocksdb_uring {
namespace {

namespace fs = std::filesystem;

class RollbackTest : public PreloadTest {
 protected:
  // One run of the program, with the plugin or without.
  Ran Run(bool preloaded, const std::vector<std::string>& arguments,
          const Environment& more = {}) {
    std::vector<std::string> argv = {LOAD_TEST_PROGRAM};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const Ran ran = preloaded ? RunPreloaded(argv, more) : RunPlain(argv, more);
    EXPECT_EQ(Opens() > 0, preloaded && more.empty()) << ran.output;
    return ran;
  }

  // Writes keys `from` to `to` and reads all of them.
  void WriteAndRead(bool writer, const std::string& from, const std::string& to,
                    bool reader) {
    const Ran wrote = Run(writer, {"write", db_, from, to, "close"});
    EXPECT_EQ(wrote.exit_code, 0) << wrote.output;
    EXPECT_EQ(wrote.said.at("status"), "OK");
    const Ran read = Run(reader, {"read", db_, to});
    EXPECT_EQ(read.exit_code, 0) << read.output;
    EXPECT_EQ(read.said.at("status"), "OK");
  }

  // How many keys the writer that reports to `report` has acknowledged; 0 until
  // it has begun.
  static uint64_t Acknowledged(const std::string& report) {
    const std::string text = ReadWholeFile(report);
    const size_t end = text.rfind('\n');
    const size_t equals = text.rfind('=', end);
    return end == std::string::npos || equals == std::string::npos
               ? 0
               : std::strtoull(&text[equals + 1], nullptr, 10);
  }

  // Goes on writing behind the `first` keys, until the kill at `about` or soon
  // after; reads what was acknowledged, and returns how many keys there are.
  uint64_t WriteKilledAndRead(bool writer, uint64_t first, uint64_t about,
                              bool reader) {
    const std::string report = directory_.file("report");
    const std::string log = directory_.file("uring_log");
    fs::remove(report);
    fs::remove(log);
    // A killed process writes no statistics.
    WriterProcess process(
        {"/usr/bin/env",
         std::string("LD_PRELOAD=") + (writer ? ROCKSDB_URING_PRELOAD : ""),
         "ROCKSDB_URING_LOG=" + log, LOAD_TEST_PROGRAM, "write_on", db_,
         std::to_string(first)},
        report);
    while (process.running() && Acknowledged(report) < about) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_TRUE(process.Kill()) << ReadWholeFile(report);
    EXPECT_EQ(fs::exists(log), writer);
    if (writer) {
      EXPECT_NE(ReadWholeFile(log).find(" open " + db_ + "/"),
                std::string::npos);
    }
    const uint64_t acknowledged = Acknowledged(report);
    Ran read = Run(reader, {"read", db_});
    EXPECT_EQ(read.said["status"], "OK") << read.output;
    const uint64_t keys = std::strtoull(read.said["keys"].c_str(), nullptr, 10);
    // The one that was being written may be there.
    EXPECT_GE(keys, acknowledged);
    EXPECT_LE(keys, acknowledged + 1);
    return keys;
  }
};

TEST_F(RollbackTest, DatabaseGoesBackAndForth) {
  WriteAndRead(false, "0", "2000", true);
  WriteAndRead(true, "2000", "4000", false);
  WriteAndRead(false, "4000", "6000", true);
  WriteAndRead(true, "6000", "8000", true);
}

TEST_F(RollbackTest, DatabaseGoesBackAndForthAfterAKill) {
  uint64_t keys = WriteKilledAndRead(true, 0, 3000, false);
  keys = WriteKilledAndRead(false, keys, keys + 3000, true);
  keys = WriteKilledAndRead(true, keys, keys + 3000, true);
  WriteKilledAndRead(true, keys, keys + 100, false);
}

TEST_F(RollbackTest, SwitchedOffInFrontOfTheSameDatabase) {
  const Environment off = {{"ROCKSDB_URING", "off"}};
  WriteAndRead(true, "0", "2000", true);
  EXPECT_EQ(Run(true, {"read", db_, "2000"}, off).said.at("status"), "OK");
  EXPECT_EQ(
      Run(true, {"write", db_, "2000", "3000", "close"}, off).said.at("status"),
      "OK");
  EXPECT_EQ(Run(true, {"read", db_, "3000"}).said.at("status"), "OK");
}

TEST_F(RollbackTest, WithoutIoUringFallbackDecides) {
  WriteAndRead(true, "0", "2000", true);
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

// An Env of the plugin's own and no shim: of a URI, with the plugin preloaded,
// and of NewUringEnv, in a program that is linked with it.
TEST_F(LifetimeTest, EnvsOfTheirOwnAtExit) {
  for (const bool linked : {false, true}) {
    const Environment alone = {
        {"LD_PRELOAD", linked ? "" : ROCKSDB_URING_LIBRARY}};
    const std::string program = linked ? LOAD_TEST_LINKED : LOAD_TEST_PROGRAM;
    const std::string db = db_ + (linked ? "_linked" : "_uri");
    Ran ran = RunPreloaded({program, "exit_static", db, "uring://"}, alone);
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_EQ(ran.said["at_exit"], "OK");
    EXPECT_EQ(ran.said["chain"], "UringFileSystem>PosixFileSystem");
    EXPECT_GT(Opens(), 0u);
    // Still open at the end.
    ran = RunPreloaded(
        {program, "write", db, "2000", "4000", "leak", "uring://"}, alone);
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_EQ(ran.said["chain"], "UringFileSystem>PosixFileSystem");
    EXPECT_GT(Opens(), 0u);
    ran = RunPlain({LOAD_TEST_PROGRAM, "read", db, "4000"});
    EXPECT_EQ(ran.said["status"], "OK") << ran.output;
  }
}

TEST_F(LifetimeTest, DatabaseBeforeMain) {
  const Ran ran =
      RunPreloaded({LOAD_TEST_PROGRAM, "early"}, {{"LOAD_TEST_EARLY", db_}});
  EXPECT_EQ(ran.said.at("status"), "OK") << ran.output;
  EXPECT_GT(Opens(), 0u);
}

TEST_F(LifetimeTest, ParentAndForkedChildHaveDatabases) {
  ASSERT_TRUE(fs::create_directory(db_));
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
