// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/errors/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <utility>

#include "plugin/open_database.h"
#include "rocksdb/options.h"
#include "tests/support/file/brief_status.h"

namespace rocksdb_uring {

using rocksdb::ColumnFamilyHandle;
using rocksdb::DB;
using rocksdb::Env;
using rocksdb::Options;
using rocksdb::Status;

namespace {

// RocksDB never range-syncs the last MiB of a file, so files must be larger.
constexpr size_t kRangeSyncValueBytes = 200 << 10;
constexpr size_t kValueBytes = 2000;
constexpr size_t kBytesPerSync = 64 << 10;

// An upper bound of the flush jobs that can be queued here.
constexpr int kJobsMax = 8;

bool NeedsLargeFiles(const Cell& cell) {
  return cell.group.operation == Operation::kRangeSync;
}

// A different value for each key, cut from one pool because random bytes are
// slow to generate.
std::string ValueOf(size_t put, bool large) {
  constexpr size_t kPoolBytes = kRangeSyncValueBytes + (64 << 10);
  static const std::string pool = RandomBytes(kPoolBytes, 1);
  return pool.substr(put * 61 % (64 << 10),
                     large ? kRangeSyncValueBytes : kValueBytes);
}

std::string KeyOf(size_t put) {
  const std::string digits = std::to_string(put);
  return "key" + std::string(4 - std::min<size_t>(4, digits.size()), '0') +
         digits;
}

// Returns after all flush jobs queued before it. The pool has one thread.
void AwaitFlushThread() {
  auto* const reached = new std::promise<void>;
  const std::future<void> is_reached = reached->get_future();
  Env::Default()->Schedule(
      [](void* argument) {
        const std::unique_ptr<std::promise<void>> owned(
            static_cast<std::promise<void>*>(argument));
        owned->set_value();
      },
      reached, Env::Priority::HIGH);
  is_reached.wait();
}

// Whether a failure of the operation leaves a WAL that rejects more writes.
bool FailsAppends(const Group& group) {
  return group.target == Target::kWal &&
         (group.operation == Operation::kAppend ||
          group.operation == Operation::kRangeSync);
}

// Whether the failing call happens during a put.
bool StrikesWrites(const Group& group) {
  return group.target == Target::kWal &&
         group.operation != Operation::kTruncate &&
         group.operation != Operation::kClose &&
         group.operation != Operation::kAllocate;
}

}  // namespace

std::string DifferenceOf(const Outcome& ours, const Outcome& posix) {
  std::string text;
  for (size_t i = 0; i < std::max(ours.steps.size(), posix.steps.size()); ++i) {
    const std::string one = i < ours.steps.size() ? ours.steps[i] : "-";
    const std::string other = i < posix.steps.size() ? posix.steps[i] : "-";
    if (one != other) {
      text += "  step " + std::to_string(i) + ", ours:    " + one + "\n";
      text += "  step " + std::to_string(i) + ", default: " + other + "\n";
    }
  }
  if (ours.keys != posix.keys) {
    text += "  keys, ours: " + std::to_string(ours.keys.size()) +
            ", default: " + std::to_string(posix.keys.size()) + "\n";
  }
  if (ours.lost != posix.lost) {
    text +=
        "  acknowledged and lost, ours: " + std::to_string(ours.lost.size()) +
        ", default: " + std::to_string(posix.lost.size()) + "\n";
  }
  return text;
}

Scenario::Scenario(const Cell& cell, Env* env, bool recovers)
    : cell_(cell),
      env_(env),
      // /proc/self/fd shows paths without symbolic links.
      path_(std::filesystem::canonical(directory_.path()).string() + "/db"),
      notes_(std::make_shared<ErrorNotes>(recovers)) {
  names_.push_back(rocksdb::kDefaultColumnFamilyName);
  if (cell.many_families) {
    names_.insert(names_.end(), {"one", "two"});
  }
}

Scenario::~Scenario() {
  Injector::Instance()->Disarm();
  CloseHandles();
}

Options Scenario::MakeOptions(Env* env) {
  Options options;
  options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = cell_.paranoid;
  options.use_fsync = cell_.group.operation == Operation::kSync;
  options.use_direct_reads = cell_.group.direct;
  options.use_direct_io_for_flush_and_compaction = cell_.group.direct;
  options.enable_blob_files = cell_.group.target == Target::kBlob;
  // A separate directory, because faults must not hit the info log.
  options.db_log_dir = log_directory_.path();
  options.listeners = {notes_};
  options.compression = rocksdb::kNoCompression;
  options.disable_auto_compactions = true;
  // Only the steps flush memtables, and no number of them stalls writes.
  options.write_buffer_size = 16 << 20;
  options.max_write_buffer_number = 16;
  // Small, so that each table takes several appends.
  options.writable_file_max_buffer_size = 16 << 10;
  if (NeedsLargeFiles(cell_)) {
    options.bytes_per_sync = kBytesPerSync;
    options.wal_bytes_per_sync = kBytesPerSync;
    options.strict_bytes_per_sync = cell_.strict;
    options.writable_file_max_buffer_size = kBytesPerSync;
  }
  if (cell_.group.target == Target::kManifest &&
      cell_.group.operation >= Operation::kTruncate) {
    // Each flush closes the MANIFEST and creates the next one.
    options.max_manifest_file_size = 1;
  }
  options.max_file_opening_threads = 1;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

bool Scenario::Open(Env* env) {
  const Options options = MakeOptions(env);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names_) {
    descriptors.emplace_back(name, options);
  }
  const Status status =
      DB::Open(options, path_, descriptors, &families_, DatabaseOut(&db_));
  Note("open", BriefOf(status));
  return status.ok();
}

void Scenario::CloseHandles() {
  for (ColumnFamilyHandle* family : families_) {
    (void)db_->DestroyColumnFamilyHandle(family);
  }
  families_.clear();
  db_.reset();
}

void Scenario::Note(const std::string& step, const std::string& result) {
  outcome_.steps.push_back(step + ": " + result);
}

void Scenario::ForAllFamilies(
    const std::string& step,
    const std::function<Status(ColumnFamilyHandle*)>& call) {
  std::string results;
  for (ColumnFamilyHandle* family : families_) {
    results += (results.empty() ? "" : " | ") + BriefOf(call(family));
  }
  Note(step, results);
}

void Scenario::Put(const std::string& step, size_t count, bool synced) {
  rocksdb::WriteOptions options;
  options.sync = synced;
  // One step for each put, because the first failing put is compared too.
  for (size_t i = 0; i < count && !wal_is_broken_; ++i) {
    const size_t put = puts_++;
    const std::string value = ValueOf(put, NeedsLargeFiles(cell_));
    ForAllFamilies(step, [&](ColumnFamilyHandle* family) {
      const Status status = db_->Put(options, family, KeyOf(put), value);
      if (status.ok()) {
        acknowledged_.insert(family->GetName() + "/" + KeyOf(put));
      }
      NoteWal(status);
      return status;
    });
  }
}

void Scenario::NoteWal(const Status& status) {
  const bool stops = cell_.paranoid && !resumed_;
  const bool is_first = status.severity() == Status::kNoError;
  if (!status.ok() && is_first && !stops && FailsAppends(cell_.group)) {
    wal_is_broken_ = true;
  }
}

Status Scenario::FlushFamily(ColumnFamilyHandle* family, bool* flushed) {
  rocksdb::FlushOptions options;
  // Otherwise a stopped database blocks the call.
  options.allow_write_stall = true;
  // Without paranoid_checks RocksDB does not retry a failed flush, and a
  // waiting call never returns.
  options.wait = cell_.paranoid;
  const Status status = db_->Flush(options, family);
  // After an error Flush may return early, while its job is still queued behind
  // another one.
  uint64_t left = 1;
  for (int job = 0; job < kJobsMax && left > 0; ++job) {
    AwaitFlushThread();
    db_->GetIntProperty(family, DB::Properties::kNumImmutableMemTable, &left);
  }
  *flushed = left == 0;
  return status;
}

void Scenario::Flush(const std::string& step) {
  ForAllFamilies(step, [&](ColumnFamilyHandle* family) {
    bool flushed = false;
    const Status status = FlushFamily(family, &flushed);
    return status.ok() && !flushed ? Status::Incomplete() : status;
  });
}

void Scenario::Compact(const std::string& step) {
  rocksdb::CompactRangeOptions options;
  options.allow_write_stall = true;
  // Otherwise RocksDB may move tables instead of writing new ones.
  options.bottommost_level_compaction =
      rocksdb::BottommostLevelCompaction::kForce;
  ForAllFamilies(step, [&](ColumnFamilyHandle* family) {
    // CompactRange starts with a flush that waits: see FlushFamily.
    bool flushed = false;
    const Status status = FlushFamily(family, &flushed);
    return flushed ? db_->CompactRange(options, family, nullptr, nullptr)
                   : status;
  });
}

void Scenario::CreateFamily() {
  ColumnFamilyHandle* family = nullptr;
  const Status status =
      db_->CreateColumnFamily(MakeOptions(env_), "new", &family);
  Note("create column family", BriefOf(status));
  if (status.ok()) {
    families_.push_back(family);
  }
}

void Scenario::ReadAll(std::set<std::string>* keys) {
  ForAllFamilies("read all", [&](ColumnFamilyHandle* family) {
    rocksdb::ReadOptions options;
    const std::unique_ptr<rocksdb::Iterator> iterator(
        db_->NewIterator(options, family));
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      const std::string key = iterator->key().ToString();
      const size_t put = std::stoul(key.substr(3));
      const bool right =
          iterator->value() == ValueOf(put, NeedsLargeFiles(cell_));
      keys->insert(family->GetName() + "/" + key +
                   (right ? "" : " with a wrong value"));
    }
    return iterator->status();
  });
}

