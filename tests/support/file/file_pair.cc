// SPDX-License-Identifier: Apache-2.0

#include "tests/support/file/file_pair.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/support/engine/sanitizers.h"

namespace rocksdb_uring {

using rocksdb::DataVerificationInfo;
using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;
using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

namespace {

struct FileName {
  const char* label;
  const char* name;
};

struct PathOptions {
  const char* label;
  const char* options;
};

constexpr FileName kTable = {"Table", "000012.sst"};
constexpr FileName kBlob = {"Blob", "000012.blob"};
constexpr FileName kLog = {"Log", "000012.log"};
constexpr FileName kManifest = {"Manifest", "MANIFEST-000012"};
constexpr FileName kCurrent = {"Current", "CURRENT"};
constexpr FileName kOther = {"Other", "000012.sst.trash"};

constexpr PathOptions kPaths[] = {{"auto", ""},
                                  {"uring", "writes=uring;syncs=uring"},
                                  {"posix", "writes=posix;syncs=posix"}};
// These matter to what is written behind only.
constexpr PathOptions kBudgets[] = {
    {"uring_0", "writes=uring;syncs=uring;write_buffer_bytes=0"},
    {"uring_1M", "writes=uring;syncs=uring;write_buffer_bytes=1M"}};

template <typename Options>
void AddCases(const FileName& file, bool direct, const Options& options,
              std::vector<WriteCase>* cases) {
  for (const PathOptions& path : options) {
    cases->push_back({file.label, file.name, direct, path.label, path.options});
  }
}

// Random bytes that writes take theirs from.
const std::string& Pool() {
  static const auto* pool =
      new std::string(RandomBytes(2 * FilePair::kWriteMax, 1212));
  return *pool;
}

}  // namespace

bool WriteCase::is_table() const { return label == std::string(kTable.label); }

bool WriteCase::is_blob() const { return label == std::string(kBlob.label); }

bool WriteCase::Has(const std::string& option) const {
  return std::string(options).find(option) != std::string::npos;
}

void PrintTo(const WriteCase& write_case, std::ostream* out) {
  *out << write_case.name << (write_case.direct ? ", direct" : ", buffered")
       << ", \"" << write_case.options << '"';
}

std::string WriteCaseName(const ::testing::TestParamInfo<WriteCase>& info) {
  return std::string(info.param.direct ? "Direct" : "Buffered") +
         info.param.label + "_" + info.param.options_label;
}

std::vector<WriteCase> AllWriteCases() {
  if (kThreadSanitizer && !FullTests()) {
    // What threads share does not depend on the name: tables are written
    // behind, as blobs, and logs are not, as all others.
    return FewWriteCases();
  }
  std::vector<WriteCase> cases;
  AddCases(kCurrent, false, kPaths, &cases);
  for (bool direct : {false, true}) {
    for (const FileName& file : {kTable, kBlob, kLog, kManifest, kOther}) {
      AddCases(file, direct, kPaths, &cases);
    }
    AddCases(kTable, direct, kBudgets, &cases);
    AddCases(kBlob, direct, kBudgets, &cases);
  }
  return cases;
}

std::vector<WriteCase> FewWriteCases() {
  std::vector<WriteCase> cases;
  for (bool direct : {false, true}) {
    AddCases(kTable, direct, kPaths, &cases);
    AddCases(kTable, direct, kBudgets, &cases);
    AddCases(kLog, direct, kPaths, &cases);
  }
  return cases;
}

OpenCall NewCall() {
  return [](FileSystem* system, const std::string& path,
            const FileOptions& options, std::unique_ptr<FSWritableFile>* file) {
    return system->NewWritableFile(path, options, file, nullptr);
  };
}

OpenCall ReopenCall() {
  return [](FileSystem* system, const std::string& path,
            const FileOptions& options, std::unique_ptr<FSWritableFile>* file) {
    return system->ReopenWritableFile(path, options, file, nullptr);
  };
}

OpenCall ReuseCall(const std::string& old_name) {
  return [=](FileSystem* system, const std::string& path,
             const FileOptions& options,
             std::unique_ptr<FSWritableFile>* file) {
    return system->ReuseWritableFile(path, old_name, options, file, nullptr);
  };
}

std::unique_ptr<FSWritableFile> MustOpen(FileSystem* file_system,
                                         const OpenCall& call,
                                         const std::string& path,
                                         const FileOptions& options) {
  std::unique_ptr<FSWritableFile> file;
  const IOStatus status = call(file_system, path, options, &file);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return file;
}

AssertionResult SameOutcome(const IOStatus& ours, const IOStatus& theirs) {
  if (ours.code() == theirs.code() && ours.subcode() == theirs.subcode() &&
      ours.severity() == theirs.severity() &&
      ours.GetRetryable() == theirs.GetRetryable() &&
      ours.GetDataLoss() == theirs.GetDataLoss() &&
      ours.GetScope() == theirs.GetScope()) {
    return AssertionSuccess();
  }
  return AssertionFailure() << "ours: " << ours.ToString()
                            << "; the default's: " << theirs.ToString();
}

std::string HandedOverCrc32c(const std::string& data) {
  // Castagnoli's polynomial, reversed.
  constexpr uint32_t kPolynomial = 0x82f63b78;
  static uint32_t table[256];
  static const bool filled = [] {
    for (uint32_t i = 0; i < 256; ++i) {
      table[i] = i;
      for (int bit = 0; bit < 8; ++bit) {
        table[i] = (table[i] >> 1) ^ ((table[i] & 1) != 0 ? kPolynomial : 0);
      }
    }
    return true;
  }();
  (void)filled;
  // Pointers: these megabytes are gone through without optimisation.
  uint32_t crc = ~uint32_t{0};
  const auto* const end =
      reinterpret_cast<const uint8_t*>(data.data()) + data.size();
  for (const uint8_t* byte = end - data.size(); byte < end; ++byte) {
    crc = (crc >> 8) ^ table[(crc ^ *byte) & 0xff];
  }
  crc = ~crc;
  std::string encoded;
  for (int byte = 0; byte < 4; ++byte) {
    encoded.push_back(static_cast<char>(crc >> (8 * byte)));
  }
  return encoded;
}

struct stat AttributesOf(const std::string& path) {
  struct stat attributes = {};
  EXPECT_EQ(stat(path.c_str(), &attributes), 0) << path;
  return attributes;
}

FilePair::FilePair(const WriteCase& write_case)
    : our_path_(our_directory_.file(write_case.name)),
      their_path_(their_directory_.file(write_case.name)),
      size_is_set_ahead_(write_case.is_table() && write_case.direct),
      our_system_(OpenFileSystem(write_case.options)),
      buffer_(kWriteMax, kBlock) {
  options_.use_direct_writes = write_case.direct;
}

void FilePair::Open(const OpenCall& our_call, const OpenCall& their_call) {
  ours_.reset();
  theirs_.reset();
  const IOStatus ours =
      our_call(our_system_.get(), our_path_, options_, &ours_);
  const IOStatus theirs =
      their_call(FileSystem::Default().get(), their_path_, options_, &theirs_);
  EXPECT_TRUE(SameOutcome(ours, theirs));
  if (ours_ == nullptr || theirs_ == nullptr) {
    fprintf(stderr, "%s\n", ours.ToString().c_str());
    exit(1);
  }
  size_ = 0;
  not_counted_by_theirs_ = 0;
}

void FilePair::New() {
  Open(NewCall(), NewCall());
  model_.clear();
}

void FilePair::Reopen() {
  // What is there is not always what was written: tails of reused files and
  // preallocated zeros.
  struct stat attributes = {};
  model_ = stat(our_path_.c_str(), &attributes) == 0 ? ReadWholeFile(our_path_)
                                                     : std::string();
  Open(ReopenCall(), ReopenCall());
  size_ = model_.size();
  not_counted_by_theirs_ = kDefaultCountsReopenedFromZero ? size_ : 0;
}

void FilePair::Reuse(const std::string& old_contents) {
  const std::string our_old = our_directory_.file("old");
  const std::string their_old = their_directory_.file("old");
  WriteFile(our_old, old_contents);
  WriteFile(their_old, old_contents);
  Open(ReuseCall(our_old), ReuseCall(their_old));
  model_ = old_contents;
}

void FilePair::Put(const std::string& contents) {
  WriteFile(our_path_, contents);
  WriteFile(their_path_, contents);
}

std::string FilePair::NextBytes(size_t size) {
  constexpr uint64_t kStep = 4099;
  return Pool().substr(++writes_ * kStep % kWriteMax, size);
}

Slice FilePair::Aligned(const std::string& data) {
  memcpy(buffer_.data(), data.data(), data.size());
  return Slice(buffer_.data(), data.size());
}

void FilePair::Write(uint64_t offset, size_t size, const WriteCall& call) {
  const std::string data = NextBytes(size);
  const bool checked = writes_ % 2 == 0;
  const std::string checksum = checked ? HandedOverCrc32c(data) : std::string();
  DataVerificationInfo verification;
  verification.checksum = checksum;
  Do([&](FSWritableFile* file) {
    const IOStatus status =
        call(file, Aligned(data), checked ? &verification : nullptr);
    memset(buffer_.data(), '#', size);
    return status;
  });
  if (model_.size() < offset + size) {
    model_.resize(offset + size);
  }
  model_.replace(offset, size, data);
  size_ = offset + size;
}

void FilePair::Append(size_t size) {
  Write(size_, size,
        [](FSWritableFile* file, Slice data,
           const DataVerificationInfo* verification) {
          return verification == nullptr
                     ? file->Append(data, IOOptions(), nullptr)
                     : file->Append(data, IOOptions(), *verification, nullptr);
        });
}

void FilePair::PositionedAppend(uint64_t offset, size_t size) {
  Write(offset, size,
        [=](FSWritableFile* file, Slice data,
            const DataVerificationInfo* verification) {
          return verification == nullptr
                     ? file->PositionedAppend(data, offset, IOOptions(),
                                              nullptr)
                     : file->PositionedAppend(data, offset, IOOptions(),
                                              *verification, nullptr);
        });
  not_counted_by_theirs_ = 0;
}

void FilePair::Truncate(uint64_t size) {
  Do([=](FSWritableFile* file) {
    return file->Truncate(size, IOOptions(), nullptr);
  });
  model_.resize(size);
  size_ = size;
  not_counted_by_theirs_ = 0;
}

void FilePair::Flush() {
  Do([](FSWritableFile* file) { return file->Flush(IOOptions(), nullptr); });
}

void FilePair::Sync() {
  Do([](FSWritableFile* file) { return file->Sync(IOOptions(), nullptr); });
}

void FilePair::Fsync() {
  Do([](FSWritableFile* file) { return file->Fsync(IOOptions(), nullptr); });
}

void FilePair::PrepareWrite(size_t size) {
  for (FSWritableFile* file : {ours(), theirs()}) {
    file->PrepareWrite(file->GetFileSize(IOOptions(), nullptr), size,
                       IOOptions(), nullptr);
  }
}

void FilePair::Do(const Call& call) {
  const IOStatus status = call(ours());
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_TRUE(SameOutcome(status, call(theirs())));
}

void FilePair::Close() {
  ExpectSizes();
  Do([](FSWritableFile* file) { return file->Close(IOOptions(), nullptr); });
  Destroy();
}

void FilePair::Destroy() {
  ours_.reset();
  theirs_.reset();
  ExpectSameFiles();
}

void FilePair::ExpectSameOutcome(const Call& call) {
  const IOStatus status = call(ours());
  EXPECT_TRUE(SameOutcome(status, call(theirs())));
}

void FilePair::ExpectSizes() {
  EXPECT_EQ(ours()->GetFileSize(IOOptions(), nullptr), size_);
  EXPECT_EQ(theirs()->GetFileSize(IOOptions(), nullptr),
            size_ - not_counted_by_theirs_);
}

void FilePair::ExpectSameFiles() {
  std::string ours = ReadWholeFile(our_path_);
  const std::string theirs = ReadWholeFile(their_path_);
  if (open() && size_is_set_ahead_ && ours.size() > theirs.size()) {
    EXPECT_EQ(ours.find_first_not_of('\0', theirs.size()), std::string::npos);
    ours.resize(theirs.size());
  }
  EXPECT_EQ(ours.size(), theirs.size());
  EXPECT_TRUE(ours == theirs) << "other bytes than the default's";
  EXPECT_GE(ours.size(), size_);
  EXPECT_TRUE(ours.compare(0, size_, model_, 0, size_) == 0)
      << "other bytes than were written";
}

}  // namespace rocksdb_uring
