// The public engine, linked as a program without RocksDB links it.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "rocksdb_uring/engine.h"
#include "rocksdb_uring/engine_c.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

constexpr size_t kBlock = 4096;

class EngineApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SkipWithoutRing();
    engine_ = Make("");
    ASSERT_NE(engine_, nullptr);
  }

  static std::shared_ptr<Engine> Make(const std::string& options) {
    EngineConfig config;
    std::string error;
    EXPECT_TRUE(config.Parse(options, &error)) << error;
    std::shared_ptr<Engine> engine = Engine::Create(config, &error);
    EXPECT_NE(engine, nullptr) << error;
    return engine;
  }

  uint64_t Count(const std::string& kind, const std::string& path) {
    for (const EngineStatistics::Row& row : engine_->Statistics().rows) {
      if (row.kind == kind && row.path == path) {
        return row.count;
      }
    }
    return 0;
  }

  TestFile file_{1 << 20};
  std::shared_ptr<Engine> engine_;
};

TEST_F(EngineApiTest, EveryKindOfOperation) {
  const TempDir directory;
  const int fd = open(directory.file("f").c_str(), O_RDWR | O_CREAT, 0644);
  ASSERT_GE(fd, 0);
  const std::string data = RandomBytes(3 * kBlock, 1);
  Operation op;
  EXPECT_EQ(op.state(), OperationState::kIdle);
  op.Fallocate(fd, 0, 0, 4 * kBlock);
  EXPECT_EQ(engine_->Run(&op), 0);
  op.Write(fd, data.data(), 2 * kBlock, 0);
  EXPECT_EQ(engine_->Run(&op), int64_t{2 * kBlock});
  char* const bytes = const_cast<char*>(data.data());
  const iovec out[] = {{bytes + 2 * kBlock, 100},
                       {bytes + 2 * kBlock + 100, kBlock - 100}};
  op.Writev(fd, out, 2, 2 * kBlock);
  EXPECT_EQ(engine_->Run(&op), int64_t{kBlock});
  op.SyncFileRange(fd, 0, 3 * kBlock, SYNC_FILE_RANGE_WRITE);
  EXPECT_EQ(engine_->Run(&op), 0);
  op.Fdatasync(fd);
  EXPECT_EQ(engine_->Run(&op), 0);
  op.Fsync(fd);
  EXPECT_EQ(engine_->Run(&op), 0);
  std::string back(3 * kBlock, 0);
  op.Read(fd, back.data(), kBlock, 0);
  EXPECT_EQ(engine_->Run(&op), int64_t{kBlock});
  const iovec in[] = {{back.data() + kBlock, 500},
                      {back.data() + kBlock + 500, 2 * kBlock - 500}};
  op.Readv(fd, in, 2, kBlock);
  EXPECT_EQ(engine_->Run(&op), int64_t{2 * kBlock});
  EXPECT_TRUE(back == data);
  EXPECT_EQ(op.state(), OperationState::kCompleted);
  close(fd);
  op.Read(fd, back.data(), kBlock, 0);
  EXPECT_EQ(engine_->Run(&op), -EBADF);
}

