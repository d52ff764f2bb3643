// The advice that RocksDB gives for a whole file, on its way to the kernel.
//
// Tables are opened with POSIX_FADV_RANDOM, and up to RocksDB 8.5 the inputs of
// a compaction get POSIX_FADV_NORMAL, so that the kernel reads ahead of them.
// Where windows read ahead, a kernel that reads far ahead only delays others:
// it goes as far as the device is configured (read_ahead_kb), of all inputs at
// the same time, and every other read of the device waits behind it
// (env/MEASUREMENTS.md, Slow devices). So NORMAL is withheld until reads of a
// compaction show that no window serves them.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "env/file/open_file.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// Of one open file. Safe for concurrent use; never blocks. Advice is a hint: if
// the kernel refuses it, reads take longer.
class ReadAdvice {
 public:
  using AccessPattern = rocksdb::FSRandomAccessFile::AccessPattern;

  // So many bytes in a row without a window. To find a stream takes some reads,
  // the more of them where streams of the file have been short (stream.h); with
  // more than this there is no memory or no ring.
  static constexpr uint32_t kMissedBytesMax = 256 << 10;

  // Gives the kernel what RocksDB says of the whole file, or withholds it.
  // `has_windows`: windows are to serve the small reads of a compaction.
  void Give(const OpenFile& file, AccessPattern pattern, bool has_windows);

  // To be told of each read of a compaction, and of a scan: a compaction that
  // writers wait for cannot be told from one. Gives the kernel what was
  // withheld when it is due. `window_bytes`: how many of its `size` bytes came
  // from a window.
  void NoteRead(const OpenFile& file, bool has_windows, size_t size,
                size_t window_bytes);

 private:
  // In a row, up to kMissedBytesMax; threads that count at once may count as
  // one.
  std::atomic<uint32_t> missed_bytes_{0};
  std::atomic<bool> withheld_{false};
};

}  // namespace rocksdb_uring
