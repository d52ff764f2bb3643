// Files that are open for reading, on both sides.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/random/model/dice.h"
#include "tests/random/model/names.h"
#include "tests/random/model/pending_read.h"
#include "tests/random/model/sides.h"

namespace rocksdb_uring {

class ReadFiles {
 public:
  // `settle` makes what was written to a file visible. `shared` names a file
  // that never changes, which others read too; their reads and ours go through
  // `hand_over`, unless it is null.
  ReadFiles(Sides* sides, Names* names, Dice* dice, bool direct,
            std::function<void(uint64_t identity)> settle, std::string shared,
            HandOver* hand_over);

  void Step();
  void CloseReadersOf(uint64_t identity, bool grows);
  void CloseAll();

 private:
  struct File {
    std::string name;
    uint64_t identity = 0;
    bool direct = false;
    // Deviation 2 of names.h.
    bool immutable = false;
    bool sequential = false;
    // The default file system's own object on both sides.
    bool mapped = false;
    std::unique_ptr<rocksdb::FSRandomAccessFile> random_access[2];
    std::unique_ptr<rocksdb::FSSequentialFile> in_sequence[2];
  };
  struct Range {
    uint64_t offset;
    size_t length;
  };

  void Open();
  void OpenPair(File* file, const rocksdb::FileOptions& options);
  void CallOn(File* file);
  void CallOnSequential(File* file);
  Range RandomRange(const File& file);
  // Of a read: some have a deadline, an hour away, and are read in another way
  // for it.
  rocksdb::IOOptions RandomOptions();

  void Read(File* file);
  // Reads that follow one another, as a scan does, forwards or backwards.
  void ReadStream(File* file);
  void MultiRead(File* file);
  void Attributes(File* file);
  void StartReads(File* file);
  // Polls, aborts or gives up some of the reads.
  void Collect();
  void Exchange();
  void PollAll(PendingReads reads, bool abort);
  void CollectAll(const std::function<bool(const PendingRead&)>& wanted);
  void Compare(const std::string& what, const File& file,
               const rocksdb::IOStatus& status, const Scratch& ours,
               const rocksdb::Slice& our_result,
               const rocksdb::Slice& their_result, size_t length);

  Sides* const sides_;
  Names* const names_;
  Dice* const dice_;
  const bool direct_;
  const std::function<void(uint64_t identity)> settle_;
  const std::string shared_;
  HandOver* const hand_over_;
  std::vector<File> files_;
  PendingReads pending_;
};

}  // namespace rocksdb_uring
