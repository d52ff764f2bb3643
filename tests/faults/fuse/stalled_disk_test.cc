// A database on a disk that stops answering: reads with a deadline return,
// other databases go on, and so does this one when the disk is back.
//
// The disk is a loop device on a file of a filesystem of the test's own: to the
// kernel it is a disk like any other, whose requests cannot be taken back.
//
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "plugin/open_database.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/options.h"
#include "rocksdb/table.h"
#include "rocksdb_uring/uring.h"
#include "tests/faults/fuse/fuse_filesystem.h"
#include "tests/support/engine/private_mounts.h"
#include "tests/support/file/child.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::DB;
using rocksdb::Env;
using rocksdb::ReadOptions;
using rocksdb::Status;
using std::chrono::microseconds;

constexpr size_t kKeys = 8000;
constexpr size_t kValueBytes = 2000;
constexpr size_t kBatch = 32;
constexpr microseconds kTime(50 * 1000);

std::string KeyOf(size_t i) {
  std::string digits = std::to_string(i);
  return "key" + std::string(8 - digits.size(), '0') + digits;
}
std::string ValueOf(size_t i) { return RandomBytes(kValueBytes, i); }

// Whether the database is read and written with direct I/O.
class StalledDiskTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    SkipWithoutFuse();
    SkipWithoutRing();
    ASSERT_EQ(filesystem_.why_not(), "");
    const std::string image = filesystem_.file("disk");
    WriteFile(image, "");
    ASSERT_EQ(Shell("truncate --size=256M " + image), "");
    ASSERT_EQ(Shell("mkfs.ext4 -q -F " + image), "");
    ASSERT_EQ(mkdir(mount_point_.c_str(), 0755), 0);
    ASSERT_EQ(MountDisk(), "");
    ASSERT_TRUE(NewUringEnv("", &env_).ok());
    Open(mount_point_ + "/db", &db_);
    Fill(db_.get());
    Open(directory_.file("elsewhere"), &elsewhere_);
    Fill(elsewhere_.get());
    // What the page cache has of the disk goes with its mount.
    db_.reset();
    Unmount(mount_point_);
    ASSERT_EQ(MountDisk(), "");
    Open(mount_point_ + "/db", &db_);
  }

  void TearDown() override {
    StallReads(false);
    db_.reset();
    elsewhere_.reset();
    env_.reset();
    if (mounted_) {
      Unmount(mount_point_);
    }
  }

  // What is wrong; empty if nothing.
  static std::string Shell(const std::string& command) {
    const ChildResult result =
        RunChild({"/bin/sh", "-c", "PATH=$PATH:/sbin:/usr/sbin " + command});
    return result.exit_code == 0 ? "" : command + ": " + result.output;
  }

  std::string MountDisk() {
    const std::string error =
        Shell("mount -o loop,noatime " + filesystem_.file("disk") + " " +
              mount_point_);
    mounted_ = error.empty();
    return error;
  }

  void Open(const std::string& path, std::unique_ptr<DB>* result) {
    rocksdb::Options options;
    options.env = env_.get();
    options.create_if_missing = true;
    options.db_log_dir = directory_.path();
    options.compression = rocksdb::kNoCompression;
    options.disable_auto_compactions = true;
    options.use_direct_reads = GetParam();
    options.use_direct_io_for_flush_and_compaction = GetParam();
    rocksdb::BlockBasedTableOptions table;
    table.no_block_cache = true;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    const Status status = DB::Open(options, path, DatabaseOut(result));
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  static void Fill(DB* db) {
    for (size_t i = 0; i < kKeys; ++i) {
      ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), KeyOf(i), ValueOf(i)).ok());
    }
    const Status status = db->Flush(rocksdb::FlushOptions());
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  // While it is stalled a thread watches: if nothing has returned by then, the
  // disk goes on, so that the test fails and does not hang.
  void StallReads(bool stall) {
    filesystem_.StallReads(stall);
    stalled_ = stall;
    if (stall) {
      watcher_ = std::thread([this] {
        for (int i = 0; i < 6000 && stalled_; ++i) {
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        if (stalled_.exchange(false)) {
          rescued_ = true;
          filesystem_.StallReads(false);
        }
      });
    } else if (watcher_.joinable()) {
      watcher_.join();
    }
  }

  static ReadOptions Within(microseconds time) {
    ReadOptions options;
    options.io_timeout = time;
    return options;
  }

  void ExpectValue(DB* db, size_t i, const ReadOptions& options) {
    std::string value;
    const Status status = db->Get(options, KeyOf(i), &value);
    ASSERT_TRUE(status.ok()) << KeyOf(i) << ": " << status.ToString();
    EXPECT_TRUE(value == ValueOf(i)) << KeyOf(i);
  }

  // Calls it; returns how long after `time` it has returned.
  template <typename Function>
  void ExpectInTime(const std::string& name, const Function& call) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    const auto late = std::chrono::duration_cast<microseconds>(
        std::chrono::steady_clock::now() - begin - kTime);
    EXPECT_TRUE(stalled_) << name << " returned only when the disk was back";
    // Read by people: a loaded machine has other times.
    RecordProperty(name + "_us_behind_deadline", std::to_string(late.count()));
  }

  bool rescued() const { return rescued_; }

  TempDir directory_;
  FuseFilesystem filesystem_;
  const std::string mount_point_ = directory_.file("mounted");
  bool mounted_ = false;
  std::unique_ptr<Env> env_;
  std::unique_ptr<DB> db_;
  std::unique_ptr<DB> elsewhere_;
  std::atomic<bool> stalled_{false};
  std::atomic<bool> rescued_{false};
  std::thread watcher_;
};

