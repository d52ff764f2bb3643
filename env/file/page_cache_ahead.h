// Fills the page cache ahead of the streams of a buffered file.
//
// RocksDB tells the kernel that tables are read at random, so that nothing is
// read ahead of reverse scans and of values in blob files, and the kernel's own
// read-ahead of short forward scans begins late. What is ahead of a stream that
// the page cache does not have is announced with POSIX_FADV_WILLNEED: the
// device reads it while RocksDB works, and no memory of ours is taken. It needs
// no ring.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "env/base/clock.h"
#include "env/file/open_file.h"
#include "env/file/stream.h"

namespace rocksdb_uring {

// Safe for concurrent use.
class PageCacheAhead {
 public:
  // At most so much is announced at once, and lies ahead of a stream.
  static constexpr uint64_t kWindowMax = 1 << 20;

  // `file` is buffered.
  explicit PageCacheAhead(std::shared_ptr<const OpenFile> file)
      : file_(std::move(file)) {}

  // Reads what is in a stream, by `path`, and announces what it will need next;
  // returns the result of `op`, which describes the read. Blocks as a read
  // does, until the deadline if there is one.
  int64_t Read(const StreamHistory& history, ReadStream* stream,
               PathChoice path, Deadline deadline, IoOp* op);

 private:
  // Whether this read is to find out if the page cache has the stream.
  bool Asks(const ReadStream& stream) const;
  // Whether the page cache has it; it is read then.
  bool Ask(IoOp* op);
  void Announce(const StreamHistory& history, ReadStream* stream);
  // Whether the page cache has the byte at `offset`, as far as can be told.
  bool IsCached(uint64_t offset);

  const std::shared_ptr<const OpenFile> file_;
  // Questions in a row that hit.
  std::atomic<uint32_t> hits_{0};
};

}  // namespace rocksdb_uring