TEST_F(EngineApiTest, BatchesOfAnySize) {
  for (const size_t count : {1, 2, 64, 65, 200}) {
    std::vector<Operation> ops(count);
    std::vector<Operation*> list;
    std::vector<std::string> buffers(count, std::string(1000, 0));
    for (size_t i = 0; i < count; ++i) {
      ops[i].Read(file_.fd(), buffers[i].data(), 1000, i * 1000);
      list.push_back(&ops[i]);
    }
    engine_->Run(list.data(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_TRUE(ops[i].completed());
      EXPECT_EQ(ops[i].result(), 1000);
      EXPECT_TRUE(buffers[i] == file_.model().substr(i * 1000, 1000));
    }
  }
}

TEST_F(EngineApiTest, DirectBatchesGoThroughARing) {
  SkipWithoutDirectIo(file_);
  const int fd = file_.direct_fd();
  const uint64_t before = Count("read", "ring");
  std::vector<Operation> ops(8);
  std::vector<Operation*> list;
  EngineBuffer buffer = engine_->AllocateBuffer(8 * kBlock);
  ASSERT_NE(buffer.data(), nullptr);
  EXPECT_GE(buffer.size(), 8 * kBlock);
  for (size_t i = 0; i < ops.size(); ++i) {
    ops[i].set_direct(kBlock);
    ops[i].Read(fd, buffer.data() + i * kBlock, kBlock, i * kBlock);
    list.push_back(&ops[i]);
  }
  engine_->Run(list.data(), list.size());
  EXPECT_EQ(std::memcmp(buffer.data(), file_.model().data(), 8 * kBlock), 0);
  EXPECT_TRUE(ops[0].on_ring());
  EXPECT_EQ(Count("read", "ring"), before + 8);
}

TEST_F(EngineApiTest, PrioritiesReachTheKernel) {
  const uint64_t before = engine_->Statistics().background_requests;
  std::string bytes(kBlock, ' ');
  Operation op;
  for (const OperationPriority priority :
       {OperationPriority::kForeground, OperationPriority::kAhead,
        OperationPriority::kBackground, OperationPriority::kIdle}) {
    op.set_priority(priority);
    // Stays, whatever the operation is used for.
    for (int i = 0; i < 2; ++i) {
      op.Read(file_.fd(), bytes.data(), kBlock, kBlock);
      ASSERT_TRUE(engine_->Submit(&op));
      ASSERT_TRUE(engine_->Wait(&op));
      EXPECT_EQ(op.result(), int64_t{kBlock});
      EXPECT_TRUE(op.on_ring());
      EXPECT_EQ(bytes, file_.model().substr(kBlock, kBlock));
    }
  }
  EXPECT_EQ(engine_->Statistics().background_requests, before + 4);
}

// A queue depth that is kept: who is complete is submitted again.
TEST_F(EngineApiTest, WaitAnyFindsThoseThatAreComplete) {
  constexpr size_t kDepth = 100;
  std::vector<Operation> ops(kDepth);
  std::vector<Operation*> list;
  std::string buffer(kDepth * kBlock, 0);
  for (size_t i = 0; i < kDepth; ++i) {
    list.push_back(&ops[i]);
  }
  EXPECT_FALSE(engine_->WaitAny(list.data(), list.size()));
  size_t started = 0;
  const auto start = [&](size_t i) {
    const uint64_t offset = (started++ * 7 % 64) * kBlock;
    ops[i].Read(file_.fd(), &buffer[i * kBlock], kBlock, offset);
    ASSERT_TRUE(engine_->Submit(&ops[i]));
  };
  for (size_t i = 0; i < kDepth; ++i) {
    start(i);
  }
  size_t done = 0;
  while (done < 1000) {
    ASSERT_TRUE(engine_->WaitAny(list.data(), list.size()));
    for (size_t i = 0; i < kDepth; ++i) {
      if (ops[i].state() == OperationState::kCompleted) {
        ASSERT_EQ(ops[i].result(), int64_t{kBlock});
        ++done;
        start(i);
      }
    }
  }
  EXPECT_TRUE(engine_->WaitAll(list.data(), list.size()));
}

TEST_F(EngineApiTest, SubmittedOnesAreWaitedForByAnyThread) {
  std::vector<Operation> ops(100);
  std::vector<Operation*> list;
  std::vector<std::string> buffers(ops.size(), std::string(kBlock, 0));
  for (size_t i = 0; i < ops.size(); ++i) {
    ops[i].Read(file_.fd(), buffers[i].data(), kBlock, i * kBlock);
    list.push_back(&ops[i]);
  }
  ASSERT_EQ(engine_->Submit(list.data(), list.size()), list.size());
  Threads threads;
  threads.Start([&] { EXPECT_TRUE(engine_->WaitAll(list.data(), 50)); });
  threads.Start([&] {
    for (size_t i = 50; i < 100; ++i) {
      EXPECT_TRUE(engine_->Wait(&ops[i]));
    }
  });
  threads.Join();
  for (size_t i = 0; i < ops.size(); ++i) {
    EXPECT_EQ(ops[i].result(), int64_t{kBlock});
    EXPECT_TRUE(buffers[i] == file_.model().substr(i * kBlock, kBlock));
    EXPECT_TRUE(ops[i].on_ring());
  }
}

TEST_F(EngineApiTest, CallbacksRunOnce) {
  struct Calls {
    std::atomic<int> count{0};
  } calls;
  std::vector<Operation> ops(32);
  std::vector<std::string> buffers(ops.size(), std::string(kBlock, 0));
  for (size_t i = 0; i < ops.size(); ++i) {
    ops[i].set_callback(
        [](Operation* op, void* context) {
          EXPECT_TRUE(op->completed());
          ++static_cast<Calls*>(context)->count;
        },
        &calls);
    ops[i].Read(file_.fd(), buffers[i].data(), kBlock, i * kBlock);
    if (i % 2 == 0) {
      ASSERT_TRUE(engine_->Submit(&ops[i]));
    } else {
      engine_->Run(&ops[i]);
    }
  }
  while (calls.count < 32) {
    engine_->Poll();
  }
  for (Operation& op : ops) {
    EXPECT_TRUE(op.completed());
  }
  EXPECT_EQ(calls.count, 32);
}

// A pipe that nobody writes to stands for a device that does not answer: rings
// take descriptors of any kind.
TEST_F(EngineApiTest, WaitsAndCancellations) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  char byte = 0;
  Operation op;
  op.Read(ends[0], &byte, 1, 0);
  ASSERT_TRUE(engine_->Submit(&op));
  EXPECT_EQ(op.state(), OperationState::kSubmitted);
  EXPECT_FALSE(engine_->Wait(&op, 1000));
  EXPECT_EQ(engine_->Statistics().in_flight, 1u);
  EXPECT_EQ(engine_->Statistics().oldest_fd, ends[0]);
  engine_->Cancel(&op);
  EXPECT_TRUE(engine_->Wait(&op));
  EXPECT_EQ(op.state(), OperationState::kCancelled);
  EXPECT_EQ(op.result(), -ECANCELED);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(EngineApiTest, DeadlinesEndReads) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  char byte = 0;
  std::string block(kBlock, 0);
  Operation late;
  Operation in_time;
  Operation* list[] = {&late, &in_time};
  late.Read(ends[0], &byte, 1, 0);
  in_time.Read(file_.fd(), block.data(), kBlock, 0);
  EXPECT_FALSE(engine_->RunUntil(list, 2, 20000));
  EXPECT_EQ(late.result(), -ETIMEDOUT);
  EXPECT_TRUE(late.state() == OperationState::kTimedOut ||
              late.state() == OperationState::kAbandoned);
  EXPECT_EQ(in_time.state(), OperationState::kCompleted);
  EXPECT_TRUE(block == file_.model().substr(0, kBlock));
  EXPECT_TRUE(engine_->RunUntil(list + 1, 1, 60 * 1000 * 1000));
  in_time.Fsync(file_.fd());
  EXPECT_TRUE(engine_->RunUntil(list + 1, 1, 60 * 1000 * 1000));
  EXPECT_EQ(in_time.result(), -EINVAL);
  close(ends[0]);
  close(ends[1]);
  while (engine_->Statistics().abandoned > 0) {
    std::this_thread::yield();
  }
}

