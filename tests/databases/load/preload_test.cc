// librocksdb_uring_preload.so in front of programs of all kinds.
//
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/databases/load/load_test_support.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

namespace fs = std::filesystem;

// How often `text` has `part`.
size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) {
    ++count;
  }
  return count;
}

// Programs of other people say nothing of us.
::testing::AssertionResult Untouched(const Ran& ran) {
  const auto plugin = ran.said.find("plugin");
  const auto shared = ran.said.find("shared");
  return ran.exit_code == 0 && plugin != ran.said.end() &&
                 plugin->second == "0" && shared != ran.said.end() &&
                 shared->second == "0"
             ? ::testing::AssertionSuccess()
             : ::testing::AssertionFailure() << "exit code " << ran.exit_code
                                             << ", output " << ran.output;
}

TEST_F(PreloadTest, ProgramWithoutFlagUsesThePlugin) {
  const Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "round_trip", db_});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said.at("status"), "OK");
  EXPECT_GT(Opens(), 0u);
  EXPECT_NE(ReadWholeFile(db_ + "/LOG").find("uring file system:"),
            std::string::npos);
}

TEST_F(PreloadTest, DirectMultiGetTakesRings) {
  SkipWithoutRing();
  WriteFile(directory_.file("probe"), "");
  SkipWithoutDirectReads(true, directory_.file("probe"));
  const Ran ran =
      RunPreloaded({LOAD_TEST_PROGRAM, "round_trip", db_, "direct"});
  EXPECT_EQ(ran.said.at("status"), "OK") << ran.output;
  EXPECT_GT(Counter(kRingReads), 0u);
}

// RocksDB's soname may be that of several versions.
TEST_F(PreloadTest, AnotherVersionOfTheSameNameIsLeftAlone) {
  const std::string other = LOAD_TEST_OTHER_VERSION ":";
  Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "round_trip", db_},
                         {{"LD_PRELOAD", other + ROCKSDB_URING_PRELOAD}});
  EXPECT_EQ(ran.said["status"], "OK") << ran.output;
  EXPECT_EQ(Opens(), 0u);
  ran = RunPreloaded({LOAD_TEST_PROGRAM, "uri", db_, "fs", "uring://"},
                     {{"LD_PRELOAD", other + ROCKSDB_URING_LIBRARY}});
  EXPECT_EQ(ran.output.find("chain="), std::string::npos) << ran.output;
  EXPECT_EQ(Opens(), 0u);
}

// Not even through the dynamic linker's lock.
TEST_F(PreloadTest, DefaultWaitsForNobody) {
  const Ran ran =
      RunPreloaded({LOAD_TEST_PROGRAM, "initialiser", LOAD_TEST_INITIALISER});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said.at("ready"), "1") << ran.output;
}

TEST_F(PreloadTest, DefaultAnswersToAllItsNames) {
  Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "identity"});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said["name"], "UringFileSystem");
  for (const char* name :
       {"posix", "PosixFileSystem", "DefaultFileSystem", "uring"}) {
    EXPECT_EQ(ran.said[std::string("is_") + name], "1") << name;
    EXPECT_EQ(ran.said[std::string("create_") + name], "default") << name;
  }
  EXPECT_EQ(ran.said["is_other"], "0");
  EXPECT_NE(ran.said["create_other"], "default");
  EXPECT_EQ(ran.said["same_again"], "1");
  EXPECT_EQ(ran.said["same_in_env"], "1");
  // As RocksDB's own default, also when it is made again from its string.
  EXPECT_EQ(ran.said["string_status"], "OK");
  EXPECT_EQ(ran.said["same_by_string"], "1");
}

TEST_F(PreloadTest, SettingsOfTheDefaultCanChange) {
  Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "settings"});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said["share_status"], "OK");
  EXPECT_EQ(ran.said["option_status"], "OK");
  EXPECT_EQ(ran.said["share"], "5");
  EXPECT_NE(ran.output.find(
                "only background_priority, log, reads, share, syncs, writes "
                "can"),
            std::string::npos)
      << ran.output;
}

TEST_F(PreloadTest, DefaultIsOneObjectForAllThreads) {
  Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "threads"});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said["objects"], "1");
}

TEST_F(PreloadTest, MappedWritesWork) {
  for (const std::string uri : {"", "uring://", "uring"}) {
    std::vector<std::string> argv = {LOAD_TEST_PROGRAM, "mmap", db_ + uri[0]};
    if (!uri.empty()) {
      argv.push_back(uri);
    }
    Ran ran = RunPreloaded(argv);
    EXPECT_EQ(ran.exit_code, 0) << uri << ": " << ran.output;
    EXPECT_EQ(ran.said["status"], "OK") << uri;
    EXPECT_GT(Opens(), 0u) << uri;
  }
}

