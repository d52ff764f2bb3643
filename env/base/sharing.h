// Who shares a lock or a counter, and in builds with assertions how often the
// calling thread has taken such a lock or written to such a line. Tests hold
// these figures, per operation, against the table in env/README.md: on a
// machine of 2 processors nothing else shows what 128 would wait for.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace rocksdb_uring {

// What threads write to lies so far apart from what others read.
constexpr size_t kCacheLineBytes = 64;

// The widest circle of threads that may meet there.
enum class SharedBy : uint8_t {
  kProcess,     // all threads
  kFileSystem,  // all that use one file system object
  kFile,        // those that use one file
  kShard,       // those that their number sends to one shard
  kLast = kShard,
};
constexpr size_t kSharedByCount = static_cast<size_t>(SharedBy::kLast) + 1;

struct SharingCounts {
  std::array<uint64_t, kSharedByCount> locks{};
  std::array<uint64_t, kSharedByCount> writes{};
};

#ifndef NDEBUG
// Of the calling thread, since it began.
inline thread_local SharingCounts this_threads_sharing;

inline void NoteLock(SharedBy scope) {
  ++this_threads_sharing.locks[static_cast<size_t>(scope)];
}
// A write to a variable that other threads use on their way, too.
inline void NoteSharedWrite(SharedBy scope) {
  ++this_threads_sharing.writes[static_cast<size_t>(scope)];
}
#else
inline void NoteLock(SharedBy /*scope*/) {}
inline void NoteSharedWrite(SharedBy /*scope*/) {}
#endif

}  // namespace rocksdb_uring
