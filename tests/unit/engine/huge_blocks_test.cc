// Buffers cut from huge pages: they do not overlap, blocks go with their last
// buffer, and a budget counts what is left of them.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/huge_blocks.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "env/engine/buffer_budget.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

constexpr size_t kUnit = HugeBlocks::kUnitBytes;
constexpr size_t kBlock = HugeBlocks::kBlockBytes;
constexpr size_t kSmallPage = 4096;

// The flags of the mapping that `address` is in, from /proc/self/smaps.
std::string FlagsOf(const char* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char dash = 0;
    std::istringstream range(line);
    if (range >> std::hex >> begin >> dash >> end && dash == '-') {
      inside = begin <= wanted && wanted < end;
    } else if (inside && line.rfind("VmFlags:", 0) == 0) {
      return line + " ";
    }
  }
  return "";
}

TEST(HugeBlocks, AreOfHugePagesThatNoChildInherits) {
  HugeBlocks blocks;
  const AlignedBuffer buffer = blocks.TakeFromNew(kBlock);
  ASSERT_NE(buffer.data(), nullptr);
  EXPECT_TRUE(IsAligned(reinterpret_cast<uintptr_t>(buffer.data()), kBlock));
  const std::string flags = FlagsOf(buffer.data());
  EXPECT_NE(flags.find(" dc "), std::string::npos) << flags;
  if (std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled").good()) {
    EXPECT_NE(flags.find(" hg "), std::string::npos) << flags;
  }
}

TEST(HugeBlocks, ABlockGoesWithItsLastBuffer) {
  HugeBlocks blocks;
  EXPECT_EQ(blocks.Take(kUnit).data(), nullptr);
  AlignedBuffer first = blocks.TakeFromNew(kUnit + 1);
  AlignedBuffer second = blocks.Take(kUnit);
  ASSERT_NE(first.data(), nullptr);
  ASSERT_NE(second.data(), nullptr);
  EXPECT_EQ(first.size(), 2 * kUnit);
  EXPECT_EQ(blocks.idle_bytes(), kBlock - 3 * kUnit);
  first = AlignedBuffer();
  EXPECT_EQ(blocks.idle_bytes(), kBlock - kUnit);
  const char* const memory = second.data();
  second = AlignedBuffer();
  EXPECT_EQ(blocks.idle_bytes(), 0u);
  EXPECT_EQ(FlagsOf(memory).find(" dc "), std::string::npos);
}

// A thread that has no room in its own blocks finds that of others.
TEST(HugeBlocks, ServeOtherThreads) {
  HugeBlocks blocks;
  const AlignedBuffer first = blocks.TakeFromNew(kUnit);
  int served = 0;
  for (int i = 0; i < 20; ++i) {
    std::thread([&] { served += blocks.Take(kUnit).data() != nullptr; }).join();
  }
  EXPECT_EQ(served, 20);
}

// The ends of each unit have the buffer's number, and are looked at when it
// goes.
template <typename Blocks>
void FillAndEmpty() {
  constexpr size_t kUnit = Blocks::kUnitBytes;
  constexpr size_t kBlock = Blocks::kBlockBytes;
  struct Filled {
    AlignedBuffer buffer;
    char value = 0;
  };
  std::mt19937_64 random(TestSeed());
  Blocks blocks;
  std::vector<Filled> filled;
  size_t out = 0;
  size_t refused = 0;
  for (int step = 0; step < 3000; ++step) {
    if (!filled.empty() && (random() % 2 == 0 || out > 4 * kBlock)) {
      std::swap(filled[random() % filled.size()], filled.back());
      const Filled& gone = filled.back();
      for (size_t at = 0; at < gone.buffer.size(); at += kUnit) {
        ASSERT_EQ(gone.buffer.data()[at], gone.value);
        ASSERT_EQ(gone.buffer.data()[at + kUnit - 1], gone.value);
      }
      out -= gone.buffer.size();
      filled.pop_back();
      continue;
    }
    const size_t size = 1 + random() % (step % 2 == 0 ? kBlock / 4 : kBlock);
    Filled next;
    next.buffer = blocks.Take(size);
    if (next.buffer.data() == nullptr) {
      ++refused;
      next.buffer = blocks.TakeFromNew(size);
    }
    ASSERT_NE(next.buffer.data(), nullptr);
    ASSERT_EQ(next.buffer.size(), Blocks::Rounded(size));
    ASSERT_TRUE(
        IsAligned(reinterpret_cast<uintptr_t>(next.buffer.data()), kUnit));
    next.value = static_cast<char>(step);
    for (size_t at = 0; at < next.buffer.size(); at += kUnit) {
      next.buffer.data()[at] = next.value;
      next.buffer.data()[at + kUnit - 1] = next.value;
    }
    out += next.buffer.size();
    filled.push_back(std::move(next));
    ASSERT_EQ((out + blocks.idle_bytes()) % kBlock, 0u);
  }
  EXPECT_GT(refused, 10u);
  filled.clear();
  EXPECT_EQ(blocks.idle_bytes(), 0u);
}

