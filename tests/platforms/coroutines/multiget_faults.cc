// A MultiGet of keys in many files, while the file system refuses or fails
// asynchronous reads of one of them: only that file's keys have the error, and
// where reads can be had another way nobody has. A program of its own, because
// it is linked with the patched RocksDB; run.sh builds it.
//   multiget_faults DIRECTORY FILE_SYSTEM_URI DIRECT(0|1)
//
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "rocksdb/statistics.h"
#include "rocksdb/table.h"

namespace {

using namespace ROCKSDB_NAMESPACE;  // NOLINT: as RocksDB's own tests do

enum class Fault {
  kNone,
  kRefused,           // ReadAsync of the file returns an error
  kFailed,            // its callback does
  kUnsupported,       // ReadAsync of every file returns NotSupported
  kLaterUnsupported,  // that of every second read does
  kPoll,              // Poll returns an error and does nothing
};

constexpr int kFiles = 8;
constexpr int kKeysPerFile = 400;

std::atomic<Fault> fault{Fault::kNone};
std::atomic<int> reads{0};  // asynchronous ones
std::string faulty_file;    // set before `fault` is

class FaultyFile : public FSRandomAccessFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<FSRandomAccessFile>&& file, std::string name)
      : FSRandomAccessFileOwnerWrapper(std::move(file)),
        name_(std::move(name)) {}

#if ROCKSDB_MAJOR >= 9
  using Callback = std::function<void(FSReadRequest&, void*)>;
  using Completed = FSReadRequest&;
#else
  using Callback = std::function<void(const FSReadRequest&, void*)>;
  using Completed = const FSReadRequest&;
#endif

  IOStatus ReadAsync(FSReadRequest& request, const IOOptions& options,
                     Callback callback, void* argument, void** handle,
                     IOHandleDeleter* deleter, IODebugContext* dbg) override {
    const int number = reads.fetch_add(1);
    const bool faulty = name_ == faulty_file;
    switch (fault) {
      case Fault::kRefused:
        if (faulty) {
          return IOStatus::IOError("refused");
        }
        break;
      case Fault::kFailed:
        if (faulty) {
          request.status = IOStatus::IOError("failed");
          request.result = Slice();
          callback(request, argument);
          return IOStatus::OK();
        }
        break;
      case Fault::kUnsupported:
        return IOStatus::NotSupported("never");
      case Fault::kLaterUnsupported:
        if (number % 2 == 1) {
          return IOStatus::NotSupported("not now");
        }
        break;
      case Fault::kNone:
      case Fault::kPoll:
        break;
    }
    return target()->ReadAsync(request, options, std::move(callback), argument,
                               handle, deleter, dbg);
  }

 private:
  const std::string name_;
};

class FaultyFileSystem : public FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "FaultyFileSystem"; }

  IOStatus NewRandomAccessFile(const std::string& name,
                               const FileOptions& options,
                               std::unique_ptr<FSRandomAccessFile>* result,
                               IODebugContext* dbg) override {
    IOStatus s = target()->NewRandomAccessFile(name, options, result, dbg);
    if (s.ok()) {
      *result = std::make_unique<FaultyFile>(std::move(*result), name);
    }
    return s;
  }
  IOStatus Poll(std::vector<void*>& handles, size_t completions) override {
    if (fault == Fault::kPoll) {
      return IOStatus::IOError("poll");
    }
    return target()->Poll(handles, completions);
  }
};

void Check(bool good, const char* what, const std::string& more = "") {
  if (!good) {
    std::fprintf(stderr, "FAILED: %s %s\n", what, more.c_str());
    std::exit(1);
  }
}
void Check(const Status& s) { Check(s.ok(), "status", s.ToString()); }

// Uncompressed, so that a block is a read.
std::string Key(int number) {
  char text[16];
  std::snprintf(text, sizeof(text), "%08d", number);
  return text;
}
std::string Value(int number) {
  return std::string(200, static_cast<char>('a' + number % 26)) + Key(number);
}

// Looks up keys in all files, four in each and far from one another; returns
// how many have had an error, which only keys of file `may_fail` may have.
int Lookup(DB* db, int may_fail) {
  std::vector<std::string> keys;
  for (int file = 0; file < kFiles; ++file) {
    for (int i = 0; i < 4; ++i) {
      keys.push_back(Key(file * kKeysPerFile + i * 90 + 7));
    }
  }
  const std::vector<Slice> slices(keys.begin(), keys.end());
  std::vector<PinnableSlice> values(keys.size());
  std::vector<Status> statuses(keys.size());
  ReadOptions options;
  options.async_io = true;
  options.optimize_multiget_for_io = true;
  db->MultiGet(options, db->DefaultColumnFamily(), slices.size(), slices.data(),
               values.data(), statuses.data());
  int errors = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const int number = std::stoi(keys[i]);
    if (statuses[i].ok()) {
      Check(values[i] == Value(number), "wrong value of", keys[i]);
      continue;
    }
    Check(statuses[i].IsIOError(),
          "not an I/O error:", keys[i] + " " + statuses[i].ToString());
    Check(may_fail < 0 || number / kKeysPerFile == may_fail,
          "error of another file:", keys[i] + " " + statuses[i].ToString());
    ++errors;
  }
  return errors;
}

}  // namespace

