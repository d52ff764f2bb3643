// A file on an engine whose kernel completes when the test says so.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <memory>
#include <string>

#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

class AsyncSeamTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = 4 << 20;
  // A queue of this depth has room for so many reads that wait in line, and
  // for fewer in flight.
  static constexpr uint32_t kSmallDepth = 8;
  static constexpr size_t kSmallRoom =
      kSmallDepth * UringEngine::kWaitingPerEntry;

  void SetUp() override {
    // Reads take the ring, although the page cache has it all.
    calls_.Fail(FakeSystemCalls::kPreadNoWait, FakeSystemCalls::kAlways,
                -EAGAIN);
    WriteFile(path_, model_);
    file_system_ = OpenFileSystem("");
    Open(64);
  }

  void TearDown() override {
    file_.reset();
    engine_.reset();
    EXPECT_EQ(kernel_.observations().Complaints(), "");
  }

  void Open(uint32_t queue_depth) {
    EngineOptions options;
    options.queue_depth = queue_depth;
    options.ring_factory = kernel_.factory();
    options.system_calls = &calls_;
    engine_ = MakeEngine(options);
    file_ = OpenOnEngine(engine_, path_, /*direct=*/false);
    ASSERT_NE(file_, nullptr);
  }

  static void ExpectNoCallbacks(const AsyncCalls& calls) {
    for (const auto& call : calls) {
      EXPECT_EQ(call->callbacks(), 0);
    }
  }

  uint64_t Count(StatEvent event) {
    return engine_->statistics()->Snapshot().event(event);
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000016.sst");
  const std::string model_ = RandomBytes(kFileSize, 16);
  FakeKernel kernel_;
  FakeSystemCalls calls_;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::shared_ptr<SharedEngine> engine_;
  std::unique_ptr<rocksdb::FSRandomAccessFile> file_;
};

}  // namespace rocksdb_uring
