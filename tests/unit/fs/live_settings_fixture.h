// A file system whose settings change while it is in use, its options, its
// statistics and its logs.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "env/fs/uring_file_system.h"
#include "rocksdb/convenience.h"
#include "rocksdb/env.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

inline bool Mentions(const std::string& text,
                     const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (text.find(word) == std::string::npos) {
      return false;
    }
  }
  return true;
}

class LiveSettingsTest : public ::testing::Test {
 protected:
  static rocksdb::ConfigOptions Strict() {
    rocksdb::ConfigOptions config;
    config.ignore_unknown_options = false;
    config.ignore_unsupported_options = false;
    return config;
  }
  rocksdb::Status Configure(const std::string& text) {
    return file_system_->ConfigureFromString(Strict(), text);
  }
  std::string Option(const std::string& name) {
    std::string value;
    EXPECT_TRUE(file_system_->GetOption(Strict(), name, &value).ok()) << name;
    return value;
  }
  nlohmann::json Json() {
    std::string text;
    EXPECT_TRUE(GetUringStatisticsJson(file_system_.get(), &text).ok());
    return nlohmann::json::parse(text, nullptr, false);
  }
  // The log of a database, which stays open.
  std::string OpenLog(const std::string& name) {
    const std::string path = directory_.file(name);
    std::shared_ptr<rocksdb::Logger> logger;
    EXPECT_TRUE(
        file_system_->NewLogger(path, rocksdb::IOOptions(), &logger, nullptr)
            .ok());
    logger->SetInfoLogLevel(rocksdb::InfoLogLevel::INFO_LEVEL);
    loggers_.push_back(logger);
    return path;
  }
  std::string TextOf(const std::string& log) {
    for (const std::shared_ptr<rocksdb::Logger>& logger : loggers_) {
      logger->Flush();
    }
    return ReadWholeFile(log);
  }
  // Waits until it holds, or unreasonably long.
  static bool Becomes(const std::function<bool()>& holds) {
    for (int i = 0; i < 4000 && !holds(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return holds();
  }

  TempDir directory_;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::vector<std::shared_ptr<rocksdb::Logger>> loggers_;
};

}  // namespace rocksdb_uring
