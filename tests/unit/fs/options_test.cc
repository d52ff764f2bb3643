// The options: every way to give them, and what is said of wrong ones.
//
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "env/fs/uring_file_system.h"
#include "plugin/registration.h"
#include "rocksdb/convenience.h"
#include "rocksdb/utilities/object_registry.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/engine/test_counts.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::ConfigOptions;
using rocksdb::FileSystem;
using rocksdb::ObjectLibrary;
using rocksdb::Status;

void RegisterOnce() {
  static const int registered =
      rocksdb::RegisterUringFileSystem(*ObjectLibrary::Default(), "");
  (void)registered;
}

class OptionsTest : public ::testing::Test {
 protected:
  void SetUp() override { RegisterOnce(); }

  static ConfigOptions Strict() {
    ConfigOptions config;
    config.ignore_unknown_options = false;
    config.ignore_unsupported_options = false;
    return config;
  }

  Status FromRegistry(const std::string& text) {
    file_system_.reset();
    return Counted(FileSystem::CreateFromString(Strict(), text, &file_system_));
  }
  Status FromFunction(const std::string& text) {
    file_system_.reset();
    return Counted(NewUringFileSystem(text, &file_system_));
  }
  static Status Counted(const Status& status) {
    CountBadInputs(status.ok() ? 0 : 1);
    return status;
  }

  std::string Option(const std::string& name) {
    std::string value;
    const Status status = file_system_->GetOption(Strict(), name, &value);
    EXPECT_TRUE(status.ok()) << name << ": " << status.ToString();
    return value;
  }
  uint64_t Number(const std::string& name) {
    return StatisticsOf(file_system_.get())[name];
  }
  nlohmann::json Json() {
    std::string json;
    EXPECT_TRUE(GetUringStatisticsJson(file_system_.get(), &json).ok());
    return nlohmann::json::parse(json);
  }

  void ExpectAllSet() {
    EXPECT_EQ(Number("engine.queue_depth"), 128u);
    EXPECT_EQ(Number("engine.rings_max"), 7u);
    EXPECT_EQ(Number("engine.readahead_bytes"), 1u << 20);
    EXPECT_EQ(Option("queue_depth"), "128");
    EXPECT_EQ(Option("rings_max"), "7");
    EXPECT_EQ(Option("readahead_bytes"), "1048576");
    EXPECT_EQ(Option("write_buffer_bytes"), "2097152");
    EXPECT_EQ(Option("deadline_buffer_bytes"), "3145728");
    EXPECT_EQ(Option("total_buffer_bytes"), "5242880");
    EXPECT_EQ(Option("abandoned_max"), "11");
    EXPECT_EQ(Option("polling"), "device");
    EXPECT_EQ(Option("executor_threads"), "12");
    EXPECT_EQ(Option("write_out_bytes"), "8388608");
    EXPECT_EQ(Option("reads"), "posix");
    EXPECT_EQ(Option("writes"), "uring");
    EXPECT_EQ(Option("syncs"), "posix");
    EXPECT_EQ(Option("fallback"), "auto");
    EXPECT_EQ(Option("stats_file"), stats_);
    EXPECT_EQ(Option("stats_interval_s"), "3600");
    EXPECT_EQ(Option("prometheus_file"), stats_ + ".prom");
    EXPECT_EQ(Option("stats_log_interval_s"), "1800");
    EXPECT_EQ(Option("share"), "40");
    EXPECT_EQ(Option("control_file"), control_);
    EXPECT_EQ(Option("log"), "on");
    EXPECT_EQ(Option("background_priority"), "idle");
  }

  static bool Mentions(const Status& status,
                       const std::vector<std::string>& words) {
    for (const std::string& word : words) {
      if (status.ToString().find(word) == std::string::npos) {
        return false;
      }
    }
    return true;
  }

