// Tries on an existing file what the plugin would do to it. Never creates,
// writes or locks anything.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace rocksdb_uring {

enum class Answer { kNotTested, kNo, kYes };

struct Trial {
  Answer answer = Answer::kNotTested;
  // What was seen, or why it was not tested.
  std::string detail;
};

struct PathTrials {
  // The file that was read; empty if there was none.
  std::string file;
  Trial direct_read;  // O_DIRECT can be opened and read
  Trial nowait_read;  // preadv2(RWF_NOWAIT) is known to the file system
  Trial ring_read;    // a read through a ring completes
};

enum class PathKind { kMissing, kFile, kDirectory, kOther };

// `*reason` is set for kMissing.
PathKind ClassifyPath(const std::string& path, std::string* reason);

// REQUIRES: `path` is a file or a directory. Of a directory a regular file
// that this process can read is taken. `with_ring`: io_uring is usable.
PathTrials TryPath(const std::string& path, bool with_ring);

const char* AnswerName(Answer answer);

}  // namespace rocksdb_uring
