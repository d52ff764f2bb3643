// A database that writes, syncs, flushes, compacts, ingests and reopens as
// much as it can in a second, and remembers what was acknowledged.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "tests/faults/power/history.h"

namespace rocksdb_uring {

// How RocksDB uses its files.
struct WorkloadCase {
  // Of tables: RocksDB never writes a WAL or MANIFEST directly.
  bool direct = false;
  // Log files are overwritten instead of deleted.
  bool recycle = false;
  // Long values go to files of their own, and fsync is called for fdatasync.
  bool blobs = false;
};
// Letters only.
std::string WorkloadName(const WorkloadCase& files);
inline void PrintTo(const WorkloadCase& files, std::ostream* out) {
  *out << WorkloadName(files);
}
std::vector<WorkloadCase> WorkloadCases();

struct WorkloadOptions {
  WorkloadCase files;
  uint64_t seed = 1;
  // Of each thread that writes.
  size_t batches = 250;
  size_t threads = 2;
  // Off where a mistake of the file system shows without any power failure:
  // the run must come to its end.
  bool reopens = true;
  bool ingests = true;
};

// Of the workload, and for opening what a crash leaves of it.
rocksdb::Options MakeDbOptions(const WorkloadCase& files, rocksdb::Env* env);

class Workload {
 public:
  Workload(const WorkloadOptions& options, rocksdb::Env* env,
           const std::string& directory);

  // Everything, in `directory`, whose files are named `db/...` and
  // `ingest/...` then. Failures are failures of the test.
  void Run();

  const History& history() const { return history_; }
  static std::string DbPath(const std::string& directory) {
    return directory + "/db";
  }

 private:
  void Open();
  void Close();
  // Writes by all threads, while this one reorganises.
  void Round(size_t batches);
  // Flushes, ingests and compacts.
  void Reorganise();
  void Write(Stream* stream, size_t batches, uint64_t seed);
  // By sync=true, or by a SyncWAL that follows, or not.
  enum class SyncBy { kNothing, kWrite, kSyncWal };
  void WriteBatch(Stream* stream, const std::vector<int>& keys, SyncBy sync);
  void Ingest();

  const WorkloadOptions options_;
  rocksdb::Env* const env_;
  const std::string directory_;
  History history_;
  std::vector<Stream*> writers_;
  Stream* ingested_;
  size_t rounds_ = 0;
  size_t ingestions_ = 0;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace rocksdb_uring