  TempDir directory_;
  const std::string stats_ = directory_.file("stats.json");
  const std::string control_ = directory_.file("control");
  const std::string query_ =
      "queue_depth=128&rings_max=7&readahead_bytes=1M&reads=posix&"
      "write_buffer_bytes=2M&write_out_bytes=8M&writes=uring&syncs=posix&"
      "deadline_buffer_bytes=3M&total_buffer_bytes=5M&abandoned_max=11&"
      "polling=device&"
      "executor_threads=12&"
      "fallback=auto&share=40&log=on&background_priority=idle&control_file=" +
      control_ + "&stats_file=" + stats_ +
      "&stats_interval_s=3600&prometheus_file=" + stats_ +
      ".prom&stats_log_interval_s=1800";
  const std::string list_ =
      "queue_depth=128;rings_max=7;readahead_bytes=1M;reads=posix;"
      "write_buffer_bytes=2M;write_out_bytes=8M;writes=uring;syncs=posix;"
      "deadline_buffer_bytes=3M;total_buffer_bytes=5M;abandoned_max=11;"
      "polling=device;"
      "executor_threads=12;"
      "fallback=auto;share=40;log=on;background_priority=idle;control_file=" +
      control_ + ";stats_file=" + stats_ +
      ";stats_interval_s=3600;prometheus_file=" + stats_ +
      ".prom;stats_log_interval_s=1800";
  std::shared_ptr<FileSystem> file_system_;
};

TEST_F(OptionsTest, EveryOptionInAUri) {
  ASSERT_TRUE(FromRegistry("uring://?" + query_).ok());
  ExpectAllSet();
  ASSERT_TRUE(FromFunction("uring://?" + query_).ok());
  ExpectAllSet();
}

TEST_F(OptionsTest, EveryOptionInAList) {
  ASSERT_TRUE(FromRegistry("id=uring;" + list_).ok());
  ExpectAllSet();
  ASSERT_TRUE(FromRegistry("{id=uring;" + list_ + "}").ok());
  ExpectAllSet();
  ASSERT_TRUE(FromFunction(list_).ok());
  ExpectAllSet();
}

TEST_F(OptionsTest, NoOptionsAtAll) {
  for (const char* text : {"uring", "uring://", "uring://?", "id=uring"}) {
    ASSERT_TRUE(FromRegistry(text).ok()) << text;
    ASSERT_NE(file_system_, nullptr) << text;
    EXPECT_STREQ(file_system_->Name(), "UringFileSystem");
    EXPECT_EQ(Number("engine.queue_depth"), 64u) << text;
    EXPECT_EQ(Option("reads"), "auto");
  }
  for (const char* text : {"", "uring", "uring://", "uring://?"}) {
    ASSERT_TRUE(FromFunction(text).ok()) << text;
    EXPECT_EQ(Number("engine.queue_depth"), 64u) << text;
  }
}

TEST_F(OptionsTest, EnvByUri) {
  rocksdb::Env* env = nullptr;
  std::shared_ptr<rocksdb::Env> guard;
  ASSERT_TRUE(rocksdb::Env::CreateFromUri(
                  Strict(), "", "uring://?queue_depth=32", &env, &guard)
                  .ok());
  EXPECT_STREQ(env->GetFileSystem()->Name(), "UringFileSystem");
  EXPECT_EQ(StatisticsOf(env->GetFileSystem().get())["engine.queue_depth"],
            32u);
}

TEST_F(OptionsTest, UnknownNamesAreNamed) {
  const std::vector<Status> statuses = {FromRegistry("uring://?queue_dept=64"),
                                        FromRegistry("id=uring;queue_dept=64"),
                                        FromFunction("uring://?queue_dept=64"),
                                        FromFunction("queue_dept=64")};
  for (const Status& status : statuses) {
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(Mentions(status, {"queue_dept"})) << status.ToString();
  }
  EXPECT_TRUE(Mentions(FromFunction("uring://?queue_dept=64"),
                       {"queue_depth", "rings_max", "stats_file"}));
}

