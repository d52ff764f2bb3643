// SPDX-License-Identifier: Apache-2.0

#include "tests/support/engine/test_support.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "env/ring/features.h"

namespace rocksdb_uring {

namespace {

constexpr char kPoison = '\x33';

}  // namespace

std::string WhyNoRing() {
  static const RingFeatures features = DetectRingFeatures();
  return features.verdict == RingVerdict::kUsable
             ? std::string()
             : "io_uring cannot be used: " + features.reason +
                   "; remedy: " + features.remedy;
}

bool RingRequired() {
  const char* value = getenv("ROCKSDB_URING_REQUIRE");
  return value != nullptr && strcmp(value, "1") == 0;
}

bool FullTests() {
  const char* value = getenv("ROCKSDB_URING_TEST_FULL");
  return value != nullptr && *value != '\0';
}

uint64_t TestSeed() {
  static const uint64_t seed = [] {
    const char* given = getenv("ROCKSDB_URING_TEST_SEED");
    const bool is_given = given != nullptr && *given != '\0';
    const uint64_t value =
        is_given ? strtoull(given, nullptr, 10) : std::random_device()();
    printf("ROCKSDB_URING_TEST_SEED=%llu\n",
           static_cast<unsigned long long>(value));
    return value;
  }();
  return seed;
}

TempDir::TempDir() {
  const char* base = getenv("TEST_TMPDIR");
  std::string name =
      std::string(base != nullptr ? base : ROCKSDB_URING_TEST_DIR) +
      "/uring_test_XXXXXX";
  if (mkdtemp(name.data()) == nullptr) {
    perror(name.c_str());
    exit(1);
  }
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

// SplitMix64. A Mersenne twister takes 2.5 KB of state to begin with, which
// under a sanitizer costs more than the database that its values go to.
std::string RandomBytes(size_t size, uint64_t seed) {
  std::string bytes(RoundUp(size, 8), '\0');
  for (size_t i = 0; i < bytes.size(); i += 8) {
    seed += 0x9e3779b97f4a7c15;
    uint64_t word = seed;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    memcpy(&bytes[i], &word, 8);
  }
  bytes.resize(size);
  return bytes;
}

TestFile::TestFile(size_t size, uint64_t seed)
    : path_(directory_.file("data")), model_(RandomBytes(size, seed)) {
  fd_ = FileDescriptor(open(path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
  size_t written = 0;
  while (written < size) {
    const ssize_t step =
        write(fd_.get(), model_.data() + written, size - written);
    if (step <= 0) {
      perror(path_.c_str());
      exit(1);
    }
    written += static_cast<size_t>(step);
  }
  direct_fd_ =
      FileDescriptor(open(path_.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
  read_only_fd_ = FileDescriptor(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
}

std::string TestFile::Contents() const {
  struct stat info = {};
  fstat(fd_.get(), &info);
  std::string contents(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  ssize_t step = 1;
  while (done < contents.size() && step > 0) {
    step = pread(fd_.get(), &contents[done], contents.size() - done,
                 static_cast<off_t>(done));
    done += step > 0 ? static_cast<size_t>(step) : 0;
  }
  return contents;
}

void TestFile::DropCache() const {
  fdatasync(fd_.get());
  posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
}

ReadBatch::ReadBatch(int fd, uint32_t alignment,
                     const std::vector<Range>& ranges)
    : ranges_(ranges), ops_(new IoOp[ranges.size()]) {
  for (size_t i = 0; i < ranges.size(); ++i) {
    // One byte more, so that a range of none has a buffer too.
    buffers_.emplace_back(ranges[i].length + 1, TestFile::kAlignment);
    memset(buffers_[i].data(), kPoison, buffers_[i].size());
    ops_[i].kind = IoKind::kRead;
    ops_[i].fd = fd;
    ops_[i].alignment = alignment;
    ops_[i].offset = ranges[i].offset;
    ops_[i].length = ranges[i].length;
    ops_[i].buffer = buffers_[i].data();
  }
}

std::vector<IoOp*> ReadBatch::pointers() {
  std::vector<IoOp*> all;
  for (size_t i = 0; i < size(); ++i) {
    all.push_back(&ops_[i]);
  }
  return all;
}

::testing::AssertionResult ReadBatch::Matches(const std::string& model) {
  for (size_t i = 0; i < size(); ++i) {
    const ::testing::AssertionResult result = Matches(model, i);
    if (!result) {
      return result;
    }
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult ReadBatch::Matches(const std::string& model,
                                              size_t i) {
  const Range& range = ranges_[i];
  const std::string wanted = range.offset >= model.size()
                                 ? std::string()
                                 : model.substr(range.offset, range.length);
  auto failure = [&] {
    return ::testing::AssertionFailure()
           << "read " << i << " of " << size() << " (offset " << range.offset
           << ", length " << range.length << "): ";
  };
  if (!ops_[i].completed()) {
    return failure() << "is not completed";
  }
  if (ops_[i].result != static_cast<int64_t>(wanted.size())) {
    return failure() << "result " << ops_[i].result << ", not "
                     << wanted.size();
  }
  if (memcmp(ops_[i].buffer, wanted.data(), wanted.size()) != 0) {
    return failure() << "wrong bytes";
  }
  if (ops_[i].buffer[range.length] != kPoison) {
    return failure() << "wrote behind its buffer";
  }
  return ::testing::AssertionSuccess();
}

std::vector<ReadBatch::Range> RandomRanges(std::mt19937_64* random,
                                           size_t count, size_t size,
                                           uint32_t alignment) {
  const uint64_t unit = alignment != 0 ? alignment : 1;
  const uint64_t length_max = std::min<uint64_t>(size, 16384) / unit;
  std::vector<ReadBatch::Range> ranges;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0 && (*random)() % 8 == 0) {
      ranges.push_back(ranges[(*random)() % i]);
      continue;
    }
    const uint64_t length = 1 + (*random)() % length_max;
    const uint64_t offset = (*random)() % (size / unit - length + 1);
    ranges.push_back({offset * unit, static_cast<size_t>(length * unit)});
  }
  return ranges;
}

size_t OpenDescriptors() {
  size_t count = 0;
  DIR* directory = opendir("/proc/self/fd");
  while (directory != nullptr && readdir(directory) != nullptr) {
    ++count;
  }
  if (directory != nullptr) {
    closedir(directory);
  }
  return count;
}

std::string PathOfDescriptor(int fd) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path, sizeof(path));
  return std::string(path, size < 0 ? 0 : static_cast<size_t>(size));
}

uint64_t ResidentBytes() {
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace rocksdb_uring
