// GetAsync and MultiGetAsync of RocksDB 11.8 and later: a thousand at once,
// chains of them, missing keys, a file whose reads fail, and writes meanwhile.
// A program of its own, because it is linked with the patched RocksDB; run.sh
// builds it.
//   async_get DIRECTORY FILE_SYSTEM_URI DIRECT(0|1)
//
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "rocksdb/perf_context.h"
#include "rocksdb/statistics.h"
#include "rocksdb/table.h"

namespace {

using namespace ROCKSDB_NAMESPACE;  // NOLINT: as RocksDB's own tests do

enum class Fault {
  kNone,
  kFailed,       // reads of one file
  kSynchronous,  // reads are made before SubmitReadAsync returns
};

constexpr int kFiles = 12;
constexpr int kKeysPerFile = 400;
constexpr int kKeys = kFiles * kKeysPerFile;
constexpr int kInFlight = 1000;

std::atomic<Fault> fault{Fault::kNone};
std::atomic<int> reads{0};  // asynchronous ones
std::string faulty_file;    // set before `fault` is

void Check(bool good, const char* what, const std::string& more = "") {
  if (!good) {
    std::fprintf(stderr, "FAILED: %s %s\n", what, more.c_str());
    std::_Exit(1);
  }
}
void Check(const Status& s) { Check(s.ok(), "status", s.ToString()); }

class FaultyFile : public FSRandomAccessFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<FSRandomAccessFile>&& file, std::string name)
      : FSRandomAccessFileOwnerWrapper(std::move(file)),
        name_(std::move(name)) {}

  bool SubmitReadAsync(FSReadRequest& request, const IOOptions& options,
                       std::function<void(FSReadRequest&)> callback,
                       IODebugContext* dbg) override {
    if (fault == Fault::kFailed && name_ == faulty_file) {
      request.status = IOStatus::IOError("failed");
      request.result = Slice();
      callback(request);
      return true;
    }
    if (fault == Fault::kSynchronous) {
      return FSRandomAccessFile::SubmitReadAsync(request, options,
                                                 std::move(callback), dbg);
    }
    const bool taken =
        target()->SubmitReadAsync(request, options, std::move(callback), dbg);
    reads += taken ? 1 : 0;
    return taken;
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
};

// Uncompressed, so that a block is a read. Every second number is a key.
std::string Key(int number) {
  char text[16];
  std::snprintf(text, sizeof(text), "%08d", 2 * number);
  return text;
}
std::string MissingKey(int number) { return Key(number) + "x"; }
std::string Value(int number) {
  return std::string(200, static_cast<char>('a' + number % 26)) + Key(number);
}

class Chain;

// Counts what is in flight, and has the chains whose next lookup is to be
// begun.
class Pending {
 public:
  void Add(int count = 1) {
    const std::lock_guard<std::mutex> lock(mutex_);
    count_ += count;
  }
  void Done() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--count_ == 0) {
      changed_.notify_all();
    }
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return count_ == 0; });
  }

  void HandOver(Chain* chain) {
    const std::lock_guard<std::mutex> lock(mutex_);
    handed_over_.push_back(chain);
    changed_.notify_all();
  }
  // Waits for the next chain that is handed over; null when nothing is in
  // flight.
  Chain* Next() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock,
                  [this] { return count_ == 0 || !handed_over_.empty(); });
    if (handed_over_.empty()) {
      return nullptr;
    }
    Chain* const chain = handed_over_.front();
    handed_over_.pop_front();
    return chain;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  std::deque<Chain*> handed_over_;
};

// One lookup at a time, `left` of them one after the other; each begins in the
// callback of the one before. RocksDB asserts that one with statistics does
// not: the thread that waits begins those.
class Chain final : public DB::AsyncCallback {
 public:
  Chain(DB* db, Pending* pending, int number, int left, bool stats,
        std::chrono::microseconds timeout)
      : db_(db),
        pending_(pending),
        number_(number),
        left_(left),
        stats_(stats) {
    options_.io_timeout = timeout;
  }

