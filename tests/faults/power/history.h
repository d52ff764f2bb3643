// What was written to a database, when it was acknowledged, and whether a
// database that was found after a crash may hold what it holds.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "tests/faults/power/io_log.h"

namespace rocksdb_uring {

// The kinds of failure, so that two file systems can be compared.
enum class Failure {
  kNone,
  kOpen,      // the database cannot be opened
  kChecksum,  // VerifyChecksum fails
  kRead,      // reading all of it fails
  kForeign,   // it holds what was never written, or not yet
  kLost,      // it lacks what was acknowledged as synced
  kHole,      // it lacks a write, and has a later one of the same stream
  // Opening fails or leaves a hole, but not if a MANIFEST and log files end
  // where their syncs end. No file system can help that: RocksDB's recovery
  // refuses a MANIFEST, and skips zeros in a log file, where a record behind
  // the synced part is missing and a later one is there.
  kTornTail,
  kStructure,  // the state cannot be built at all
};
const char* FailureName(Failure failure);

struct Verdict {
  Failure failure = Failure::kNone;
  std::string message;
  bool ok() const { return failure == Failure::kNone; }
};

// One batch of a stream; its number is its place, from 1.
struct Batch {
  std::vector<int> keys;
  // Once acknowledged, it and all before it in its stream must survive.
  bool sync = false;
  LogPosition started = 0;
  LogPosition acknowledged = kNever;
};

// What one thread wrote in order, to keys of its own. One thread at a time.
class Stream {
 public:
  explicit Stream(int number) : number_(number) {}

  // The next batch; its values are those of Value.
  size_t Start(const std::vector<int>& keys, bool sync);
  void Acknowledge(size_t number);

  std::string Key(int key) const;
  // Names its writer, so that nothing else is taken for it.
  std::string Value(int key, size_t batch) const;

  // `found` is what the database holds of this stream, by key.
  Verdict Check(const std::map<std::string, std::string>& found,
                LogPosition crash) const;
  std::string prefix() const;

 private:
  // For each key the last batch, of the first `count`, that wrote it.
  std::map<int, size_t> LastWriters(size_t count) const;
  Verdict CheckValue(const std::string& key, const std::string& value,
                     std::map<int, size_t>* batches) const;

  const int number_;
  std::vector<Batch> batches_;
};

class History {
 public:
  Stream* AddStream() {
    streams_.emplace_back(static_cast<int>(streams_.size()));
    return &streams_.back();
  }
  // What is wrong with a database that was opened on a state after `crash`.
  Verdict Check(rocksdb::DB* db, LogPosition crash) const;

 private:
  std::deque<Stream> streams_;
};

}  // namespace rocksdb_uring