TEST_P(StalledDiskTest, ReadsWithADeadlineReturn) {
  ExpectValue(db_.get(), 0, ReadOptions());
  StallReads(true);
  ExpectInTime("Get", [&] {
    std::string value;
    const Status status = db_->Get(Within(kTime), KeyOf(4000), &value);
    EXPECT_TRUE(status.IsTimedOut()) << status.ToString();
  });
  EXPECT_GT(filesystem_.control().stalled(), 0u) << "it was not read at all";
  ExpectInTime("MultiGet", [&] {
    std::vector<std::string> names;
    for (size_t i = 0; i < kBatch; ++i) {
      names.push_back(KeyOf(1000 + i * 190));
    }
    const std::vector<rocksdb::Slice> keys(names.begin(), names.end());
    std::vector<rocksdb::PinnableSlice> values(kBatch);
    std::vector<Status> statuses(kBatch);
    db_->MultiGet(Within(kTime), db_->DefaultColumnFamily(), kBatch,
                  keys.data(), values.data(), statuses.data());
    for (const Status& status : statuses) {
      EXPECT_TRUE(status.IsTimedOut()) << status.ToString();
    }
  });
  ExpectInTime("Seek", [&] {
    const std::unique_ptr<rocksdb::Iterator> it(
        db_->NewIterator(Within(kTime)));
    it->Seek(KeyOf(6000));
    EXPECT_FALSE(it->Valid());
    EXPECT_TRUE(it->status().IsTimedOut()) << it->status().ToString();
  });
  ExpectInTime("Get_until", [&] {
    ReadOptions until;
    until.deadline = microseconds(env_->NowMicros()) + kTime;
    std::string value;
    const Status status = db_->Get(until, KeyOf(7000), &value);
    EXPECT_TRUE(status.IsTimedOut()) << status.ToString();
  });
  // Another disk, the same engine.
  for (size_t i = 0; i < kKeys; i += 100) {
    ExpectValue(elsewhere_.get(), i, Within(std::chrono::minutes(1)));
    ExpectValue(elsewhere_.get(), i, ReadOptions());
  }
  EXPECT_TRUE(stalled_);
  StallReads(false);
  EXPECT_FALSE(rescued());
  for (size_t i = 0; i < kKeys; i += 100) {
    ExpectValue(db_.get(), i, Within(std::chrono::minutes(1)));
  }
}

// A scan that has begun when the disk stalls, forwards and backwards.
TEST_P(StalledDiskTest, ScansEnd) {
  for (const bool back : {false, true}) {
    ReadOptions options = Within(kTime);
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
    size_t seen = 0;
    it->Seek(KeyOf(back ? 3999 : 4001));
    ASSERT_TRUE(it->Valid()) << it->status().ToString();
    StallReads(true);
    for (; it->Valid(); back ? it->Prev() : it->Next()) {
      ++seen;
    }
    EXPECT_TRUE(stalled_);
    EXPECT_TRUE(it->status().IsTimedOut()) << it->status().ToString();
    EXPECT_LT(seen, kKeys / 2);
    StallReads(false);
    EXPECT_FALSE(rescued());
  }
  const std::unique_ptr<rocksdb::Iterator> all(db_->NewIterator(ReadOptions()));
  size_t i = 0;
  for (all->SeekToFirst(); all->Valid(); all->Next()) {
    ASSERT_TRUE(all->value() == ValueOf(i)) << i;
    ++i;
  }
  EXPECT_TRUE(all->status().ok()) << all->status().ToString();
  EXPECT_EQ(i, kKeys);
}

INSTANTIATE_TEST_SUITE_P(, StalledDiskTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& info) {
                           return info.param ? "Direct" : "Buffered";
                         });

}  // namespace
}  // namespace rocksdb_uring