TEST_F(PreloadTest, LayersOnTheDefaultWork) {
  int number = 0;
  for (const std::string layer :
       {"timed_env", "mem_env", "env_wrapper", "wrapper", "encrypted",
        "TimedFS", "id=TimedFS;target=posix", "id=TimedFS;target=uring",
        "id=TimedFS;target=uring://", "CountedFileSystem", "PosixFileSystem",
        "uring", "id=uring", "uring://"}) {
    Ran ran = RunPreloaded(
        {LOAD_TEST_PROGRAM, "layer", db_ + std::to_string(++number), layer});
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_EQ(ran.said["status"], "OK") << layer;
    // That one has its files in memory.
    EXPECT_EQ(Opens() > 0, layer != "mem_env") << layer;
  }
}

TEST_F(PreloadTest, LayersOnAUriWork) {
  for (const auto& [layer, chain] :
       {std::pair("id=TimedFS;target=uring",
                  "TimedFS>UringFileSystem>PosixFileSystem"),
        {"id=CountedFileSystem;target=uring://",
         "CountedFileSystem>UringFileSystem>PosixFileSystem"},
        {"id=TimedFS;target={id=CountedFileSystem;target={id=uring}}",
         "TimedFS>CountedFileSystem>UringFileSystem>PosixFileSystem"}}) {
    Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "layer", db_, layer},
                           {{"LD_PRELOAD", ROCKSDB_URING_LIBRARY}});
    EXPECT_EQ(ran.said["status"], "OK") << ran.output;
    EXPECT_EQ(ran.said["chain"], chain);
    EXPECT_GT(Opens(), 0u) << layer;
  }
}

TEST_F(PreloadTest, WithAUriThereIsOneLayer) {
  for (const char* kind : {"fs", "env"}) {
    Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "uri", db_, kind, "uring://"});
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_EQ(ran.said["created"], "OK");
    EXPECT_EQ(ran.said["status"], "OK");
    EXPECT_EQ(ran.said["chain"],
              "UringFileSystem>PosixFileSystem>PosixFileSystem");
    EXPECT_GT(Opens(), 0u);
  }
}

TEST_F(PreloadTest, PluginAloneServesUrisOfBothKinds) {
  for (const char* kind : {"fs", "env"}) {
    Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "uri", db_, kind, "uring://"},
                           {{"LD_PRELOAD", ROCKSDB_URING_LIBRARY}});
    EXPECT_EQ(ran.said["status"], "OK") << ran.output;
    EXPECT_EQ(ran.said["chain"], "UringFileSystem>PosixFileSystem");
    EXPECT_GT(Opens(), 0u);
    // A program that gives no URI is not touched.
    ran = RunPreloaded({LOAD_TEST_PROGRAM, "identity"},
                       {{"LD_PRELOAD", ROCKSDB_URING_LIBRARY}});
    EXPECT_EQ(ran.said["name"], "PosixFileSystem");
  }
}

TEST_F(PreloadTest, WithThePluginPreloadedTooThereIsOneEngine) {
  const std::string beside = directory_.file("beside");
  const std::string log = directory_.file("log");
  // Not the file that the shim finds in its own directory.
  const std::string copy = directory_.file("librocksdb_uring.so");
  fs::copy_file(ROCKSDB_URING_LIBRARY, copy);
  for (const std::string& plugin : {std::string(ROCKSDB_URING_LIBRARY), copy}) {
    for (const std::string& both : {ROCKSDB_URING_PRELOAD ":" + plugin,
                                    plugin + ":" ROCKSDB_URING_PRELOAD}) {
      fs::remove(log);
      Ran ran = RunPreloaded(
          {LOAD_TEST_PROGRAM, "uri", db_, "fs", "uring://", beside},
          {{"LD_PRELOAD", both}, {"ROCKSDB_URING_LOG", log}});
      EXPECT_EQ(ran.exit_code, 0) << ran.output;
      EXPECT_EQ(ran.said["status"], "OK");
      EXPECT_EQ(ran.said["default"], "OK");
      EXPECT_EQ(ran.said["chain"],
                "UringFileSystem>PosixFileSystem>PosixFileSystem");
      EXPECT_EQ(ran.said["plugins"], fs::canonical(plugin).string()) << both;
      const std::string text = ReadWholeFile(log);
      EXPECT_EQ(Count(text, " engine: "), 1u) << both;
      // One set of statistics has the files of both databases; directories it
      // leaves out.
      EXPECT_GT(Count(text, " open " + beside + "/"), 0u) << both;
      EXPECT_EQ(Opens() + Count(text, " open " + db_ + " as ") +
                    Count(text, " open " + beside + " as "),
                Count(text, " open "))
          << both;
    }
  }
}