TEST_F(EngineApiTest, BuffersHaveALimit) {
  engine_.reset();
  engine_ = Make("buffer_bytes=64K");
  std::vector<EngineBuffer> buffers;
  for (int i = 0; i < 16; ++i) {
    buffers.push_back(engine_->AllocateBuffer(kBlock));
    ASSERT_NE(buffers.back().data(), nullptr) << i;
  }
  EXPECT_EQ(engine_->AllocateBuffer(kBlock).data(), nullptr);
  buffers.pop_back();
  EXPECT_NE(engine_->AllocateBuffer(kBlock).data(), nullptr);
  // A buffer may outlive the engine.
  engine_.reset();
  std::memset(buffers[0].data(), 1, buffers[0].size());
}

TEST_F(EngineApiTest, ConfigurationsAreValidated) {
  EngineConfig config;
  std::string error;
  EXPECT_TRUE(config.Parse("queue_depth=128;;buffer_bytes=3m;", &error));
  EXPECT_EQ(config.queue_depth, 128u);
  EXPECT_EQ(config.buffer_bytes, uint64_t{3} << 20);
  EXPECT_EQ(config.Validate(), "");
  EXPECT_TRUE(config.Parse("polling=device", &error)) << error;
  EXPECT_EQ(config.polling, EnginePolling::kDevice);
  for (const std::string wrong :
       {"queue_depth=7", "queue_depth=", "queue_depth", "queue_depth=64x",
        "queue_depth=-64", "queue_depth=99999999999999999999999", "rings_max=0",
        "abandoned_max=65537", "buffer_bytes=2T", "buffer_bytes=1KK",
        "polling=yes", "polling=", "require_rings=2", "queue=64", "=64",
        "x;y"}) {
    error.clear();
    EXPECT_FALSE(config.Parse(wrong, &error)) << wrong;
    EXPECT_NE(error, "") << wrong;
    EXPECT_EQ(config.queue_depth, 128u) << wrong;
  }
  config.queue_depth = 5000;
  EXPECT_NE(config.Validate().find("queue_depth=5000"), std::string::npos);
  EXPECT_EQ(Engine::Create(config, &error), nullptr);
  EXPECT_NE(error.find("8 to 4096"), std::string::npos) << error;
  // The process has one engine: another depth contradicts.
  config.queue_depth = 32;
  EXPECT_EQ(Engine::Create(config, &error), nullptr);
  EXPECT_NE(error.find("queue_depth=32"), std::string::npos) << error;
}