  void Start() {
    missing_ = number_ % 10 == 3;
    key_ = missing_ ? MissingKey(number_) : Key(number_);
    value_.Reset();
    db_->GetAsync(options_, db_->DefaultColumnFamily(), key_, &value_, status_,
                  *this);
  }

  bool EnableStats() const override { return stats_; }
  void OnComplete(const PerfContext* perf,
                  const IOStatsContext* iostats) override {
    Check((perf != nullptr) == stats_ && (iostats != nullptr) == stats_,
          "statistics");
    if (status_.ok() && !missing_) {
      Check(value_ == Value(number_), "wrong value of", key_);
      // Of this lookup alone, whatever else the thread does.
      Check(!stats_ || perf->get_read_bytes == value_.size(), "bytes of",
            key_ + ": " + (stats_ ? std::to_string(perf->get_read_bytes) : ""));
    } else if (!(status_.IsNotFound() && missing_)) {
      Check(status_.IsIOError(), "status of", key_ + " " + status_.ToString());
      ++errors;
    }
    number_ = (number_ + 1237) % kKeys;
    if (--left_ == 0) {
      pending_->Done();
    } else if (stats_) {
      pending_->HandOver(this);
    } else {
      Start();
    }
  }

  static inline std::atomic<int> errors{0};

 private:
  DB* const db_;
  Pending* const pending_;
  int number_;
  int left_;
  const bool stats_;
  ReadOptions options_;
  bool missing_ = false;
  std::string key_;
  PinnableSlice value_;
  Status status_;
};

// Starts kInFlight chains and waits for them; returns how many lookups had an
// error.
int RunChains(DB* db, int length, bool stats = false,
              std::chrono::microseconds timeout = {}) {
  Chain::errors = 0;
  Pending pending;
  pending.Add(kInFlight);
  std::deque<Chain> chains;
  for (int i = 0; i < kInFlight; ++i) {
    chains.emplace_back(db, &pending, i * 4 % kKeys, length, stats, timeout);
    chains.back().Start();
  }
  while (Chain* const next = pending.Next()) {
    next->Start();
  }
  return Chain::errors;
}

// A batch of 16 keys of many files.
class Batch final : public DB::AsyncCallback {
 public:
  Batch(DB* db, Pending* pending, int first) : pending_(pending) {
    for (int i = 0; i < kSize; ++i) {
      const int number = (first + i * 331) % kKeys;
      numbers_.push_back(number);
      keys_.push_back(i == kMissing ? MissingKey(number) : Key(number));
    }
    slices_.assign(keys_.begin(), keys_.end());
    values_ = std::vector<PinnableSlice>(kSize);
    statuses_.resize(kSize);
    families_.assign(kSize, db->DefaultColumnFamily());
    db->MultiGetAsync(ReadOptions(), kSize, families_.data(), slices_.data(),
                      values_.data(), statuses_.data(), *this);
  }

  void OnComplete(const PerfContext*, const IOStatsContext*) override {
    pending_->Done();
  }

  // Returns how many had an error.
  int Verify(int may_fail) const {
    int errors = 0;
    for (size_t i = 0; i < statuses_.size(); ++i) {
      const bool missing = i == kMissing;
      if (statuses_[i].ok() && !missing) {
        Check(values_[i] == Value(numbers_[i]), "wrong value of", keys_[i]);
      } else if (!(statuses_[i].IsNotFound() && missing)) {
        Check(
            statuses_[i].IsIOError() && numbers_[i] / kKeysPerFile == may_fail,
            "status of", keys_[i] + " " + statuses_[i].ToString());
        ++errors;
      }
    }
    return errors;
  }

 private:
  static constexpr int kSize = 16;
  static constexpr int kMissing = 5;

  Pending* const pending_;
  std::vector<int> numbers_;
  std::vector<std::string> keys_;
  std::vector<Slice> slices_;
  std::vector<PinnableSlice> values_;
  std::vector<Status> statuses_;
  std::vector<ColumnFamilyHandle*> families_;
};