void Scenario::Get(const std::string& step) {
  std::set<std::string> keys;
  ReadAll(&keys);
  size_t missing = 0;
  for (const std::string& key : acknowledged_) {
    missing += keys.count(key) == 0 ? 1 : 0;
  }
  Note(step, std::to_string(missing) + " acknowledged keys are missing");
}

void Scenario::ResumeOnce(const std::string& step) {
  Note(step, BriefOf(db_->Resume()));
  // A failed Resume may return while flushes of other families are queued, and
  // those can meet the next fault.
  for (int job = 0; job < kJobsMax; ++job) {
    AwaitFlushThread();
  }
}

void Scenario::Close() {
  for (ColumnFamilyHandle* family : families_) {
    (void)db_->DestroyColumnFamilyHandle(family);
  }
  families_.clear();
  Note("close", BriefOf(db_->Close()));
  db_.reset();
}

void Scenario::Begin() {
  ASSERT_TRUE(Open(env_));
  Put("first put", 2, false);
  Put("first synced put", 1, true);
  Flush("first flush");
  Put("put before", 3, false);
}

void Scenario::Fail() {
  Fault fault;
  fault.operation = cell_.group.operation;
  fault.target = cell_.group.target;
  fault.error = cell_.error;
  fault.count = cell_.count;
  Injector::Instance()->Arm(fault, path_);
  if (cell_.group.target == Target::kManifest && cell_.many_families) {
    CreateFamily();
  }
  if (StrikesWrites(cell_.group)) {
    Put("put", NeedsLargeFiles(cell_) ? 10 : 2, false);
    Put("synced put", 2, true);
    return;
  }
  Put("put", NeedsLargeFiles(cell_) ? 10 : 2, false);
  Flush("flush");
  Compact("compact");
}

