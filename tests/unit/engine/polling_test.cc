// The option `polling`: which rings the engine asks for, and the reason that it
// gives where it cannot poll.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/polling.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "env/engine/uring_engine.h"
#include "env/ring/forwarding_ring.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

constexpr size_t kManyCpus = 8;

// Threads of this process whose name begins so.
size_t ThreadsNamed(const std::string& prefix) {
  size_t count = 0;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(thread.path() / "comm") >> name;
    count += name.rfind(prefix, 0) == 0 ? 1 : 0;
  }
  return count;
}

// A thread that polls goes a moment after its last ring.
void ExpectNoPoller() {
  for (int i = 0; i < 6000 && ThreadsNamed("iou-sqp") > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(ThreadsNamed("iou-sqp"), 0u);
}

// A fake kernel whose rings have descriptors, and what it was asked for.
class PollingTest : public ::testing::Test {
 protected:
  class WithDescriptor final : public ForwardingRing {
   public:
    using ForwardingRing::ForwardingRing;
    int descriptor() const override { return 77; }
  };

  RingFactory Factory() {
    return [this](const RingOptions& options) {
      asked_.push_back(options);
      if (options.polling == refused_) {
        return RingOrError{nullptr, Errno::FromErrno(EPERM)};
      }
      RingOrError made = kernel_.factory()(options);
      made.ring = std::make_unique<WithDescriptor>(std::move(made.ring));
      return made;
    };
  }

  std::unique_ptr<UringEngine> Engine(Polling polling,
                                      size_t cpus = kManyCpus) {
    EngineOptions options;
    options.polling = polling;
    options.cpus = cpus;
    options.ring_factory = Factory();
    return std::make_unique<UringEngine>(options, &statistics_, &account_);
  }

  // Reads by a ring; whether the bytes are right.
  void ExpectReads(UringEngine* engine, bool polls) {
    ReadBatch batch(file_.fd(), 0, {{0, 5000}, {100000, 70000}, {4096, 4096}});
    RunOptions options;
    options.path = PathChoice::kUring;
    options.polls = polls;
    engine->Run(batch.ops(), batch.size(), options);
    EXPECT_TRUE(batch.Matches(file_.model()));
  }
  uint64_t Event(StatEvent event) {
    return statistics_.Snapshot().event(event);
  }

  TestFile file_{1 << 18};
  FakeKernel kernel_;
  std::vector<RingOptions> asked_;
  RingPolling refused_ = static_cast<RingPolling>(99);
  Statistics statistics_;
  MemoryAccount account_;
};

TEST_F(PollingTest, IsOffByDefault) {
  const auto engine = Engine(EngineOptions().polling);
  EXPECT_FALSE(engine->PollsDevice(file_.fd()));
  ExpectReads(engine.get(), /*polls=*/true);
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0].polling, RingPolling::kNone);
  EXPECT_FALSE(engine->polling().active);
  EXPECT_EQ(engine->polling().reason, "");
  EXPECT_EQ(Event(StatEvent::kPolledBatch), 0u);
}

TEST_F(PollingTest, OneThreadServesTheSubmissionsOfAllRings) {
  const auto engine = Engine(Polling::kSubmission);
  ExpectReads(engine.get(), false);
  IoOp sync;
  sync.kind = IoKind::kFdatasync;
  sync.fd = file_.fd();
  IoOp* const ops[] = {&sync};
  ASSERT_EQ(engine->Submit(ops, 1), 1u);
  EXPECT_TRUE(engine->Wait(&sync));
  // The one that keeps the thread, one for the batch and one for the shard.
  ASSERT_EQ(asked_.size(), 3u);
  EXPECT_EQ(asked_[0].poller, -1);
  for (const RingOptions& options : asked_) {
    EXPECT_EQ(options.polling, RingPolling::kSubmissions);
  }
  EXPECT_EQ(asked_[1].poller, 77);
  EXPECT_EQ(asked_[2].poller, 77);
  EXPECT_TRUE(engine->polling().active);
}

TEST_F(PollingTest, TooFewProcessorsHaveNone) {
  const auto engine = Engine(Polling::kSubmission, 3);
  ExpectReads(engine.get(), false);
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0].polling, RingPolling::kNone);
  const PollingState state = engine->polling();
  EXPECT_FALSE(state.active);
  EXPECT_NE(state.reason.find("may use 3"), std::string::npos) << state.reason;
  EXPECT_NE(state.remedy.find("at least 4"), std::string::npos) << state.remedy;
}

TEST_F(PollingTest, WhatTheKernelRefusesIsAskedForOnce) {
  refused_ = RingPolling::kSubmissions;
  const auto engine = Engine(Polling::kSubmission);
  for (int i = 0; i < 3; ++i) {
    ExpectReads(engine.get(), false);
  }
  ASSERT_EQ(asked_.size(), 2u);
  EXPECT_EQ(asked_[1].polling, RingPolling::kNone);
  const PollingState state = engine->polling();
  EXPECT_FALSE(state.active);
  EXPECT_NE(state.reason.find("io_uring_setup"), std::string::npos);
  EXPECT_NE(state.remedy, "");
  EXPECT_EQ(engine->last_failure().call, nullptr) << "no ring has failed";
}

TEST_F(PollingTest, OnlyBatchesThatMayPollTheDeviceDo) {
  const auto engine = Engine(Polling::kDevice);
  ExpectReads(engine.get(), /*polls=*/false);
  ExpectReads(engine.get(), /*polls=*/true);
  ASSERT_EQ(asked_.size(), 2u);
  EXPECT_EQ(asked_[0].polling, RingPolling::kNone);
  EXPECT_EQ(asked_[1].polling, RingPolling::kCompletions);
  EXPECT_EQ(Event(StatEvent::kPolledBatch), 1u);
  EXPECT_EQ(engine->rings(), 2u);
}