int RunBatches(DB* db, int count, int may_fail) {
  Pending pending;
  pending.Add(count);
  std::deque<Batch> batches;
  for (int i = 0; i < count; ++i) {
    batches.emplace_back(db, &pending, i * 97);
  }
  pending.Wait();
  int errors = 0;
  for (const Batch& batch : batches) {
    errors += batch.Verify(may_fail);
  }
  return errors;
}

}  // namespace

int main(int argc, char** argv) {
  Check(argc == 4, "usage: async_get DIRECTORY URI DIRECT");
  const std::string directory = argv[1];
  // Empty: RocksDB would take a URI with options for options of what is there,
  // and ignore them.
  std::shared_ptr<FileSystem> base;
  if (argv[2][0] == '\0') {
    base = FileSystem::Default();
  } else {
    Check(FileSystem::CreateFromString(ConfigOptions(), argv[2], &base));
  }
  auto fs = std::make_shared<FaultyFileSystem>(base);
  std::unique_ptr<Env> env = NewCompositeEnv(fs);
  Options options;
  options.env = env.get();
  options.create_if_missing = true;
  options.compression = kNoCompression;
  options.disable_auto_compactions = true;
  options.use_direct_reads = argv[3][0] == '1';
  options.read_io_executor_threads = 2;
  options.statistics = CreateDBStatistics();
  BlockBasedTableOptions table;
  table.no_block_cache = true;
  options.table_factory.reset(NewBlockBasedTableFactory(table));
  Check(DestroyDB(directory, options));
  std::unique_ptr<DB> db;
  Check(DB::Open(options, directory, &db));
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
  const int faulty = 3;
  std::vector<LiveFileMetaData> files;
  db->GetLiveFilesMetaData(&files);
  for (const LiveFileMetaData& meta : files) {
    if (meta.smallestkey == Key(faulty * kKeysPerFile)) {
      faulty_file = meta.db_path + meta.name;
    }
  }
  Check(files.size() == kFiles && !faulty_file.empty(),
        "files are not as they should be");

  Check(RunChains(db.get(), 20) == 0, "errors of GetAsync");
  Check(RunChains(db.get(), 5, /*stats=*/true) == 0, "errors with statistics");
  Check(RunBatches(db.get(), 200, -1) == 0, "errors of MultiGetAsync");
  const bool executor = fs->GetReadExecutor() != nullptr;
  Check(executor == (reads > 0), "reads without an executor, or none with it");
  const int without_timeout = reads;
  Check(RunChains(db.get(), 5, /*stats=*/false, std::chrono::minutes(1)) == 0,
        "errors with a timeout");
  Check(executor == (reads > without_timeout), "reads with a timeout");
  fault = Fault::kSynchronous;
  Check(RunChains(db.get(), 2) == 0, "errors of synchronous reads");
  Check(RunBatches(db.get(), 20, -1) == 0, "errors of a synchronous batch");
  fault = Fault::kFailed;
  // Without an executor reads do not pass by the fault.
  const int failed_gets = RunChains(db.get(), 5);
  const int failed_keys = RunBatches(db.get(), 50, faulty);
  Check(executor == (failed_gets > 0) && executor == (failed_keys > 0),
        "faults that nobody saw, or saw without an executor");
  fault = Fault::kNone;
  // Files are replaced while they are read.
  std::thread compacts([&] {
    for (int i = 0; i < 3; ++i) {
      Check(db->Put(WriteOptions(), Key(i), Value(i)));
      Check(db->Flush(FlushOptions()));
      Check(db->CompactRange(CompactRangeOptions(), nullptr, nullptr));
    }
  });
  for (int i = 0; i < 5; ++i) {
    Check(RunChains(db.get(), 10) == 0, "errors while files are replaced");
    Check(RunBatches(db.get(), 50, -1) == 0, "errors while files are replaced");
  }
  compacts.join();
  Check(db->Close());
  std::printf("passed: %s, %d reads of coroutines, %d and %d failed lookups\n",
              executor ? "an executor" : "no executor", reads.load(),
              failed_gets, failed_keys);
  return 0;
}
