// A file for writing on the fake kernel, which completes when the test says so,
// and fails as the test says.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "env/file/io_status.h"
#include "env/file/writable_file.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

// Every write and every sync goes through the fake kernel's rings.
class WriteFaultFixture : public ::testing::Test {
 protected:
  static constexpr size_t kPiece = WriteBehind::kWriteBytesMax;

  static bool IsWrite(const RingRequest& request) {
    return request.opcode == RingOpcode::kWrite;
  }

  void SetUp() override { MakeEngineWith(EngineOptions()); }

  void TearDown() override {
    file_.reset();
    EXPECT_EQ(engine_->write_bytes(), 0u);
    engine_.reset();
    EXPECT_EQ(kernel_.observations().Complaints(), "");
  }

  void MakeEngineWith(EngineOptions options) {
    options.ring_factory = kernel_.factory();
    options.system_calls = &calls_;
    engine_ = MakeEngine(options);
  }

  std::unique_ptr<UringWritableFile> OpenNew(const std::string& name) {
    policy_ = PolicyOf({PathChoice::kUring, writes_, syncs_});
    const FileContext context{policy_, engine_, write_out_bytes_};
    std::shared_ptr<OpenFile> file;
    const rocksdb::IOStatus status =
        OpenForWriting(directory_.file(name), options_, ExistingFile::kTruncate,
                       context, &file);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return std::make_unique<UringWritableFile>(std::move(file), options_, 0);
  }

  void Open(const std::string& name = "000007.sst") {
    path_ = directory_.file(name);
    written_.clear();
    file_ = OpenNew(name);
  }

  // The slice is the caller's again on return: it is overwritten at once.
  rocksdb::IOStatus Append(size_t size) {
    const std::string data = RandomBytes(size, ++seed_);
    std::string slice = data;
    const rocksdb::IOStatus status =
        file_->Append(slice, rocksdb::IOOptions(), nullptr);
    slice.assign(size, '#');
    written_ += data;
    return status;
  }
  void MustAppend(size_t size) {
    const rocksdb::IOStatus status = Append(size);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  rocksdb::IOStatus Sync() {
    return file_->Sync(rocksdb::IOOptions(), nullptr);
  }
  rocksdb::IOStatus Flush() {
    return file_->Flush(rocksdb::IOOptions(), nullptr);
  }
  rocksdb::IOStatus Close() {
    return file_->Close(rocksdb::IOOptions(), nullptr);
  }

  // Runs `call` on another thread and checks that it returns only after what
  // is withheld was released.
  void ExpectWaitsForTheKernel(const std::function<rocksdb::IOStatus()>& call) {
    std::atomic<bool> returned{false};
    std::thread thread([&] {
      const rocksdb::IOStatus status = call();
      EXPECT_TRUE(status.ok()) << status.ToString();
      returned = true;
    });
    EXPECT_TRUE(kernel_.AwaitWaiting(1));
    EXPECT_FALSE(returned);
    kernel_.StopWithholding();
    thread.join();
  }

  // All requests of one kind fail from the `nth` (from 0) of them on.
  void FailFrom(RingOpcode opcode, uint64_t nth, int error) {
    auto seen = std::make_shared<uint64_t>(0);
    kernel_.SetRequestScript([=](const RingRequest& request, uint64_t) {
      FakeKernel::Verdict verdict;
      if (request.opcode == opcode && (*seen)++ >= nth) {
        verdict.error = error;
      }
      return verdict;
    });
  }

  void ExpectEveryCallFailsAs(const rocksdb::IOStatus& expected) {
    const std::vector<std::function<rocksdb::IOStatus()>> calls = {
        [this] { return file_->Append("x", rocksdb::IOOptions(), nullptr); },
        [this] { return Flush(); },
        [this] { return Sync(); },
        [this] { return file_->Fsync(rocksdb::IOOptions(), nullptr); },
        [this] {
          return file_->RangeSync(0, 1, rocksdb::IOOptions(), nullptr);
        },
        [this] { return file_->Truncate(0, rocksdb::IOOptions(), nullptr); },
        [this] { return file_->InvalidateCache(0, 0); },
        [this] { return Sync(); },
        [this] { return Close(); }};
    for (size_t i = 0; i < calls.size(); ++i) {
      const rocksdb::IOStatus status = calls[i]();
      EXPECT_TRUE(SameStatus(status, expected)) << "call " << i;
    }
  }

  // After faults that must leave nothing behind.
  void ExpectEveryCallWorks() {
    kernel_.SetRequestScript(nullptr);
    const rocksdb::IOOptions options;
    MustAppend(10);
    EXPECT_TRUE(Flush().ok());
    EXPECT_TRUE(file_->RangeSync(0, 1, options, nullptr).ok());
    EXPECT_TRUE(Sync().ok());
    EXPECT_TRUE(file_->Fsync(options, nullptr).ok());
    EXPECT_TRUE(file_->InvalidateCache(0, 0).ok());
    EXPECT_TRUE(Close().ok());
    EXPECT_EQ(ReadWholeFile(path_), written_);
  }

  // Syncs of data that the kernel was asked for, on every path.
  uint64_t SyncsSeen() const {
    const StatisticsSnapshot seen = engine_->statistics()->Snapshot();
    return seen.op(StatKind::kFdatasync, IoPath::kRing).count +
           calls_.count(FakeSystemCalls::kFdatasync);
  }

  uint64_t Count(StatEvent event) {
    return engine_->statistics()->Snapshot().event(event);
  }

  TempDir directory_;
  std::string path_;
  FakeKernel kernel_;
  FakeSystemCalls calls_;
  rocksdb::FileOptions options_;
  PathChoice writes_ = PathChoice::kUring;
  PathChoice syncs_ = PathChoice::kUring;
  uint64_t write_out_bytes_ = 0;
  std::shared_ptr<SharedEngine> engine_;
  // Of the file that was opened last.
  std::shared_ptr<FilePolicy> policy_;
  std::unique_ptr<UringWritableFile> file_;
  std::string written_;
  uint64_t seed_ = 0;
};

}  // namespace rocksdb_uring