// RocksDB takes a string without "=" for anything, and says OK.
TEST_F(OptionsTest, WordsThatAreNoOptionAreRefused) {
  for (const char* text : {"garbage", "posix", "reads", "off", "queue_depth"}) {
    const Status status = FromFunction(text);
    EXPECT_TRUE(status.IsInvalidArgument()) << text;
    EXPECT_TRUE(Mentions(status, {text, "option=value"})) << status.ToString();
    const ScopedEnvironment options("ROCKSDB_URING_OPTIONS", text);
    EXPECT_TRUE(Mentions(FromRegistry("uring://"),
                         {text, "ROCKSDB_URING_OPTIONS", "option=value"}))
        << text;
  }
  ASSERT_TRUE(FromRegistry("uring").ok());
  EXPECT_TRUE(file_system_->ConfigureFromString(Strict(), "garbage")
                  .IsInvalidArgument());
}

TEST_F(OptionsTest, AListMayNameTheFileSystem) {
  ASSERT_TRUE(FromFunction("id=uring;stats_interval_s=7;reads=posix").ok());
  EXPECT_EQ(Option("stats_interval_s"), "7");
  EXPECT_EQ(Option("reads"), "posix");
  const Status status = FromFunction("id=TimedFS;reads=posix");
  EXPECT_TRUE(status.IsInvalidArgument());
  EXPECT_TRUE(Mentions(status, {"id=TimedFS", "id=uring"}))
      << status.ToString();
}

TEST_F(OptionsTest, BadValuesNameOptionValueAndRange) {
  const std::vector<std::vector<std::string>> wrong = {
      {"queue_depth", "7", "8 to 4096"},
      {"queue_depth", "4097", "8 to 4096"},
      {"queue_depth", "-64", "8 to 4096"},
      {"queue_depth", "many", "8 to 4096"},
      {"queue_depth", "", "8 to 4096"},
      {"queue_depth", "12abc", "8 to 4096"},
      {"queue_depth", "18446744073709551616", "8 to 4096"},
      {"rings_max", "0", "1 to 1024"},
      {"rings_max", "1025", "1 to 1024"},
      {"readahead_bytes", "2T", "0 to 1099511627776"},
      {"readahead_bytes", "-1", "0 to 1099511627776"},
      {"write_buffer_bytes", "2T", "0 to 1099511627776"},
      {"deadline_buffer_bytes", "2T", "0 to 1099511627776"},
      {"total_buffer_bytes", "2T", "0 to 1099511627776"},
      {"abandoned_max", "0", "1 to 65536"},
      {"abandoned_max", "65537", "1 to 65536"},
      {"polling", "on", "one of device, off, submission"},
      {"executor_threads", "129", "0 to 128"},
      {"write_out_bytes", "2T", "0 to 1099511627776"},
      {"write_out_bytes", "auto", "0 to 1099511627776"},
      {"reads", "fast", "auto, posix, uring"},
      {"writes", "fast", "auto, posix, uring"},
      {"syncs", "", "auto, posix, uring"},
      {"fallback", "never", "auto, require"},
      {"stats_interval_s", "86401", "0 to 86400"},
      {"stats_interval_s", "-1", "0 to 86400"},
      {"stats_log_interval_s", "86401", "0 to 86400"},
      {"share", "101", "0 to 100"},
      {"share", "-1", "0 to 100"},
      {"share", "5%", "0 to 100"},
      {"share", "0005", "0 to 100"},
      {"share", "", "0 to 100"},
      {"log", "yes", "off, on"},
      {"background_priority", "high", "idle, low, same"},
  };
  for (const auto& option : wrong) {
    const std::string pair = option[0] + "=" + option[1];
    const std::vector<Status> statuses = {
        FromRegistry("uring://?" + pair), FromRegistry("id=uring;" + pair),
        FromFunction("uring://?" + pair), FromFunction(pair)};
    for (const Status& status : statuses) {
      EXPECT_FALSE(status.ok()) << pair;
      EXPECT_TRUE(Mentions(status, {pair, option[2]})) << status.ToString();
    }
  }
}

