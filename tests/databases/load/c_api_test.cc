// The environment for RocksDB's C API.
//
// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "rocksdb/env.h"
#include "rocksdb_uring/c.h"
#include "tests/support/file/file_test_support.h"

namespace {

// The size of what this thread has deleted last.
thread_local size_t deleted_bytes = 0;

}  // namespace

// RocksDB's code calls this one, too. The allocator's own malloc_usable_size
// is rounded: it is the same for 16 bytes and for 24.
#ifndef __clang__
// The one without a size is replaced by nobody.
#pragma GCC diagnostic ignored "-Wsized-deallocation"
#endif
__attribute__((visibility("default"))) void operator delete(
    void* memory, size_t size) noexcept {
  deleted_bytes = size;
  operator delete(memory);
}

namespace rocksdb_uring {
namespace {

// What plugin/c.cc takes rocksdb_env_t for.
struct EnvLayout {
  rocksdb::Env* rep;
  bool is_default;
};

const EnvLayout* LayoutOf(const rocksdb_env_t* env) {
  return reinterpret_cast<const EnvLayout*>(env);
}

class CApiTest : public ::testing::Test {
 protected:
  TempDir directory_;
  const std::string db_ = directory_.file("db");
  char* error_ = nullptr;
};

TEST_F(CApiTest, LayoutIsThatOfTheLibrary) {
  rocksdb_env_t* const standard = rocksdb_create_default_env();
  EXPECT_EQ(LayoutOf(standard)->rep, rocksdb::Env::Default());
  EXPECT_TRUE(LayoutOf(standard)->is_default);
  rocksdb_env_destroy(standard);
  rocksdb_env_t* const memory = rocksdb_create_mem_env();
  EXPECT_FALSE(LayoutOf(memory)->is_default);
  EXPECT_NE(LayoutOf(memory)->rep, rocksdb::Env::Default());
  EXPECT_NE(LayoutOf(memory)->rep->GetFileSystem(), nullptr);
  rocksdb_env_destroy(memory);
  rocksdb_env_t* const ours = rocksdb_uring_create_env(nullptr, &error_);
  ASSERT_EQ(error_, nullptr);
  EXPECT_FALSE(LayoutOf(ours)->is_default);
  EXPECT_TRUE(LayoutOf(ours)->rep->GetFileSystem()->IsInstanceOf("uring"));
  rocksdb_env_destroy(ours);
}

// A field that RocksDB adds behind those is noticed, too.
TEST_F(CApiTest, SizeIsThatOfTheLibrary) {
  // The least of several: an allocator may give more than was asked for.
  size_t theirs_min = SIZE_MAX;
  size_t ours_min = SIZE_MAX;
  std::vector<rocksdb_env_t*> envs;
  for (int i = 0; i < 20; ++i) {
    envs.push_back(rocksdb_create_default_env());
    theirs_min = std::min(theirs_min, malloc_usable_size(envs.back()));
    envs.push_back(rocksdb_uring_create_env(nullptr, &error_));
    ASSERT_EQ(error_, nullptr);
    ours_min = std::min(ours_min, malloc_usable_size(envs.back()));
  }
  EXPECT_EQ(ours_min, theirs_min);
  for (rocksdb_env_t* env : envs) {
    deleted_bytes = 0;
    rocksdb_env_destroy(env);
    EXPECT_EQ(deleted_bytes, sizeof(EnvLayout));
  }
}

TEST_F(CApiTest, DatabaseOpensAndTheEnvironmentGoesWithItsFileSystem) {
  const std::string stats = directory_.file("stats.json");
  rocksdb_env_t* const env = rocksdb_uring_create_env(
      ("stats_interval_s=0;stats_file=" + stats).c_str(), &error_);
  ASSERT_EQ(error_, nullptr);
  rocksdb_options_t* const options = rocksdb_options_create();
  rocksdb_options_set_create_if_missing(options, 1);
  rocksdb_options_set_env(options, env);
  rocksdb_t* const db = rocksdb_open(options, db_.c_str(), &error_);
  ASSERT_EQ(error_, nullptr) << error_;
  rocksdb_writeoptions_t* const write = rocksdb_writeoptions_create();
  rocksdb_put(db, write, "key", 3, "value", 5, &error_);
  ASSERT_EQ(error_, nullptr) << error_;
  rocksdb_writeoptions_destroy(write);
  rocksdb_close(db);
  rocksdb_options_destroy(options);
  EXPECT_NE(access(stats.c_str(), F_OK), 0);
  // Written when the file system is destroyed.
  rocksdb_env_destroy(env);
  EXPECT_NE(ReadWholeFile(stats).find("\"opens\""), std::string::npos);
}

TEST_F(CApiTest, StatisticsAsText) {
  rocksdb_env_t* const env = rocksdb_uring_create_env(nullptr, &error_);
  ASSERT_EQ(error_, nullptr);
  char* const json = rocksdb_uring_statistics_json(env, &error_);
  ASSERT_NE(json, nullptr) << error_;
  EXPECT_NE(strstr(json, "\"in_flight\""), nullptr) << json;
  free(json);
  char* const metrics = rocksdb_uring_statistics_prometheus(env, &error_);
  ASSERT_NE(metrics, nullptr) << error_;
  EXPECT_NE(strstr(metrics, "rocksdb_uring_opens_total 0\n"), nullptr)
      << metrics;
  free(metrics);
  rocksdb_env_destroy(env);
  rocksdb_env_t* const memory = rocksdb_create_mem_env();
  EXPECT_EQ(rocksdb_uring_statistics_json(memory, &error_), nullptr);
  ASSERT_NE(error_, nullptr);
  EXPECT_NE(strstr(error_, "not a uring file system"), nullptr) << error_;
  rocksdb_env_destroy(memory);
  free(error_);
}

TEST_F(CApiTest, SettingsChangeInUse) {
  rocksdb_env_t* const env = rocksdb_uring_create_env("share=5", &error_);
  ASSERT_EQ(error_, nullptr);
  rocksdb_uring_change_settings(env, "share=40;reads=posix", &error_);
  EXPECT_EQ(error_, nullptr) << error_;
  char* const json = rocksdb_uring_statistics_json(env, &error_);
  ASSERT_NE(json, nullptr) << error_;
  EXPECT_NE(strstr(json, "\"percent\": 40"), nullptr) << json;
  free(json);
  for (const char* settings : {"share=101", "queue_depth=8", "nonsense"}) {
    rocksdb_uring_change_settings(env, settings, &error_);
    ASSERT_NE(error_, nullptr) << settings;
    EXPECT_NE(strstr(error_, settings), nullptr) << error_;
    free(error_);
    error_ = nullptr;
  }
  rocksdb_env_destroy(env);
  rocksdb_env_t* const memory = rocksdb_create_mem_env();
  rocksdb_uring_change_settings(memory, "share=5", &error_);
  ASSERT_NE(error_, nullptr);
  EXPECT_NE(strstr(error_, "not a uring file system"), nullptr) << error_;
  rocksdb_env_destroy(memory);
  free(error_);
}

TEST_F(CApiTest, TakesUris) {
  rocksdb_env_t* const env =
      rocksdb_uring_create_env("uring://?fallback=auto", &error_);
  EXPECT_EQ(error_, nullptr);
  ASSERT_NE(env, nullptr);
  rocksdb_env_destroy(env);
}

TEST_F(CApiTest, ErrorsAreThoseOfTheCApi) {
  EXPECT_EQ(rocksdb_uring_create_env("queue_dept=64", &error_), nullptr);
  ASSERT_NE(error_, nullptr);
  EXPECT_NE(strstr(error_, "queue_dept"), nullptr) << error_;
  // An earlier message is replaced and freed: the leak checker would tell.
  EXPECT_EQ(rocksdb_uring_create_env("reads=fast", &error_), nullptr);
  ASSERT_NE(error_, nullptr);
  EXPECT_NE(strstr(error_, "reads=fast"), nullptr) << error_;
  // Success leaves it alone.
  rocksdb_env_t* const env = rocksdb_uring_create_env("", &error_);
  ASSERT_NE(env, nullptr);
  EXPECT_NE(strstr(error_, "reads=fast"), nullptr) << error_;
  rocksdb_env_destroy(env);
  free(error_);
}

}  // namespace
}  // namespace rocksdb_uring
