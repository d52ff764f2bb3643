// Which directories a power failure may leave behind.
//
// The model is harsher than the common file systems and keeps what they all
// promise:
//
// - A name operation (create, rename, link, unlink, ...) is certain once a
//   sync of its directory that was submitted after it has completed. Of the
//   others those of one directory survive as a prefix, as a journal has it.
//   (RocksDB relies on that: it renames CURRENT to name a new MANIFEST before
//   it syncs the directory that the MANIFEST was created in.)
// - A write, truncation or allocation is certain if it completed before a sync
//   of its file was submitted, and that sync completed before the failure.
//   fdatasync counts like fsync: it flushes what reading the data back needs,
//   which is the size, too, "as made by say ftruncate(2)" (fsync(2)).
//   sync_file_range makes nothing certain.
// - Of what is not certain any subset survives, writes in pieces if need be:
//   cut at multiples of 512 or 4096 bytes. What was in flight at the same time
//   happened in any order. A lost write below one that survived reads as what
//   was there before: zeros, or the old contents of a recycled file.
// - The size is what the surviving operations make it; that of a write may
//   survive without its last pieces, which then read as zeros.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/faults/power/io_log.h"

namespace rocksdb_uring {

// How much of what is not certain a failure takes away.
struct Loss {
  enum class Names { kNone, kAll, kPrefix };
  // kSome draws for each operation, kMixed for each file one of the others.
  enum class Data { kNone, kAll, kSome, kMixed };

  Names names = Names::kAll;
  Data data = Data::kAll;
  // That a write survives; for kSome.
  double keep = 0.5;
  // Where writes are cut.
  size_t sector_bytes = 512;
  // These lose all data that are not certain.
  std::set<FileId> lost_files;
  // What was in flight at the same time happened as it was submitted.
  bool in_order = false;

  static Loss Draw(std::mt19937_64* random);
};
std::string Describe(const Loss& loss);

struct DiskState {
  // Relative to the recorded directory; parents before children.
  std::set<std::string> directories;
  std::map<std::string, FileId> files;
  std::map<FileId, std::string> contents;

  // Contents of the file of that name; fails without one.
  const std::string& At(const std::string& name) const {
    return contents.at(files.at(name));
  }
  // Makes it below `directory`, which must be empty; hard links stay links.
  // False with errno if that fails.
  bool WriteTo(const std::string& directory) const;
};

// Safe for concurrent use.
class CrashModel {
 public:
  // `log` must outlive it.
  explicit CrashModel(const IoLog* log);

  // A state after a power failure at `crash`: what is submitted or completed
  // later has not happened. The names, and the contents of each file, depend
  // on nothing else that is drawn: with the same seed and another loss for one
  // file the others stay as they are.
  DiskState After(LogPosition crash, const Loss& loss, uint64_t seed) const;
  // What the directory really holds after everything in the log.
  DiskState WithoutLoss() const;

 private:
  struct FileLog {
    // Writes, truncations, allocations.
    std::vector<const LogEntry*> changes;
    std::vector<const LogEntry*> syncs;
  };

  // What completed before that position is certain.
  static LogPosition CertainBefore(const std::vector<const LogEntry*>& syncs,
                                   LogPosition crash);
  bool NameIsCertain(const LogEntry& entry, LogPosition crash) const;
  std::vector<const LogEntry*> SurvivingNames(LogPosition crash,
                                              Loss::Names names,
                                              std::mt19937_64* random) const;
  std::string Contents(FileId file, LogPosition crash, const Loss& loss,
                       std::mt19937_64* random) const;

  const IoLog* const log_;
  std::vector<const LogEntry*> names_;
  std::map<FileId, FileLog> files_;
  std::map<std::string, std::vector<const LogEntry*>> directory_syncs_;
};

}  // namespace rocksdb_uring
