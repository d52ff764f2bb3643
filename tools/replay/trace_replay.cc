// SPDX-License-Identifier: Apache-2.0

#include "tools/replay/trace_replay.h"

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "rocksdb/trace_reader_writer.h"
#include "rocksdb/write_batch.h"

namespace rocksdb_uring {

namespace {

using rocksdb::Status;
using Clock = std::chrono::steady_clock;

uint64_t SteadyNs() {
  return static_cast<uint64_t>(
      std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
}

const char* KindOf(rocksdb::TraceType type) {
  switch (type) {
    case rocksdb::kTraceWrite:
      return "write";
    case rocksdb::kTraceGet:
      return "get";
    case rocksdb::kTraceMultiGet:
      return "multiget";
    default:
      return "seek";
  }
}

void Add(const char* kind, uint64_t ns, ReplayResult* result) {
  result->all.Add(ns);
  result->kinds[kind].Add(ns);
}

void Merge(const ReplayResult& from, ReplayResult* to) {
  to->all.Merge(from.all);
  for (const auto& [kind, histogram] : from.kinds) {
    to->kinds[kind].Merge(histogram);
  }
}

}  // namespace

TraceReplay::TraceReplay(const ReplaySettings* settings,
                         const ReplayDatabase* database)
    : settings_(*settings), database_(*database) {
  for (rocksdb::ColumnFamilyHandle* family : database_.families()) {
    families_[family->GetID()] = family;
  }
}

Status TraceReplay::Run(ReplayResult* result) {
  const Status prepared = Prepare();
  if (!prepared.ok()) return prepared;
  const uint64_t start_ns = SteadyNs();
  start_us_ = start_ns / 1000;
  std::vector<std::thread> threads;
  for (int i = 0; i < settings_.threads; ++i) {
    threads.emplace_back([this, result] { RunThread(result); });
  }
  for (std::thread& thread : threads) thread.join();
  result->seconds = static_cast<double>(SteadyNs() - start_ns) / 1e9;
  return status_;
}

// The trace is read through POSIX on both sides: it is no part of the work.
Status TraceReplay::Prepare() {
  std::unique_ptr<rocksdb::TraceReader> reader;
  Status status = rocksdb::NewFileTraceReader(
      rocksdb::Env::Default(), rocksdb::EnvOptions(), settings_.trace, &reader);
  if (!status.ok()) return status;
  status = database_.db()->NewDefaultReplayer(database_.families(),
                                              std::move(reader), &replayer_);
  return status.ok() ? replayer_->Prepare() : status;
}

void TraceReplay::RunThread(ReplayResult* result) {
  ReplayResult own;
  const Status status = RunOperations(&own);
  const std::lock_guard<std::mutex> lock(mutex_);
  Merge(own, result);
  if (!status.ok() && status_.ok()) status_ = status;
}

Status TraceReplay::RunOperations(ReplayResult* result) {
  while (!failed_.load(std::memory_order_relaxed)) {
    Record record;
    Status status = replayer_->Next(&record);
    if (status.IsNotSupported()) continue;  // as RocksDB's replay does
    if (status.IsIncomplete()) break;       // the end
    if (status.ok()) {
      WaitFor(record);
      const uint64_t start_ns = SteadyNs();
      status = Execute(record);
      Add(KindOf(record->GetTraceType()), SteadyNs() - start_ns, result);
    }
    if (!status.ok()) {
      failed_.store(true, std::memory_order_relaxed);
      return status;
    }
  }
  return Status::OK();
}

void TraceReplay::WaitFor(const Record& record) const {
  if (settings_.speed <= 0) return;
  const uint64_t recorded_us =
      record->GetTimestamp() - replayer_->GetHeaderTimestamp();
  const auto due_us =
      static_cast<uint64_t>(static_cast<double>(recorded_us) / settings_.speed);
  std::this_thread::sleep_until(
      Clock::time_point(std::chrono::microseconds(start_us_ + due_us)));
}

Status TraceReplay::Execute(const Record& record) {
  switch (record->GetTraceType()) {
    case rocksdb::kTraceMultiGet:
      return ExecuteMultiGet(
          static_cast<const rocksdb::MultiGetQueryTraceRecord&>(*record));
    case rocksdb::kTraceWrite:
      return ExecuteWrite(
          static_cast<const rocksdb::WriteQueryTraceRecord&>(*record));
    default:
      return replayer_->Execute(record, nullptr);
  }
}

// Through the interface that reads the keys of a file together. The trace does
// not tell which interface the program called.
Status TraceReplay::ExecuteMultiGet(
    const rocksdb::MultiGetQueryTraceRecord& record) {
  const std::vector<rocksdb::Slice> keys = record.GetKeys();
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  for (uint32_t id : record.GetColumnFamilyIDs()) {
    const auto found = families_.find(id);
    if (found == families_.end()) {
      return Status::Corruption("the database has no column family of number",
                                std::to_string(id));
    }
    families.push_back(found->second);
  }
  if (families.size() != keys.size()) {
    return Status::Corruption("a MultiGet has not one column family a key");
  }
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<Status> statuses(keys.size());
  database_.db()->MultiGet(rocksdb::ReadOptions(), keys.size(), families.data(),
                           keys.data(), values.data(), statuses.data());
  for (const Status& status : statuses) {
    if (!status.ok() && !status.IsNotFound()) return status;
  }
  return Status::OK();
}

// The trace does not tell which writes were synced.
Status TraceReplay::ExecuteWrite(const rocksdb::WriteQueryTraceRecord& record) {
  rocksdb::WriteOptions options;
  options.sync = settings_.sync;
  rocksdb::WriteBatch batch(record.GetWriteBatchRep().ToString());
  return database_.db()->Write(options, &batch);
}

}  // namespace rocksdb_uring