TEST_F(OptionsTest, BadUris) {
  for (const char* uri :
       {"uring:///some/path", "uring://host", "uring://?queue_depth",
        "uring://?=5", "uring://?queue_depth=64&queue_depth=64",
        "uring://?queue_depth=64&&reads=auto"}) {
    const Status status = FromFunction(uri);
    EXPECT_TRUE(status.IsInvalidArgument()) << uri << status.ToString();
    EXPECT_TRUE(Mentions(status, {uri})) << status.ToString();
    EXPECT_FALSE(FromRegistry(uri).ok()) << uri;
  }
}

TEST_F(OptionsTest, FailureLeavesTheResultAlone) {
  ASSERT_TRUE(FromFunction("").ok());
  FileSystem* const before = file_system_.get();
  EXPECT_FALSE(NewUringFileSystem("reads=fast", &file_system_).ok());
  EXPECT_EQ(file_system_.get(), before);
}

TEST_F(OptionsTest, FailureStartsNothing) {
  const TempDir directory;
  const std::string stats_file = directory.file("stats.json");
  const std::string options = "stats_file=" + stats_file + ";reads=";
  EXPECT_FALSE(UringFileSystem(nullptr)
                   .ConfigureFromString(Strict(), options + "x")
                   .ok());
  EXPECT_FALSE(FromRegistry("id=uring;" + options + "x").ok());
  EXPECT_FALSE(
      FromRegistry("uring://?stats_file=" + stats_file + "&reads=x").ok());
  EXPECT_NE(access(stats_file.c_str(), F_OK), 0);
  EXPECT_TRUE(FromRegistry("id=uring;" + options + "posix").ok());
  file_system_.reset();
  EXPECT_EQ(access(stats_file.c_str(), F_OK), 0) << "the test proves nothing";
}

TEST_F(OptionsTest, ToStringMakesTheSameAgain) {
  ASSERT_TRUE(FromRegistry("uring://?" + query_).ok());
  const std::string text = file_system_->ToString(Strict());
  EXPECT_NE(text.find("uring"), std::string::npos) << text;
  const Status status = FromRegistry(text);
  ASSERT_TRUE(status.ok()) << text << " gives " << status.ToString();
  ExpectAllSet();
  EXPECT_EQ(file_system_->ToString(Strict()), text);
}

TEST_F(OptionsTest, EnvironmentGivesOptions) {
  const ScopedEnvironment options("ROCKSDB_URING_OPTIONS", list_);
  ASSERT_TRUE(FromRegistry("uring").ok());
  ExpectAllSet();
  ASSERT_TRUE(FromRegistry("uring://").ok());
  ExpectAllSet();
  ASSERT_TRUE(FromFunction("").ok());
  ExpectAllSet();
}

TEST_F(OptionsTest, UriBeforeEnvironmentBeforeDefault) {
  const ScopedEnvironment options("ROCKSDB_URING_OPTIONS",
                                  "queue_depth=32;rings_max=5");
  for (const char* text :
       {"uring://?queue_depth=16", "id=uring;queue_depth=16"}) {
    ASSERT_TRUE(FromRegistry(text).ok());
    EXPECT_EQ(Number("engine.queue_depth"), 16u);
    EXPECT_EQ(Number("engine.rings_max"), 5u);
    EXPECT_EQ(Number("engine.readahead_bytes"),
              EngineOptions().readahead_bytes);
  }
}

TEST_F(OptionsTest, BadEnvironmentIsNamed) {
  const ScopedEnvironment options("ROCKSDB_URING_OPTIONS", "reads=fast");
  for (const Status& status :
       {FromRegistry("uring://"), FromFunction(""), FromRegistry("id=uring")}) {
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(Mentions(
        status, {"ROCKSDB_URING_OPTIONS", "reads=fast", "auto, posix, uring"}))
        << status.ToString();
  }
}