TEST_F(PreloadTest, BadOptionIsTheStatusOfEveryOpen) {
  Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "round_trip", db_},
                         {{"ROCKSDB_URING_OPTIONS", "queue_dept=64"}});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_NE(ran.output.find("Invalid argument"), std::string::npos)
      << ran.output;
  EXPECT_NE(ran.output.find("queue_dept"), std::string::npos) << ran.output;
  // With a value for the switch that is none.
  ran = RunPreloaded({LOAD_TEST_PROGRAM, "round_trip", db_},
                     {{"ROCKSDB_URING", "of"}});
  EXPECT_NE(ran.output.find("write on or off"), std::string::npos)
      << ran.output;
}

TEST_F(PreloadTest, SwitchedOffItIsThePosixFileSystem) {
  const Environment off = {{"ROCKSDB_URING", "off"}};
  Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "identity"}, off);
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said["name"], "PosixFileSystem");
  EXPECT_EQ(ran.said["same_in_env"], "1");
  // Nor do bad options matter then.
  ran = RunPreloaded(
      {LOAD_TEST_PROGRAM, "mmap", db_},
      {{"ROCKSDB_URING", "off"}, {"ROCKSDB_URING_OPTIONS", "bad=1"}});
  EXPECT_EQ(ran.said["status"], "OK");
  EXPECT_TRUE(Statistics().is_null());
  // A URI is still known, and means POSIX.
  ran = RunPreloaded({LOAD_TEST_PROGRAM, "uri", db_, "fs", "uring://"}, off);
  EXPECT_EQ(ran.said["created"], "OK") << ran.output;
  EXPECT_EQ(ran.said["status"], "OK") << ran.output;
  EXPECT_EQ(Opens(), 0u);
}

TEST_F(PreloadTest, ProgramWithoutRocksDbIsLeftAlone) {
  EXPECT_TRUE(Untouched(RunPreloaded({LOAD_TEST_NONE})));
  const Ran shell = RunPreloaded({"/bin/sh", "-c", "echo quiet"});
  EXPECT_EQ(shell.output, "quiet\n");
}

TEST_F(PreloadTest, ProgramThatLoadsTheSharedRocksDbLateUsesThePlugin) {
  Ran ran = RunPreloaded({LOAD_TEST_NONE, "late", db_});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said["status"], "OK");
  EXPECT_EQ(ran.said["plugin"], "1");
  EXPECT_GT(Opens(), 0u);
}

TEST_F(PreloadTest, LibraryWithARocksDbOfItsOwnKeepsIt) {
  Ran ran = RunPreloaded({LOAD_TEST_NONE, "bundled", LOAD_TEST_BUNDLED});
  EXPECT_EQ(ran.said["bundled"], "bundled 1.2.3") << ran.output;
  EXPECT_TRUE(Untouched(ran));
}

TEST_F(PreloadTest, LibraryWithARocksDbOfItsOwnKeepsItBesideTheSharedOne) {
  Ran ran = RunPreloaded({LOAD_TEST_PROGRAM, "bundled", LOAD_TEST_BUNDLED});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said["bundled"], "bundled 1.2.3");
  EXPECT_EQ(ran.said["shared"], "UringFileSystem");
}

#ifdef LOAD_TEST_STATIC
TEST_F(PreloadTest, ProgramWithAStaticRocksDbIsLeftAlone) {
  for (const char* program : {LOAD_TEST_STATIC, LOAD_TEST_EXPORTED}) {
    Ran ran = RunPreloaded({program, db_});
    EXPECT_TRUE(Untouched(ran)) << program;
    EXPECT_EQ(ran.said["status"], "OK");
    EXPECT_EQ(ran.said["name"], "PosixFileSystem");
    EXPECT_TRUE(Statistics().is_null());
  }
}
#endif

TEST_F(PreloadTest, WithoutThePluginItIsThePosixFileSystem) {
  const std::string alone = directory_.file("librocksdb_uring_preload.so");
  fs::copy_file(ROCKSDB_URING_PRELOAD, alone);
  Ran ran =
      RunPreloaded({LOAD_TEST_PROGRAM, "identity"}, {{"LD_PRELOAD", alone}});
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_EQ(ran.said["name"], "PosixFileSystem");
}

TEST_F(PreloadTest, RelativePathSurvivesAChangeOfDirectory) {
  const std::string library = ROCKSDB_URING_PRELOAD;
  const size_t slash = library.rfind('/');
  const Ran ran = RunPreloaded(
      {"/bin/sh", "-c",
       "cd " + library.substr(0, slash) + " && LD_PRELOAD=./" +
           library.substr(slash + 1) + " " LOAD_TEST_NONE " late " + db_},
      {{"LD_PRELOAD", ""}});
  EXPECT_EQ(ran.said.at("plugin"), "1") << ran.output;
  EXPECT_GT(Opens(), 0u);
}

}  // namespace
}  // namespace rocksdb_uring
