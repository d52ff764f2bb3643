// The example of env/README.md, which is the body of this test: layer_test
// compares the two.
//
// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <memory>
#include <string>

#include "env/base/aligned_buffer.h"
#include "env/engine/shared_engine.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

TEST(EngineExample, ReadsABatchAndOneAsynchronously) {
  constexpr size_t kBlock = 4096;
  constexpr size_t kBlocks = 8;
  TestFile file((kBlocks + 1) * kBlock);
  const int fd = file.fd();
  const AlignedBuffer buffer((kBlocks + 1) * kBlock, kBlock);

  // One engine serves the process: rings, limits, statistics. Without io_uring
  // it is the POSIX engine, which keeps the same contract.
  std::string conflict;
  const std::shared_ptr<SharedEngine> shared =
      SharedEngine::Acquire(EngineRequest(), &conflict);
  ASSERT_NE(shared, nullptr) << conflict;
  IoEngine* const engine = shared->engine();

  // A batch: the operations live in the caller's memory and must not move until
  // they are completed.
  IoOp ops[kBlocks];
  for (size_t i = 0; i < kBlocks; ++i) {
    ops[i].kind = IoKind::kRead;
    ops[i].stat_kind = StatKind::kMultiRead;  // how the statistics count it
    ops[i].fd = fd;
    ops[i].alignment = 0;  // buffered; with O_DIRECT what the device needs
    ops[i].offset = i * kBlock;
    ops[i].buffer = buffer.data() + i * kBlock;
    ops[i].length = kBlock;
  }
  // Returns when all are completed. The engine chooses the path: RunOptions can
  // demand a ring or POSIX.
  engine->Run(ops, kBlocks, RunOptions());
  for (const IoOp& op : ops) {
    // Bytes, or a negated errno. Less than `length` only at the end of the
    // file.
    ASSERT_EQ(op.result, static_cast<int64_t>(kBlock));
  }

  // An operation that outlives the call.
  IoOp later;
  later.stat_kind = StatKind::kReadAsync;
  later.fd = fd;
  later.offset = kBlocks * kBlock;
  later.buffer = buffer.data() + kBlocks * kBlock;
  later.length = kBlock;
  if (engine->Submit(&later)) {
    // ... any thread may wait for it, and must, before its memory is freed.
    engine->Wait(&later);
  } else {
    // No room, or no ring: not an error. The operation is still the caller's.
    engine->Run(&later, 1, RunOptions());
  }
  ASSERT_EQ(later.result, static_cast<int64_t>(kBlock));

  EXPECT_EQ(memcmp(buffer.data(), file.model().data(), file.model().size()), 0);
}

}  // namespace
}  // namespace rocksdb_uring
