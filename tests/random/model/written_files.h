// Files that are open for writing, on both sides.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "tests/random/model/dice.h"
#include "tests/random/model/names.h"
#include "tests/random/model/sides.h"

namespace rocksdb_uring {

// Told before a file changes, so that handles which may not see it are closed.
// `grows`: nothing that is there changes.
using BeforeChange = std::function<void(uint64_t identity, bool grows)>;

class WrittenFiles {
 public:
  WrittenFiles(Sides* sides, Names* names, Dice* dice, bool direct,
               BeforeChange before_change);

  // One random call on one of the files, or one more is opened.
  void Step();
  // What was appended to this file can be seen by everybody.
  void Settle(uint64_t identity);
  // Closes the writer of this file, if there is one.
  void CloseWriterOf(uint64_t identity);
  void CloseAll();

 private:
  // Deviation 3 of names.h: the ways are not mixed.
  enum class Way { kAppend, kAppendBehindTheEnd, kPositioned };

  struct File {
    std::string name;
    uint64_t identity = 0;
    bool direct = false;
    Way way = Way::kAppend;
    // Nothing that is there is written again.
    bool grows = false;
    uint64_t size = 0;
    // Deviation 4.
    uint64_t not_counted_by_theirs = 0;
    std::unique_ptr<rocksdb::FSWritableFile> file[2];
  };
  using Call = std::function<rocksdb::IOStatus(rocksdb::FSWritableFile*)>;

  void Open();
  rocksdb::IOStatus OpenPair(File* file, const rocksdb::FileOptions& options,
                             uint64_t manner, const std::string& old_name);
  void CallOn(size_t index);
  void Write(File* file);
  void WriteOnce(File* file, uint64_t offset, size_t size);
  void Synchronize(File* file);
  void Cut(size_t index);
  void Attributes(File* file);
  // With or without Close, and sometimes with calls after it.
  void End(size_t index);
  void CallAfterClose(File* file);

  rocksdb::IOStatus Do(File* file, const std::string& what, const Call& call,
                       Compare compare = Compare::kText);
  void ExpectSizes(File* file);
  size_t RandomSize(const File& file);
  void Announce(const File& file, bool grows) {
    before_change_(file.identity, grows);
  }

  Sides* const sides_;
  Names* const names_;
  Dice* const dice_;
  const bool direct_;
  const BeforeChange before_change_;
  AlignedBuffer buffer_;
  std::vector<File> files_;
};

}  // namespace rocksdb_uring
