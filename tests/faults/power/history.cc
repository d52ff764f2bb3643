// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/power/history.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "tests/faults/power/recorder.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

namespace {

Verdict Failed(Failure failure, const std::string& message) {
  return Verdict{failure, message};
}

}  // namespace

const char* FailureName(Failure failure) {
  switch (failure) {
    case Failure::kNone:
      return "none";
    case Failure::kOpen:
      return "cannot be opened";
    case Failure::kChecksum:
      return "bad checksum";
    case Failure::kRead:
      return "cannot be read";
    case Failure::kForeign:
      return "foreign value";
    case Failure::kLost:
      return "lost a synced write";
    case Failure::kHole:
      return "lost a write before one that it has";
    case Failure::kTornTail:
      return "torn behind the synced part (RocksDB's own)";
    case Failure::kStructure:
      return "state cannot be built";
  }
  return "unknown";
}

size_t Stream::Start(const std::vector<int>& keys, bool sync) {
  Batch batch;
  batch.keys = keys;
  batch.sync = sync;
  batch.started = Recorder::Instance()->Mark();
  batches_.push_back(batch);
  return batches_.size();
}

void Stream::Acknowledge(size_t number) {
  batches_[number - 1].acknowledged = Recorder::Instance()->Mark();
}

std::string Stream::prefix() const {
  return "stream" + std::to_string(number_) + "/";
}

std::string Stream::Key(int key) const {
  char text[16];
  snprintf(text, sizeof(text), "%06d", key);
  return prefix() + text;
}

std::string Stream::Value(int key, size_t batch) const {
  const uint64_t seed = static_cast<uint64_t>(number_) << 56 |
                        static_cast<uint64_t>(key) << 32 | batch;
  return std::to_string(batch) + ":" + Key(key) + ":" +
         RandomBytes(100 + seed * 7919 % 400, seed);
}

std::map<int, size_t> Stream::LastWriters(size_t count) const {
  std::map<int, size_t> writers;
  for (size_t i = 0; i < count; ++i) {
    for (const int key : batches_[i].keys) {
      writers[key] = i + 1;
    }
  }
  return writers;
}

Verdict Stream::CheckValue(const std::string& key, const std::string& value,
                           std::map<int, size_t>* batches) const {
  const int number = atoi(key.substr(prefix().size()).c_str());
  const size_t batch = strtoull(value.c_str(), nullptr, 10);
  const bool written = batch > 0 && batch <= batches_.size() &&
                       key == Key(number) &&
                       std::count(batches_[batch - 1].keys.begin(),
                                  batches_[batch - 1].keys.end(), number) != 0;
  if (!written || value != Value(number, batch)) {
    return Failed(Failure::kForeign, key + " holds what nobody wrote");
  }
  (*batches)[number] = batch;
  return {};
}

Verdict Stream::Check(const std::map<std::string, std::string>& found,
                      LogPosition crash) const {
  std::map<int, size_t> present;
  size_t newest = 0;
  for (const auto& item : found) {
    const Verdict verdict = CheckValue(item.first, item.second, &present);
    if (!verdict.ok()) {
      return verdict;
    }
  }
  for (const auto& item : present) {
    newest = std::max(newest, item.second);
  }
  if (newest > 0 && batches_[newest - 1].started > crash) {
    return Failed(Failure::kForeign, prefix() + ": batch " +
                                         std::to_string(newest) +
                                         " was written after the crash");
  }
  size_t certain = 0;
  for (size_t i = 0; i < batches_.size(); ++i) {
    if (batches_[i].sync && batches_[i].acknowledged <= crash) {
      certain = i + 1;
    }
  }
  const auto describe = [&](int key, size_t wanted) {
    return Key(key) + " comes from batch " + std::to_string(present[key]) +
           ", not " + std::to_string(wanted) + " (certain " +
           std::to_string(certain) + ", newest " + std::to_string(newest) + ")";
  };
  for (const auto& writer : LastWriters(certain)) {
    if (present[writer.first] < writer.second) {
      return Failed(Failure::kLost, describe(writer.first, writer.second));
    }
  }
  for (const auto& writer : LastWriters(newest)) {
    if (present[writer.first] != writer.second) {
      return Failed(Failure::kHole, describe(writer.first, writer.second));
    }
  }
  return {};
}

Verdict History::Check(rocksdb::DB* db, LogPosition crash) const {
  std::unique_ptr<rocksdb::Iterator> iterator(
      db->NewIterator(rocksdb::ReadOptions()));
  size_t keys = 0;
  Verdict worst;
  for (const Stream& stream : streams_) {
    std::map<std::string, std::string> found;
    const std::string prefix = stream.prefix();
    for (iterator->Seek(prefix);
         iterator->Valid() && iterator->key().starts_with(prefix);
         iterator->Next()) {
      found[iterator->key().ToString()] = iterator->value().ToString();
      ++keys;
    }
    if (!iterator->status().ok()) {
      return Failed(Failure::kRead, iterator->status().ToString());
    }
    const Verdict verdict = stream.Check(found, crash);
    // Others say more than a hole.
    if (!verdict.ok() && verdict.failure != Failure::kHole) {
      return verdict;
    }
    worst = verdict.ok() ? worst : verdict;
  }
  size_t all = 0;
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    ++all;
  }
  if (all != keys) {
    return Failed(Failure::kForeign, "keys of no stream");
  }
  const rocksdb::Status status = db->VerifyChecksum();
  return status.ok() ? worst : Failed(Failure::kChecksum, status.ToString());
}

}  // namespace rocksdb_uring
