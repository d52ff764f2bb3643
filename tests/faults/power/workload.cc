// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/power/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>

#include "plugin/open_database.h"
#include "rocksdb/cache.h"
#include "rocksdb/sst_file_writer.h"
#include "rocksdb/table.h"
#include "rocksdb/write_batch.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

using rocksdb::DB;
using rocksdb::Env;
using rocksdb::Options;
using rocksdb::Status;

namespace {

// Few, so that keys are overwritten all the time.
constexpr int kKeys = 300;

// The distribution's librocksdb is built without ThreadSanitizer, which sees
// none of the atomics that writers meet on: there only one thread writes,
// beside those of RocksDB.
#if defined(__SANITIZE_THREAD__)
constexpr bool kOneThread = true;
#elif defined(__has_feature)
constexpr bool kOneThread = __has_feature(thread_sanitizer);
#else
constexpr bool kOneThread = false;
#endif

// stdio writes the usual one where the recorder does not see it.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

}  // namespace

std::string WorkloadName(const WorkloadCase& files) {
  return std::string(files.direct ? "Direct" : "Buffered") +
         (files.recycle ? "RecycledLogs" : "") + (files.blobs ? "Blobs" : "");
}

std::vector<WorkloadCase> WorkloadCases() {
  std::vector<WorkloadCase> cases;
  for (const bool direct : {false, true}) {
    cases.push_back({direct, /*recycle=*/false, /*blobs=*/false});
    cases.push_back({direct, /*recycle=*/true, /*blobs=*/false});
    cases.push_back({direct, /*recycle=*/false, /*blobs=*/true});
  }
  return cases;
}

Options MakeDbOptions(const WorkloadCase& files, Env* env) {
  Options options;
  options.env = env;
  options.info_log = std::make_shared<NoLog>();
  options.create_if_missing = true;
  options.use_direct_reads = files.direct;
  options.use_direct_io_for_flush_and_compaction = files.direct;
  options.recycle_log_file_num = files.recycle ? 2 : 0;
  // As small as RocksDB takes them: many files, and a new MANIFEST and CURRENT
  // every few of them.
  options.write_buffer_size = 64 << 10;
  options.max_write_buffer_number = 4;
  options.target_file_size_base = 48 << 10;
  options.max_bytes_for_level_base = 128 << 10;
  options.level0_file_num_compaction_trigger = 3;
  options.max_manifest_file_size = 2 << 10;
  options.writable_file_max_buffer_size = 16 << 10;
  // Without it the plugin writes buffered tables and blobs out early.
  options.bytes_per_sync = files.recycle ? 16 << 10 : 0;
  options.wal_bytes_per_sync = 16 << 10;
  options.use_fsync = files.blobs;
  options.enable_blob_files = files.blobs;
  options.min_blob_size = 200;
  options.blob_file_size = 32 << 10;
  options.enable_blob_garbage_collection = true;
  options.compression = rocksdb::kNoCompression;
  options.max_background_jobs = 3;
  // Opening needs no 16 threads for a dozen of files.
  options.max_file_opening_threads = 1;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(64 << 10);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

Workload::Workload(const WorkloadOptions& options, Env* env,
                   const std::string& directory)
    : options_(options), env_(env), directory_(directory) {
  for (size_t i = 0; i < options_.threads; ++i) {
    writers_.push_back(history_.AddStream());
  }
  ingested_ = history_.AddStream();
}

void Workload::Open() {
  const Status status = DB::Open(MakeDbOptions(options_.files, env_),
                                 DbPath(directory_), DatabaseOut(&db_));
  ASSERT_TRUE(status.ok()) << status.ToString();
}

void Workload::Close() {
  ASSERT_TRUE(db_->Close().ok());
  db_.reset();
}

void Workload::Write(Stream* stream, size_t batches, uint64_t seed) {
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < batches; ++i) {
    std::vector<int> keys;
    for (size_t count = 1 + random() % 4; count > 0; --count) {
      keys.push_back(static_cast<int>(random() % kKeys));
    }
    const uint64_t choice = random() % 16;
    WriteBatch(stream, keys,
               choice < 4    ? SyncBy::kWrite
               : choice == 4 ? SyncBy::kSyncWal
                             : SyncBy::kNothing);
  }
}

void Workload::WriteBatch(Stream* stream, const std::vector<int>& keys,
                          SyncBy sync) {
  const size_t number = stream->Start(keys, sync != SyncBy::kNothing);
  rocksdb::WriteBatch batch;
  for (const int key : keys) {
    ASSERT_TRUE(batch.Put(stream->Key(key), stream->Value(key, number)).ok());
  }
  rocksdb::WriteOptions options;
  options.sync = sync == SyncBy::kWrite;
  Status status = db_->Write(options, &batch);
  ASSERT_TRUE(status.ok()) << status.ToString();
  if (sync == SyncBy::kSyncWal) {
    // While the other threads append.
    status = db_->SyncWAL();
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  stream->Acknowledge(number);
}

void Workload::Ingest() {
  const std::string path =
      directory_ + "/ingest/" + std::to_string(++ingestions_) + ".sst";
  std::vector<int> keys;
  for (int key = 0; key < 20; ++key) {
    keys.push_back(key * 3);
  }
  const size_t number = ingested_->Start(keys, /*sync=*/true);
  Options options = MakeDbOptions(options_.files, env_);
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(options), options);
  ASSERT_TRUE(writer.Open(path).ok());
  for (const int key : keys) {
    ASSERT_TRUE(
        writer.Put(ingested_->Key(key), ingested_->Value(key, number)).ok());
  }
  ASSERT_TRUE(writer.Finish().ok());
  rocksdb::IngestExternalFileOptions ingest;
  ingest.move_files = true;
  const Status status = db_->IngestExternalFile({path}, ingest);
  ASSERT_TRUE(status.ok()) << status.ToString();
  ingested_->Acknowledge(number);
}

void Workload::Reorganise() {
  ASSERT_TRUE(db_->Flush(rocksdb::FlushOptions()).ok());
  if (options_.ingests) {
    Ingest();
  }
  rocksdb::CompactRangeOptions compact;
  compact.exclusive_manual_compaction = false;
  ASSERT_TRUE(db_->CompactRange(compact, nullptr, nullptr).ok());
}

void Workload::Round(size_t batches) {
  ++rounds_;
  if (kOneThread) {
    constexpr size_t kParts = 10;
    for (size_t i = 0; i < kParts; ++i) {
      Write(writers_[0], batches / kParts, options_.seed + 1000 * rounds_ + i);
      Reorganise();
    }
    return;
  }
  std::atomic<size_t> running{writers_.size()};
  Threads threads;
  for (size_t i = 0; i < writers_.size(); ++i) {
    threads.Start([&, i] {
      Write(writers_[i], batches, options_.seed + 1000 * rounds_ + i);
      --running;
    });
  }
  while (running > 0) {
    Reorganise();
  }
}

void Workload::Run() {
  ASSERT_TRUE(env_->CreateDir(DbPath(directory_)).ok());
  ASSERT_TRUE(env_->CreateDir(directory_ + "/ingest").ok());
  std::unique_ptr<rocksdb::Directory> root;
  ASSERT_TRUE(env_->NewDirectory(directory_, &root).ok());
  ASSERT_TRUE(root->Fsync().ok());
  Open();
  Round(options_.batches / 2);
  if (options_.reopens) {
    // The second half starts with a recovery.
    Close();
    Open();
  }
  Round(options_.batches - options_.batches / 2);
  Close();
}

}  // namespace rocksdb_uring
