// The plugin and the default file system, side by side: each on a directory of
// its own, asked the same, and what differs.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// One of the two.
struct Side {
  rocksdb::FileSystem* system;
  // No slash at the end.
  std::string root;

  // The path of the file that both know by this name.
  std::string path(const std::string& name) const {
    return name.empty() ? root : root + "/" + name;
  }
};

// How much of two statuses must be the same.
enum class Compare {
  kText,  // everything, the text up to the directory
  kCode,  // all but the text
};

class Sides {
 public:
  Sides(Side ours, Side theirs) : sides_{std::move(ours), std::move(theirs)} {}

  const Side& ours() const { return sides_[0]; }
  const Side& theirs() const { return sides_[1]; }
  const Side& operator[](size_t i) const { return sides_[i]; }

  // Makes the call on both and compares the statuses; returns ours.
  rocksdb::IOStatus Call(
      const std::string& what,
      const std::function<rocksdb::IOStatus(const Side&, size_t side)>& call,
      Compare compare = Compare::kText);

  // Compares two statuses.
  void ExpectSame(const std::string& what, const rocksdb::IOStatus& ours,
                  const rocksdb::IOStatus& theirs,
                  Compare compare = Compare::kText);
  // Notes what has just been done.
  void Note(const std::string& what);
  // What must be the same is not, or what must hold does not.
  void Expect(bool holds, const std::string& what);

  // What differed first; empty if nothing did.
  const std::string& mistake() const { return mistake_; }
  // The last calls, one to a line.
  std::string Trace() const;

 private:
  Side sides_[2];
  std::string mistake_;
  std::deque<std::string> trace_;
};

}  // namespace rocksdb_uring
