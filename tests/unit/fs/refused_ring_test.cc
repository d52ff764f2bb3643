// Detection allowed io_uring, and later no ring can be had: everything goes on
// through POSIX, and the user learns why.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "env/engine/shared_engine.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using nlohmann::json;
using rocksdb::FileSystem;
using rocksdb::Status;

class RefusedRingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteFile(path_, content_);
    RingFeatures usable;
    usable.verdict = RingVerdict::kUsable;
    EngineOptions options;
    options.ring_factory = kernel_.factory();
    engine_ = std::make_shared<SharedEngine>(options, usable);
    SharedEngine::InstallForTests(engine_);
  }
  void TearDown() override { SharedEngine::InstallForTests(nullptr); }

  // Two reads that want a ring.
  void ReadTwo(FileSystem* file_system) {
    const auto file = OpenRandomAccess(file_system, path_, false);
    std::string one(1000, 0);
    std::string two(1000, 0);
    rocksdb::FSReadRequest requests[2];
    requests[0].offset = 0;
    requests[0].scratch = one.data();
    requests[1].offset = 5000;
    requests[1].scratch = two.data();
    for (rocksdb::FSReadRequest& request : requests) {
      request.len = one.size();
    }
    ASSERT_TRUE(file->MultiRead(requests, 2, {}, nullptr).ok());
    EXPECT_EQ(one, content_.substr(0, 1000));
    EXPECT_EQ(two, content_.substr(5000, 1000));
  }

  json FallbackOf(std::shared_ptr<FileSystem> file_system) {
    file_system.reset();
    return json::parse(ReadWholeFile(stats_)).at("fallback");
  }

  TempDir directory_;
  const std::string content_ = RandomBytes(10000, 25);
  const std::string path_ = directory_.file("000025.sst");
  const std::string stats_ = directory_.file("stats.json");
  const std::string options_ =
      "reads=uring;stats_interval_s=0;stats_file=" + stats_;
  FakeKernel kernel_;
  std::shared_ptr<SharedEngine> engine_;
};

TEST_F(RefusedRingTest, StatisticsTellWhyAndWhatToDo) {
  kernel_.SetFactoryError(-ENOMEM);
  auto file_system = OpenFileSystem(options_);
  ReadTwo(file_system.get());
  const json fallback = FallbackOf(std::move(file_system));
  const std::string reason = fallback.at("reason");
  EXPECT_NE(reason.find("Cannot allocate memory"), std::string::npos) << reason;
  EXPECT_NE(fallback.at("remedy").get<std::string>().find("RLIMIT_MEMLOCK"),
            std::string::npos);
  EXPECT_TRUE(fallback.at("active"));
}

TEST_F(RefusedRingTest, NothingToTellWhileRingsWork) {
  auto file_system = OpenFileSystem(options_);
  ReadTwo(file_system.get());
  const json fallback = FallbackOf(std::move(file_system));
  EXPECT_EQ(fallback.at("reason"), "");
  EXPECT_FALSE(fallback.at("active"));
}

TEST_F(RefusedRingTest, RequireFailsWithTheSameText) {
  kernel_.SetFactoryError(-ENOMEM);
  std::shared_ptr<FileSystem> file_system;
  const Status status =
      NewUringFileSystem("fallback=require;" + options_, &file_system);
  EXPECT_TRUE(status.IsNotSupported()) << status.ToString();
  EXPECT_EQ(file_system, nullptr);
  const FallbackState state = engine_->fallback();
  EXPECT_NE(status.ToString().find(state.reason), std::string::npos)
      << status.ToString();
  EXPECT_NE(status.ToString().find(state.remedy), std::string::npos);
}

TEST_F(RefusedRingTest, RequireIsContentWithARing) {
  std::shared_ptr<FileSystem> file_system;
  ASSERT_TRUE(
      NewUringFileSystem("fallback=require;" + options_, &file_system).ok());
  EXPECT_EQ(kernel_.observations().rings_made, 1u);
  ReadTwo(file_system.get());
}

}  // namespace
}  // namespace rocksdb_uring