TEST_F(OptionsTest, SwitchedOff) {
  const ScopedEnvironment off("ROCKSDB_URING", "off");
  ASSERT_TRUE(FromRegistry("uring://?" + query_).ok());
  const std::string path = directory_.file("000025.sst");
  const std::string model = RandomBytes(10000, 25);
  WriteFile(path, model);
  const auto file = OpenRandomAccess(file_system_.get(), path, false);
  Scratch scratch(model.size());
  rocksdb::Slice result;
  ASSERT_TRUE(file->Read(0, model.size(), rocksdb::IOOptions(), &result,
                         scratch.data(), nullptr)
                  .ok());
  EXPECT_EQ(result.ToString(), model);
  EXPECT_EQ(Json()["engine"]["kind"], "off");
  EXPECT_NE(
      Json()["fallback"]["reason"].get<std::string>().find("ROCKSDB_URING=off"),
      std::string::npos);
  EXPECT_EQ(Number("opens"), 0u);
  // The statistics file says so too.
  file_system_.reset();
  EXPECT_NE(ReadWholeFile(stats_).find("ROCKSDB_URING=off"), std::string::npos);
}

TEST_F(OptionsTest, SwitchedOn) {
  const ScopedEnvironment on("ROCKSDB_URING", "on");
  ASSERT_TRUE(FromRegistry("uring://").ok());
  EXPECT_NE(Json()["engine"]["kind"], "off");
}

TEST_F(OptionsTest, NonsenseSwitchIsRefused) {
  const ScopedEnvironment nonsense("ROCKSDB_URING", "offf");
  for (const Status& status : {FromRegistry("uring://"), FromFunction("")}) {
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(Mentions(status, {"ROCKSDB_URING=offf", "write on or off"}))
        << status.ToString();
  }
}

TEST_F(OptionsTest, EngineOptionsThatContradictNameBothValues) {
  std::shared_ptr<FileSystem> first;
  ASSERT_TRUE(NewUringFileSystem("queue_depth=32;rings_max=9", &first).ok());
  const std::vector<std::vector<std::string>> wrong = {
      {"queue_depth=64", "queue_depth=32"},
      {"rings_max=10", "rings_max=9"},
      {"readahead_bytes=5",
       "readahead_bytes=" + std::to_string(EngineOptions().readahead_bytes)},
      {"write_buffer_bytes=5", "write_buffer_bytes=33554432"},
      {"deadline_buffer_bytes=5", "deadline_buffer_bytes=67108864"},
      {"total_buffer_bytes=5", "total_buffer_bytes=1099511627776"},
      {"abandoned_max=5", "abandoned_max=64"},
      {"polling=device", "polling=off"}};
  for (const auto& values : wrong) {
    const Status status = FromFunction(values[0]);
    EXPECT_TRUE(status.IsInvalidArgument()) << status.ToString();
    EXPECT_TRUE(Mentions(status, values)) << status.ToString();
    EXPECT_FALSE(FromRegistry("uring://?" + values[0]).ok());
  }
  // The same values, or none, are no contradiction.
  EXPECT_TRUE(FromFunction("queue_depth=32").ok());
  EXPECT_TRUE(FromFunction("reads=posix").ok());
  EXPECT_EQ(Number("engine.queue_depth"), 32u);
  // Once the last one is gone the engine is, too.
  first.reset();
  EXPECT_TRUE(FromFunction("queue_depth=64").ok());
}

TEST_F(OptionsTest, OtherTargetsAreRefused) {
  for (const char* target : {"TimedFS"}) {
    const Status status =
        FromRegistry(std::string("id=uring;target=") + target);
    EXPECT_FALSE(status.ok()) << target;
    EXPECT_TRUE(Mentions(status, {"target="})) << status.ToString();
  }
}

// Two layers would read ahead and write behind twice.
TEST_F(OptionsTest, ItselfAsATargetIsRefused) {
  const Status status = FromRegistry("id=uring;target={id=uring}");
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(Mentions(status, {"target=", "already"})) << status.ToString();
}

TEST_F(OptionsTest, MaySitBelowAnother) {
  ASSERT_TRUE(FromRegistry("id=TimedFS;target={id=uring;queue_depth=32}").ok());
  EXPECT_EQ(Number("engine.queue_depth"), 32u);
}

}  // namespace
}  // namespace rocksdb_uring
