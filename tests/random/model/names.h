// The names that the calls are about, and what two histories may not have in
// common.
//
// DEVIATIONS. Where the plugin is allowed to differ from the default file
// system of RocksDB 7.8, and what the model does about it. Nothing else may
// differ.
//  1. The bytes of a table or blob that is being written may be in flight, and
//     a table that is written directly has the size that is preallocated:
//     nobody reads it before the writer has flushed (blob) or closed (table).
//     -> Before anybody else looks at a file, its writer drains, and a direct
//     one sets the size (Settle); readers of such a file are closed before it
//     is preallocated.
//  2. Tables and blobs are read ahead, and mapped files cannot shrink: nobody
//     changes them while they are open for reading. -> Such readers are closed
//     before the file changes, and asynchronous reads of it are collected
//     (CloseReadersOf).
//  3. The default file system keeps a place in files that it appends to and
//     the plugin does not: O_APPEND for reopened ones, and a place that
//     PositionedAppend and Truncate do not move for others. -> One way of
//     writing for each open file, one writer for each file, and no appends
//     after Truncate.
//  4. The default file system counts the size of a reopened file from 0 before
//     RocksDB 10.2, and cuts off what was there when it was preallocated. ->
//     The difference is taken into account; reopened files are not
//     preallocated.
//  5. A preallocated log that has another name when it is closed is cut by the
//     default file system: with a recycled log that loses acknowledged writes.
//     -> Its writer is closed before it is renamed, linked or deleted.
//  6. The default file system of 7.8 has no asynchronous reads. -> Its Read
//     says what ReadAsync must give.
//  7. The default file system reads sequentially through a buffer that it does
//     not renew. -> Sequential readers are closed when bytes that are there
//     change, among them the zeros of an end that was allocated with the size.
//  8. The plugin's logger begins with a line of its own.
//  9. The default file system of 7.8 hands the kernel half of a write hint, and
//     keeps the hint or not, as it happens. -> Hints are given, not compared.
// 10. Closing again what is closed is no error: there is nothing to be done.
//     -> Nothing is closed twice.
// 11. Texts of failed asynchronous reads and of calls on closed files; codes
//     are the same.
// 12. To read nothing is an error of the default file system of 7.8, with
//     whatever errno holds. -> At least one byte is read.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/random/model/dice.h"
#include "tests/random/model/sides.h"

namespace rocksdb_uring {

class Names {
 public:
  Names(const Sides* sides, Dice* dice) : sides_(sides), dice_(dice) {}

  // Of a file, mostly; some stand for nothing or for a directory.
  std::string Any();
  // One that both sides have as a file; empty if there is none.
  std::string Existing();
  // Every file that both sides may have.
  static const std::vector<std::string>& All();

  // Which file the name stands for now; 0 for none.
  uint64_t Identity(const std::string& name) const;
  uint64_t Size(const std::string& name) const;

  static bool IsTable(const std::string& name) { return Has(name, ".sst"); }
  static bool IsBlob(const std::string& name) { return Has(name, ".blob"); }
  static bool IsLog(const std::string& name) { return Has(name, ".log"); }

 private:
  static bool Has(const std::string& name, const std::string& suffix) {
    return name.size() > suffix.size() &&
           name.compare(name.size() - suffix.size(), suffix.size(), suffix) ==
               0;
  }

  const Sides* const sides_;
  Dice* const dice_;
};

}  // namespace rocksdb_uring
