// The calls of a file system that are about names, and the small file objects:
// files read and written in place, directories, maps, loggers, locks.
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
#include "tests/random/model/sides.h"

namespace rocksdb_uring {

class NameCalls {
 public:
  // `settle` makes what was written to a file visible; `disturb` closes the
  // handles that must not see a file change.
  NameCalls(Sides* sides, Names* names, Dice* dice,
            std::function<void(uint64_t identity)> settle,
            std::function<void(uint64_t identity)> disturb);

  // A call that leaves everything as it is.
  void Ask();
  // One that changes a name or a file.
  void Change();
  // A directory is opened, synced or closed.
  void Directory();
  // A file is read and written in place.
  void ReadWrite();
  void Map();
  void Log();
  void Lock();
  void CloseAll();

 private:
  struct Directories {
    std::unique_ptr<rocksdb::FSDirectory> directory[2];
  };
  struct ReadWriteFile {
    std::string name;
    uint64_t identity = 0;
    std::unique_ptr<rocksdb::FSRandomRWFile> file[2];
  };

  void AskAboutFile(const std::string& name);
  void AskAboutDirectory(const std::string& name);
  void ChangeDirectory();
  void OpenReadWrite();
  void WriteInPlace(ReadWriteFile* file, uint64_t offset, size_t length);
  void ReadInPlace(ReadWriteFile* file, uint64_t offset, size_t length);

  Sides* const sides_;
  Names* const names_;
  Dice* const dice_;
  const std::function<void(uint64_t identity)> settle_;
  const std::function<void(uint64_t identity)> disturb_;
  std::vector<Directories> directories_;
  std::vector<ReadWriteFile> read_write_;
};

}  // namespace rocksdb_uring
