// What the tests of all layers share: seeds, directories, files with a model
// in memory, and the decision whether a test may be skipped.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/base/file_descriptor.h"
#include "env/engine/io_op.h"

namespace rocksdb_uring {

// Why this machine gives no io_uring, with the remedy; empty if it does.
std::string WhyNoRing();

// Whether ROCKSDB_URING_REQUIRE=1 forbids to skip tests that need io_uring or
// direct I/O.
bool RingRequired();

// Ends the test as skipped, or as failed where that is forbidden, unless `why`
// is empty. For the body of a test or of SetUp, as all that are made of it.
#define SkipBecauseOf(why)                                         \
  if (const std::string uring_why = (why); !uring_why.empty()) {   \
    if (RingRequired()) {                                          \
      FAIL() << "ROCKSDB_URING_REQUIRE is set, but " << uring_why; \
    }                                                              \
    GTEST_SKIP() << uring_why;                                     \
  }                                                                \
  static_assert(true, "takes the semicolon")

#define SkipWithoutRing() SkipBecauseOf(WhyNoRing())

// The seed of this run: that of ROCKSDB_URING_TEST_SEED, or a new one, which
// is printed.
uint64_t TestSeed();

// Whether ROCKSDB_URING_TEST_FULL asks for the long forms of tests.
bool FullTests();

// A directory below $TEST_TMPDIR or the build directory, removed at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// `size` bytes that no other offset or seed gives.
std::string RandomBytes(size_t size, uint64_t seed);

// A file with known contents.
class TestFile {
 public:
  // Alignment of direct I/O that every device of today takes.
  static constexpr uint32_t kAlignment = 4096;

  explicit TestFile(size_t size, uint64_t seed = 1);

  const std::string& path() const { return path_; }
  // What the file must contain; tests that write change it, too.
  std::string& model() { return model_; }
  // Open for reading and writing, buffered.
  int fd() const { return fd_.get(); }
  // Open for direct I/O; -1 where the filesystem has none.
  int direct_fd() const { return direct_fd_.get(); }
  std::string WhyNoDirectIo() const {
    return direct_fd_.valid() ? "" : "no O_DIRECT in " + path_;
  }
  int read_only_fd() const { return read_only_fd_.get(); }
  // What the file contains.
  std::string Contents() const;
  // Makes the next buffered reads go to the device.
  void DropCache() const;

 private:
  TempDir directory_;
  std::string path_;
  std::string model_;
  FileDescriptor fd_;
  FileDescriptor direct_fd_;
  FileDescriptor read_only_fd_;
};

#define SkipWithoutDirectIo(file) SkipBecauseOf((file).WhyNoDirectIo())

// A batch of reads, each with a buffer of its own that is poisoned before.
class ReadBatch {
 public:
  struct Range {
    uint64_t offset;
    size_t length;
  };

  ReadBatch(int fd, uint32_t alignment, const std::vector<Range>& ranges);

  IoOp* ops() { return ops_.get(); }
  IoOp& operator[](size_t i) { return ops_[i]; }
  size_t size() const { return ranges_.size(); }
  std::vector<IoOp*> pointers();

  // Results and bytes are those of `model`, and so says what is not a failure.
  ::testing::AssertionResult Matches(const std::string& model);
  ::testing::AssertionResult Matches(const std::string& model, size_t i);

 private:
  std::vector<Range> ranges_;
  std::vector<AlignedBuffer> buffers_;
  std::unique_ptr<IoOp[]> ops_;
};

// `count` ranges inside [0, size), some equal and some overlapping; multiples
// of `alignment` if that is not 0.
std::vector<ReadBatch::Range> RandomRanges(std::mt19937_64* random,
                                           size_t count, size_t size,
                                           uint32_t alignment);

// Open descriptors of this process.
size_t OpenDescriptors();

// The path of an open descriptor of this process, with " (deleted)" behind that
// of an unlinked file; empty if it is not open.
std::string PathOfDescriptor(int fd);

// Memory of this process that is not paged out.
uint64_t ResidentBytes();

// Threads that are joined at the end of the scope.
class Threads {
 public:
  ~Threads() { Join(); }
  template <typename Function>
  void Start(Function function) {
    threads_.emplace_back(std::move(function));
  }
  void Join() {
    for (std::thread& thread : threads_) {
      thread.join();
    }
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace rocksdb_uring
