// Direct requests that are not aligned: builds with assertions end the process
// there, before the kernel's EINVAL.
//
// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "tests/support/engine/sanitizers.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::IOOptions;
using rocksdb::Slice;

#ifdef NDEBUG
constexpr bool kAssertions = false;
#else
constexpr bool kAssertions = true;
#endif

class UnalignedDeathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kAssertions || kThreadSanitizer) {
      GTEST_SKIP() << "no assertions, or the thread sanitizer";
    }
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    // Gone when the process dies, which removes nothing.
    const TempDir directory;
    const std::string path = directory.file("000016.sst");
    WriteFile(path, RandomBytes(4 * kBlock, 16));
    SkipWithoutDirectReads(true, path);
    file_system_ = OpenFileSystem("");
    file_ = OpenRandomAccess(file_system_.get(), path, true);
    ASSERT_NE(file_, nullptr);
  }

  static FSReadRequest Request(uint64_t offset, size_t length, char* scratch) {
    FSReadRequest request;
    request.offset = offset;
    request.len = length;
    request.scratch = scratch;
    return request;
  }

  const Scratch scratch_{2 * kBlock};
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::unique_ptr<FSRandomAccessFile> file_;
};

TEST_F(UnalignedDeathTest, Read) {
  Slice result;
  EXPECT_DEATH((void)file_->Read(1, kBlock, IOOptions(), &result,
                                 scratch_.data(), nullptr),
               "IsAligned");
}

// Only the second.
TEST_F(UnalignedDeathTest, MultiRead) {
  FSReadRequest requests[] = {Request(0, kBlock, scratch_.data()),
                              Request(kBlock, kBlock - 1, scratch_.data())};
  EXPECT_DEATH((void)file_->MultiRead(requests, 2, IOOptions(), nullptr),
               "IsAligned");
}

TEST_F(UnalignedDeathTest, ReadAsync) {
  FSReadRequest request = Request(0, kBlock, scratch_.data() + 1);
  void* handle = nullptr;
  rocksdb::IOHandleDeleter deleter;
  EXPECT_DEATH((void)file_->ReadAsync(
                   request, IOOptions(), [](const FSReadRequest&, void*) {},
                   nullptr, &handle, &deleter, nullptr),
               "IsAligned");
}

}  // namespace
}  // namespace rocksdb_uring