void Scenario::Resume() {
  Put("put after the failure", 1, false);
  Put("synced put after the failure", 1, true);
  if (cell_.flushes_first) {
    Flush("flush after the failure");
  }
  Get("get");
  ResumeOnce("resume");
  resumed_ = true;
  Put("put after resume", 1, false);
  ResumeOnce("resume again");
  Put("put after two", 1, false);
  Put("synced put after two", 1, true);
  Flush("flush after two");
  Compact("compact after two");
  ResumeOnce("last resume");
  Put("last put", 1, false);
  Flush("last flush");
  Put("unflushed put", 1, false);
  if (!wal_is_broken_ &&
      outcome_.steps.back().find("code") == std::string::npos) {
    // In a stopped database SyncWAL fails an assertion of RocksDB.
    Note("sync the WAL", BriefOf(db_->SyncWAL()));
  }
  Get("get at the end");
  Close();
}

bool Scenario::AwaitRecovery() {
  if (!notes_->AwaitRecovery()) {
    return false;
  }
  Put("put after recovery", 1, false);
  Put("synced put after recovery", 1, true);
  Flush("flush after recovery");
  Get("get after recovery");
  Close();
  return true;
}

Outcome Scenario::End() {
  Injector::Instance()->Disarm();
  std::vector<std::string> events = notes_->events();
  if (notes_->recovers() && events.size() > 2) {
    // Keep the error and the start of the recovery. The number of failed
    // attempts after it depends on timing.
    events.resize(2);
  }
  outcome_.steps.insert(outcome_.steps.end(), events.begin(), events.end());
  for (const std::string& error : notes_->io_errors()) {
    outcome_.steps.push_back(error);
  }
  // The MANIFEST may contain a column family whose creation failed.
  (void)DB::ListColumnFamilies(Options(), path_, &names_);
  if (Open(Env::Default())) {
    ReadAll(&outcome_.keys);
    Note("verify checksums", BriefOf(db_->VerifyChecksum()));
  }
  for (const std::string& key : acknowledged_) {
    if (outcome_.keys.count(key) == 0) {
      outcome_.lost.insert(key);
    }
  }
  CloseHandles();
  return std::move(outcome_);
}

Outcome RunCell(const Cell& cell, Env* env) {
  Scenario scenario(cell, env);
  scenario.Begin();
  if (::testing::Test::HasFatalFailure()) {
    return Outcome();
  }
  scenario.Fail();
  scenario.Resume();
  return scenario.End();
}

}  // namespace rocksdb_uring