int main(int argc, char** argv) {
  Check(argc == 4, "usage: multiget_faults DIRECTORY URI DIRECT");
  const std::string directory = argv[1];
  // Empty: RocksDB would take a URI with options for options of what is there,
  // and ignore them.
  std::shared_ptr<FileSystem> base;
  if (argv[2][0] == '\0') {
    base = FileSystem::Default();
  } else {
    Check(FileSystem::CreateFromString(ConfigOptions(), argv[2], &base));
  }
#if ROCKSDB_MAJOR >= 9
  // RocksDB asks first, and the default file system says no unless the program
  // has switched its rings on.
  int64_t operations = 0;
  base->SupportedOps(operations);
  if (argv[2][0] == '\0' &&
      (operations & (int64_t{1} << FSSupportedOps::kAsyncIO)) == 0) {
    std::printf("passed: the default file system is read synchronously\n");
    return 0;
  }
#endif
  auto fs = std::make_shared<FaultyFileSystem>(base);
  std::unique_ptr<Env> env = NewCompositeEnv(fs);
  Options options;
  options.env = env.get();
  options.create_if_missing = true;
  options.compression = kNoCompression;
  options.disable_auto_compactions = true;
  options.use_direct_reads = argv[3][0] == '1';
  options.statistics = CreateDBStatistics();
  BlockBasedTableOptions table;
  table.no_block_cache = true;
  options.table_factory.reset(NewBlockBasedTableFactory(table));
  Check(DestroyDB(directory, options));
#if ROCKSDB_MAJOR >= 10
  std::unique_ptr<DB> db;
  Check(DB::Open(options, directory, &db));
#else
  DB* opened = nullptr;
  Check(DB::Open(options, directory, &opened));
  const std::unique_ptr<DB> db(opened);
#endif
  // Files below level 0, without overlap.
  for (int file = 0; file < kFiles; ++file) {
    for (int i = 0; i < kKeysPerFile; ++i) {
      const int number = file * kKeysPerFile + i;
      Check(db->Put(WriteOptions(), Key(number), Value(number)));
    }
    Check(db->Flush(FlushOptions()));
    std::vector<LiveFileMetaData> files;
    db->GetLiveFilesMetaData(&files);
    for (const LiveFileMetaData& meta : files) {
      if (meta.level == 0) {
        Check(db->CompactFiles(CompactionOptions(), {meta.name}, 1));
      }
    }
  }
  std::vector<LiveFileMetaData> files;
  db->GetLiveFilesMetaData(&files);
  int faulty = -1;
  for (const LiveFileMetaData& meta : files) {
    Check(meta.level == 1, "file is not in level 1:", meta.name);
    if (meta.smallestkey == Key(3 * kKeysPerFile)) {
      faulty = 3;
      faulty_file = meta.db_path + meta.name;
    }
  }
  Check(faulty == 3 && files.size() == kFiles,
        "files are not as they should be");

  Check(Lookup(db.get(), -1) == 0, "errors without faults");
  Check(reads > 0, "no asynchronous read");
  Check(options.statistics->getTickerCount(MULTIGET_COROUTINE_COUNT) >= kFiles,
        "no coroutines");
  // The default file system need not be able to read asynchronously: then its
  // reads succeed another way when there is no fault.
  fault = Fault::kRefused;
  Check(Lookup(db.get(), faulty) == 4, "refused: not all keys of the file");
  fault = Fault::kFailed;
  Check(Lookup(db.get(), faulty) == 4, "failed: not all keys of the file");
  fault = Fault::kUnsupported;
  Check(Lookup(db.get(), -1) == 0, "unsupported: errors");
  fault = Fault::kLaterUnsupported;
  Check(Lookup(db.get(), -1) == 0, "sometimes unsupported: errors");
  fault = Fault::kPoll;
  const int unpolled = Lookup(db.get(), -1);
  fault = Fault::kNone;
  Check(Lookup(db.get(), -1) == 0, "errors after faults");
  std::printf(
      "passed: %d asynchronous reads; with Poll failing %d of 32 keys "
      "had its error\n",
      reads.load(), unpolled);
  return 0;
}
