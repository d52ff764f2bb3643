// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/crash/full_database.h"

#include "plugin/open_database.h"
#include "rocksdb/options.h"
#include "tests/support/file/brief_status.h"

namespace rocksdb_uring {

using rocksdb::BackgroundErrorReason;
using rocksdb::DB;
using rocksdb::Env;
using rocksdb::Options;
using rocksdb::Status;

void ErrorListener::OnBackgroundError(BackgroundErrorReason reason,
                                      Status* status) {
  MutexLock lock(&mutex_);
  if (first_error_.empty()) {
    first_error_ = "reason " + std::to_string(static_cast<int>(reason)) + ", " +
                   BriefOf(*status);
  }
}

void ErrorListener::OnErrorRecoveryBegin(BackgroundErrorReason /*reason*/,
                                         Status status, bool* recover) {
  status.PermitUncheckedError();
  *recover = recovers_;
}

void ErrorListener::OnErrorRecoveryCompleted(Status old_error) {
  old_error.PermitUncheckedError();
  MutexLock lock(&mutex_);
  recovered_ = true;
  changed_.NotifyAll();
}

std::string ErrorListener::first_error() const {
  MutexLock lock(&mutex_);
  return first_error_;
}

void ErrorListener::AwaitRecovery() {
  MutexLock lock(&mutex_);
  while (!recovered_) {
    changed_.Wait(&mutex_);
  }
}

FullDatabase::FullDatabase(Env* env, const FullDatabaseSetup& setup)
    : setup_(setup),
      listener_(std::make_shared<ErrorListener>(setup.recovers)) {
  Open(env);
}

FullDatabase::~FullDatabase() {
  // Before the filesystem goes.
  db_.reset();
}

void FullDatabase::Open(Env* env) {
  Options options;
  options.env = env;
  options.create_if_missing = true;
  // Elsewhere: RocksDB built with assertions does not survive a full disk below
  // its own log.
  options.db_log_dir = log_directory_.path();
  options.use_direct_reads = setup_.direct;
  options.use_direct_io_for_flush_and_compaction = setup_.direct;
  options.allow_fallocate = setup_.preallocates;
  options.write_buffer_size = kMemtableBytes;
  options.disable_auto_compactions = true;
  options.compression = rocksdb::kNoCompression;
  options.listeners = {listener_};
  const Status status = DB::Open(options, disk_.file("db"), DatabaseOut(&db_));
  ASSERT_TRUE(status.ok()) << status.ToString();
}

void FullDatabase::Note(const std::string& step, const Status& status) {
  steps_.push_back(step + ": " + BriefOf(status));
  was_full_ = was_full_ || status.IsNoSpace();
}

void FullDatabase::Put(const std::string& step, size_t count,
                       const rocksdb::WriteOptions& options) {
  Status status;
  for (size_t i = 0; i < count && status.ok(); ++i) {
    const std::string key = "key" + std::to_string(model_.size());
    const std::string value = RandomBytes(1000, model_.size());
    status = db_->Put(options, key, value);
    if (status.ok()) {
      model_[key] = value;
    }
  }
  Note(step, status);
}

void FullDatabase::Flush(const std::string& step) {
  Note(step, db_->Flush(rocksdb::FlushOptions()));
}

void FullDatabase::Compact(const std::string& step) {
  Note(step,
       db_->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr));
}

void FullDatabase::NoteBackgroundError() {
  steps_.push_back("background error: " + listener_->first_error());
}

void FullDatabase::Resume() { Note("resume", db_->Resume()); }

void FullDatabase::ExpectAll() {
  const std::unique_ptr<rocksdb::Iterator> iterator(
      db_->NewIterator(rocksdb::ReadOptions()));
  auto expected = model_.cbegin();
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    ASSERT_NE(expected, model_.cend());
    ASSERT_EQ(iterator->key().ToString(), expected->first);
    ASSERT_TRUE(iterator->value().ToString() == expected->second);
    ++expected;
  }
  EXPECT_TRUE(iterator->status().ok()) << iterator->status().ToString();
  EXPECT_EQ(expected, model_.cend());
}

void FullDatabase::ExpectWhole() {
  ExpectAll();
  Status status = db_->VerifyChecksum();
  EXPECT_TRUE(status.ok()) << status.ToString();
  Note("close", db_->Close());
  db_.reset();
  Open(Env::Default());
  if (db_ != nullptr) {
    ExpectAll();
    status = db_->VerifyChecksum();
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
}

}  // namespace rocksdb_uring