// The filesystem refuses them with each read: POSIX finishes it, and the other
// rings go on.
TEST_F(PollingTest, WhatAFilesystemRefusesItsPollersIsNoFailureOfTheOthers) {
  const auto engine = Engine(Polling::kDevice);
  kernel_.SetRequestScript([](const RingRequest&, uint64_t) {
    FakeKernel::Verdict verdict;
    verdict.error = -EOPNOTSUPP;
    return verdict;
  });
  for (uint32_t i = 0; i < Breaker::kFailuresMax; ++i) {
    ExpectReads(engine.get(), /*polls=*/true);
  }
  EXPECT_FALSE(engine->polling().active);
  EXPECT_NE(engine->polling().reason.find("polling=device"), std::string::npos);
  EXPECT_EQ(engine->last_failure().call, nullptr);
  kernel_.SetRequestScript(nullptr);
  const size_t before = asked_.size();
  ExpectReads(engine.get(), /*polls=*/true);
  ASSERT_EQ(asked_.size(), before + 1) << "an ordinary ring serves";
  EXPECT_EQ(asked_.back().polling, RingPolling::kNone);
}

// sysfs as it is made of a disk with a partition.
class DevicePollingTest : public ::testing::Test {
 protected:
  const dev_t disk_ = makedev(8, 0);
  const dev_t partition_ = makedev(8, 1);

  void SetUp() override {
    std::filesystem::create_directories(sysfs_.file("devices/sda/queue"));
    std::filesystem::create_directories(sysfs_.file("devices/sda/sda1"));
    std::filesystem::create_directories(sysfs_.file("dev/block"));
    std::filesystem::create_symlink("../../devices/sda",
                                    sysfs_.file("dev/block/8:0"));
    std::filesystem::create_symlink("../../devices/sda/sda1",
                                    sysfs_.file("dev/block/8:1"));
  }
  void SetPolls(const std::string& value) {
    std::ofstream(sysfs_.file("devices/sda/queue/io_poll")) << value << "\n";
  }

  TempDir sysfs_;
};

TEST_F(DevicePollingTest, IsThatOfTheQueue) {
  SetPolls("1");
  EXPECT_TRUE(PollingOfDevice(disk_, sysfs_.path()).active);
  EXPECT_TRUE(PollingOfDevice(partition_, sysfs_.path()).active);
  SetPolls("0");
  for (const dev_t device : {disk_, partition_}) {
    const PollingState state = PollingOfDevice(device, sysfs_.path());
    EXPECT_FALSE(state.active);
    EXPECT_NE(state.reason.find("has no poll queues"), std::string::npos);
    EXPECT_NE(state.remedy.find("nvme.poll_queues"), std::string::npos);
  }
}

TEST_F(DevicePollingTest, FilesystemsOfNoDevice) {
  const PollingState state = PollingOfDevice(makedev(0, 55), sysfs_.path());
  EXPECT_FALSE(state.active);
  EXPECT_NE(state.reason.find("no block device"), std::string::npos);
  EXPECT_NE(state.reason.find("0:55"), std::string::npos);
}

TEST_F(DevicePollingTest, TheEngineAsksForThatOfItsFiles) {
  TestFile file(4096);
  struct stat attributes = {};
  ASSERT_EQ(fstat(file.fd(), &attributes), 0);
  const PollingState expected = PollingOfDevice(attributes.st_dev);
  EngineOptions options;
  options.polling = Polling::kDevice;
  Statistics statistics;
  MemoryAccount account;
  UringEngine engine(options, &statistics, &account);
  EXPECT_EQ(engine.polling().reason, "") << "of no file yet";
  EXPECT_EQ(engine.PollsDevice(file.fd()), expected.active);
  EXPECT_EQ(engine.polling().reason, expected.reason);
  EXPECT_FALSE(engine.PollsDevice(-1));
}

// The kernel's own thread: one, whatever rings come and go, and gone with the
// engine.
TEST(RealPollingTest, TheEngineHasOneThread) {
  SkipWithoutRing();
  TestFile file(1 << 18);
  Statistics statistics;
  MemoryAccount account;
  EngineOptions options;
  options.polling = Polling::kSubmission;
  options.cpus = kManyCpus;
  // Of an engine that was before.
  ExpectNoPoller();
  {
    UringEngine engine(options, &statistics, &account);
    SkipBecauseOf(engine.polling().reason);
    for (int round = 0; round < 20; ++round) {
      ReadBatch batch(file.fd(), 0, {{0, 5000}, {70000, 70000}, {4096, 4096}});
      RunOptions run;
      run.path = PathChoice::kUring;
      engine.Run(batch.ops(), batch.size(), run);
      ASSERT_TRUE(batch.Matches(file.model()));
      ReadBatch later(file.fd(), 0, {{0, 5000}, {70000, 70000}});
      const std::vector<IoOp*> ops = later.pointers();
      ASSERT_EQ(engine.Submit(ops.data(), ops.size()), ops.size());
      EXPECT_TRUE(engine.WaitAll(ops.data(), ops.size()));
      ASSERT_TRUE(later.Matches(file.model()));
    }
    EXPECT_EQ(ThreadsNamed("iou-sqp"), 1u);
    EXPECT_GE(engine.rings(), 1u);
  }
  EXPECT_EQ(account.bytes(), 0u);
  ExpectNoPoller();
}

}  // namespace
}  // namespace rocksdb_uring