TEST_F(EngineApiTest, AForkedChildGoesOnByPosix) {
  const pid_t child = fork();
  if (child == 0) {
    std::string block(kBlock, 0);
    Operation op;
    op.Read(file_.fd(), block.data(), kBlock, 0);
    const bool read = engine_->Run(&op) == int64_t{kBlock} &&
                      block == file_.model().substr(0, kBlock);
    _exit(read && !engine_->Submit(&op) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(EngineApiTest, SupportHasAReason) {
  const EngineSupport support = DetectEngineSupport();
  EXPECT_TRUE(support.rings);
  EXPECT_EQ(support.reason, "");
  EXPECT_TRUE(engine_->has_rings());
}

TEST(EngineCTest, ErrorsAreTexts) {
  char* error = nullptr;
  EXPECT_EQ(rocksdb_uring_engine_create("queue_depth=1", &error), nullptr);
  ASSERT_NE(error, nullptr);
  EXPECT_NE(std::string(error).find("8 to 4096"), std::string::npos) << error;
  free(error);
  EXPECT_EQ(rocksdb_uring_engine_create("nothing", nullptr), nullptr);
  rocksdb_uring_engine_t* const engine =
      rocksdb_uring_engine_create(nullptr, &error);
  ASSERT_NE(engine, nullptr);
  rocksdb_uring_engine_destroy(engine);
}

TEST(EngineCTest, ListsOfAnyLength) {
  SkipWithoutRing();
  TestFile file(1 << 20);
  rocksdb_uring_engine_t* const engine =
      rocksdb_uring_engine_create(nullptr, nullptr);
  ASSERT_NE(engine, nullptr);
  std::vector<rocksdb_uring_operation_t*> ops(150);
  std::vector<std::string> buffers(ops.size(), std::string(kBlock, 0));
  const auto prepare = [&] {
    for (size_t i = 0; i < ops.size(); ++i) {
      buffers[i].assign(kBlock, 0);
      rocksdb_uring_operation_read(ops[i], file.fd(), buffers[i].data(), kBlock,
                                   i * kBlock);
    }
  };
  const auto right = [&] {
    size_t count = 0;
    for (size_t i = 0; i < ops.size(); ++i) {
      count +=
          rocksdb_uring_operation_state(ops[i]) == rocksdb_uring_completed &&
          rocksdb_uring_operation_result(ops[i]) == int64_t{kBlock} &&
          buffers[i] == file.model().substr(i * kBlock, kBlock);
    }
    return count;
  };
  for (auto& op : ops) {
    op = rocksdb_uring_operation_create();
  }
  prepare();
  rocksdb_uring_engine_run(engine, ops.data(), ops.size());
  EXPECT_EQ(right(), ops.size());
  prepare();
  EXPECT_EQ(rocksdb_uring_engine_run_until(engine, ops.data(), ops.size(),
                                           60 * 1000 * 1000),
            1);
  EXPECT_EQ(right(), ops.size());
  prepare();
  ASSERT_EQ(rocksdb_uring_engine_submit(engine, ops.data(), ops.size()),
            ops.size());
  EXPECT_EQ(rocksdb_uring_engine_wait_any(engine, ops.data(), ops.size(),
                                          ROCKSDB_URING_NO_TIMEOUT),
            1);
  EXPECT_GE(right(), 1u);
  EXPECT_EQ(rocksdb_uring_engine_wait_all(engine, ops.data(), ops.size(),
                                          ROCKSDB_URING_NO_TIMEOUT),
            1);
  EXPECT_EQ(right(), ops.size());
  rocksdb_uring_engine_statistics_t statistics;
  rocksdb_uring_engine_statistics(engine, &statistics);
  EXPECT_GE(statistics.operations, 3 * ops.size());
  EXPECT_GE(statistics.ring_operations, ops.size());
  EXPECT_EQ(statistics.in_flight, 0u);
  for (auto* op : ops) {
    rocksdb_uring_operation_destroy(op);
  }
  rocksdb_uring_engine_destroy(engine);
}

// What each example prints, in both languages.
struct Example {
  const char* name;
  const char* output;
};

class ExampleTest : public ::testing::TestWithParam<Example> {};

TEST_P(ExampleTest, Works) {
  const TempDir directory;
  for (const std::string language : {"c", "cc"}) {
    const std::string file = directory.file("data");
    std::ofstream(file) << std::string(1000000, 'x');
    const std::string program = std::string(ENGINE_EXAMPLES_DIR) +
                                "/engine_example_" + GetParam().name + "_" +
                                language;
    FILE* const pipe = popen((program + " " + file + " 2>&1").c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::string output;
    char buffer[200];
    while (fgets(buffer, sizeof buffer, pipe) != nullptr) {
      output += buffer;
    }
    EXPECT_EQ(pclose(pipe), 0) << program << ": " << output;
    EXPECT_EQ(output, GetParam().output) << program;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , ExampleTest,
    ::testing::Values(Example{"callback", "read 1000000 bytes\n"},
                      Example{"wait", "read 4096 bytes\nin time: 4096 bytes\n"},
                      Example{"batch", "32 of 32 blocks are right\n"},
                      Example{"vectored",
                              "wrote 13 bytes\nread 13 bytes: one two three\n"},
                      Example{"sync", "wrote 1048576 bytes, sync: 0\n"}),
    [](const ::testing::TestParamInfo<Example>& info) {
      return info.param.name;
    });

}  // namespace
}  // namespace rocksdb_uring
