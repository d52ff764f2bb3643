// Windows of the read-ahead that are on their way while the process forks.
//
// Before Linux 6.5 direct I/O does not pin the pages that it reads into: when a
// process forks, the page is shared, and what this process writes to it next,
// were it beside the window, goes to a copy, without what the device writes.
//
// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/sanitizers.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FSRandomAccessFile;
using rocksdb::IOOptions;
using rocksdb::Slice;

constexpr size_t kSector = 512;

struct Mapping {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  bool inherited = true;
};

// The mapping of this process that holds the address; empty if none does.
Mapping MappingOf(const void* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream file("/proc/self/smaps");
  Mapping mapping;
  bool found = false;
  for (std::string line; std::getline(file, line);) {
    char dash = 0;
    std::istringstream range(line);
    uintptr_t begin = 0;
    uintptr_t end = 0;
    if (range >> std::hex >> begin >> dash >> end && dash == '-') {
      found = begin <= wanted && wanted < end;
      mapping.begin = begin;
      mapping.end = end;
    } else if (found && line.compare(0, 8, "VmFlags:") == 0) {
      mapping.inherited = (line + " ").find(" dc ") == std::string::npos;
      return mapping;
    }
  }
  return Mapping();
}

class ReadAheadForkTest : public ::testing::Test {
 protected:
  static constexpr size_t kFileSize = (8 << 20) + 1234;

  void SetUp() override {
    WriteFile(path_, model_);
    SkipWithoutDirectReads(true, path_);
  }

  // Memory of RocksDB's that is read into has pages of its own here: what is in
  // danger is the engine's.
  class Pages {
   public:
    static constexpr size_t kSize = 1 << 20;
    Pages()
        : data_(mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
      EXPECT_NE(data_, MAP_FAILED);
      EXPECT_EQ(madvise(data_, kSize, MADV_DONTFORK), 0);
    }
    ~Pages() { munmap(data_, kSize); }
    char* data() const { return static_cast<char*>(data_); }

   private:
    void* const data_;
  };

  void ExpectRead(FSRandomAccessFile* file, const Pages& pages, uint64_t offset,
                  size_t length) {
    Slice result;
    ASSERT_TRUE(
        file->Read(offset, length, IOOptions(), &result, pages.data(), nullptr)
            .ok());
    ASSERT_TRUE(result ==
                Slice(&model_[offset], std::min(length, kFileSize - offset)))
        << "offset " << offset << ", length " << length;
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000021.sst");
  const std::string model_ = RandomBytes(kFileSize, 21);
};

TEST_F(ReadAheadForkTest, WindowsAreWholePagesThatNoChildInherits) {
  FakeKernel kernel;
  EngineOptions options;
  options.ring_factory = kernel.factory();
  const std::shared_ptr<SharedEngine> engine = MakeEngine(options);
  size_t windows = 0;
  kernel.SetRequestScript([&](const RingRequest& request, uint64_t) {
    const auto begin = reinterpret_cast<uintptr_t>(request.address);
    const Mapping mapping = MappingOf(request.address);
    EXPECT_FALSE(mapping.inherited);
    EXPECT_LE(begin + request.length, mapping.end);
    ++windows;
    return FakeKernel::Verdict();
  });
  const auto file = OpenOnEngine(engine, path_, /*direct=*/true);
  const size_t alignment = file->GetRequiredBufferAlignment();
  const Pages pages;
  size_t length = 64 << 10;
  for (uint64_t offset = 0; offset < kFileSize;) {
    ExpectRead(file.get(), pages, offset, length);
    offset += length;
    length += alignment;
  }
  EXPECT_GT(windows, 10u);
}

TEST_F(ReadAheadForkTest, ForksHarmNoWindowInFlight) {
  SkipWithoutRing();
  // Everything in one heap, large blocks too: the neighbours of what is in
  // flight are written to.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  const std::shared_ptr<SharedEngine> engine = MakeEngine(EngineOptions());
  std::atomic<bool> stop{false};
  Threads threads;
  for (size_t scanner = 0; scanner < 8; ++scanner) {
    threads.Start([&, scanner] {
      std::mt19937_64 random(TestSeed() + scanner);
      const Pages pages;
      while (!stop && !HasFatalFailure()) {
        const auto file = OpenOnEngine(engine, path_, /*direct=*/true);
        const size_t alignment =
            std::max<size_t>(kSector, file->GetRequiredBufferAlignment());
        const size_t length = (64 << 10) + random() % 100 * alignment;
        for (uint64_t offset = 0; offset < kFileSize && !stop;
             offset += length) {
          ExpectRead(file.get(), pages, offset, length);
        }
      }
    });
  }
  // Neighbours in memory, written to all the time.
  threads.Start([&] {
    std::mt19937_64 random(TestSeed());
    std::vector<std::string> blocks(2000);
    while (!stop) {
      std::string* const block = &blocks[random() % blocks.size()];
      *block = std::string(random() % 3000, static_cast<char>(random()));
      for (std::string& other : blocks) {
        if (!other.empty()) {
          ++other[0];
        }
      }
    }
  });
  // A sanitizer makes each some times slower, and sees no more in it.
  const int forks = kThreadSanitizer || kAddressSanitizer ? 60 : 300;
  for (int i = 0; i < forks && !HasFatalFailure(); ++i) {
    const pid_t child = fork();
    if (child == 0) {
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
  }
  stop = true;
  threads.Join();
  mallopt(M_ARENA_MAX, 0);
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  EXPECT_GT(engine->statistics()
                ->Snapshot()
                .op(StatKind::kRead, IoPath::kReadAhead)
                .count,
            0u);
}

}  // namespace
}  // namespace rocksdb_uring