TEST(HugeBlocks, BuffersDoNotOverlap) { FillAndEmpty<HugeBlocks>(); }
TEST(SmallBlocks, BuffersDoNotOverlap) { FillAndEmpty<SmallBlocks>(); }

TEST(HugeBlocks, ServeManyThreads) {
  HugeBlocks blocks;
  std::vector<std::thread> threads;
  for (char value = 0; value < 8; ++value) {
    threads.emplace_back([&blocks, value] {
      for (int i = 0; i < 300; ++i) {
        const size_t size = kUnit * (1 + (i + value) % 20);
        AlignedBuffer buffer = blocks.Take(size);
        if (buffer.data() == nullptr) {
          buffer = blocks.TakeFromNew(size);
        }
        ASSERT_NE(buffer.data(), nullptr);
        memset(buffer.data(), value, size);
        std::this_thread::yield();
        EXPECT_EQ(buffer.data()[0], value);
        EXPECT_EQ(buffer.data()[size - 1], value);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(blocks.idle_bytes(), 0u);
}

class HugeBudgetTest : public ::testing::Test {
 protected:
  static constexpr size_t kLimit = 8 * kBlock;

  void SetUp() override { budget_.AddUser(); }
  void TearDown() override {
    ReleaseAll();
    budget_.RemoveUser();
    EXPECT_EQ(budget_.bytes(), 0u);
    EXPECT_EQ(budget_.held(), 0u) << "an idle budget holds nothing";
  }

  bool Take(size_t size) {
    AlignedBuffer buffer = budget_.Acquire(size, kSmallPage);
    if (buffer.data() == nullptr) {
      return false;
    }
    EXPECT_GE(buffer.size(), size);
    memset(buffer.data(), 1, buffer.size());
    EXPECT_LE(budget_.held(), kLimit);
    buffers_.push_back(std::move(buffer));
    return true;
  }
  void ReleaseAll() {
    for (AlignedBuffer& buffer : buffers_) {
      budget_.Release(std::move(buffer));
    }
    buffers_.clear();
  }

  BufferBudget budget_{BufferBudget::Use::kForReads, kLimit};
  std::vector<AlignedBuffer> buffers_;
};

TEST_F(HugeBudgetTest, WhatIsLeftOfABlockCounts) {
  ASSERT_TRUE(Take(512 << 10));
  EXPECT_EQ(budget_.bytes(), 512u << 10);
  EXPECT_EQ(budget_.held(), kBlock);
  ASSERT_TRUE(Take(512 << 10));
  ASSERT_TRUE(Take(1 << 20));
  EXPECT_EQ(budget_.held(), kBlock);
  EXPECT_EQ(budget_.bytes(), kBlock);
}

// A program with one small window must not hold a block for it.
TEST_F(HugeBudgetTest, SmallBuffersAreNotCut) {
  ASSERT_TRUE(Take(32 << 10));
  EXPECT_EQ(budget_.held(), 32u << 10);
}

// As with many reads that have a deadline: a mapping for each would be made and
// unmade all the time.
TEST_F(HugeBudgetTest, ManySmallBuffersShareBlocks) {
  constexpr size_t kFew = 256 << 10;
  while (budget_.bytes() < kFew) {
    ASSERT_TRUE(Take(2 * kSmallPage));
  }
  EXPECT_EQ(budget_.held(), kFew) << "none is cut yet";
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(Take(2 * kSmallPage));
  }
  EXPECT_EQ(budget_.bytes(), kFew + 2000 * kSmallPage);
  EXPECT_EQ((budget_.held() - kFew) % SmallBlocks::kBlockBytes, 0u);
  EXPECT_LT(budget_.held() - budget_.bytes(), SmallBlocks::kBlockBytes);
}

// No more than one small block less.
TEST_F(HugeBudgetTest, AllOfTheLimitCanBeHadInSmallBuffers) {
  while (Take(2 * kSmallPage)) {
  }
  EXPECT_EQ(budget_.bytes(), kLimit);
}

TEST_F(HugeBudgetTest, AllOfTheLimitCanBeHad) {
  while (Take(512 << 10)) {
  }
  EXPECT_EQ(budget_.bytes(), kLimit);
  EXPECT_EQ(budget_.held(), kLimit);
  EXPECT_FALSE(Take(kSmallPage));
}

// An address space that has no room for a block (ulimit -v).
TEST_F(HugeBudgetTest, OtherMemoryServesWhereABlockCannotBeHad) {
  const pid_t child = fork();
  if (child == 0) {
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t bytes = pages * kSmallPage + (1 << 20);
    const rlimit limit = {bytes, bytes};
    if (setrlimit(RLIMIT_AS, &limit) != 0) {
      _exit(1);
    }
    AlignedBuffer buffer = budget_.Acquire(512 << 10, kSmallPage);
    if (buffer.data() == nullptr || budget_.held() != 512 << 10) {
      _exit(2);
    }
    budget_.Release(std::move(buffer));
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// Without room for another block, a part of the one that is there serves,
// whatever the size; and other memory where that does not suffice.
TEST_F(HugeBudgetTest, BlocksThatAreThereServeWhereTheLimitIsReached) {
  ASSERT_TRUE(Take(512 << 10));
  while (budget_.held() + kBlock <= kLimit) {
    ASSERT_TRUE(Take(kBlock));
  }
  EXPECT_EQ(budget_.held(), kLimit);
  EXPECT_TRUE(Take(kSmallPage));
  EXPECT_EQ(budget_.held(), kLimit);
  EXPECT_TRUE(Take(1 << 20));
  EXPECT_FALSE(Take(1 << 20));
}

// Kept buffers of blocks that are in use free nothing, but serve others.
TEST_F(HugeBudgetTest, KeptPartsServeOtherSizes) {
  while (Take(64 << 10)) {
  }
  EXPECT_EQ(budget_.held(), kLimit);
  // Every other one is given back: no block is empty.
  for (size_t i = 0; i < buffers_.size(); i += 2) {
    budget_.Release(std::move(buffers_[i]));
  }
  EXPECT_EQ(budget_.held(), kLimit);
  EXPECT_TRUE(Take(kSmallPage));
  EXPECT_TRUE(Take(33 << 10));
  EXPECT_FALSE(Take(512 << 10));
}

TEST(HugeBudget, SmallLimitsAndBuffersForWritesDoWithout) {
  BufferBudget small(BufferBudget::Use::kForReads, 4 << 20);
  BufferBudget writes(BufferBudget::Use::kForWrites, 64 << 20);
  for (BufferBudget* budget : {&small, &writes}) {
    AlignedBuffer buffer = budget->Acquire(512 << 10, kSmallPage);
    ASSERT_NE(buffer.data(), nullptr);
    EXPECT_EQ(budget->held(), 512u << 10);
    budget->Release(std::move(buffer));
  }
}

}  // namespace
}  // namespace rocksdb_uring
