// Reads that follow one another through a file: forwards as scans and
// compactions read, backwards as reverse scans do, a block or a value at a time
// or in large pieces.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "env/engine/statistics.h"
#include "env/file/file_kind.h"

namespace rocksdb_uring {

enum class Direction : uint8_t { kUnknown, kForward, kBackward };

// As what a stream that is read ahead of is counted.
StatEvent StreamEvent(FileKind kind, Direction direction);

// Whether a file can have such bytes: a damaged index asks for others, and sums
// of those offsets would overflow.
bool MayBeOfStream(uint64_t offset, size_t size);

// Some reads of a file that may be a stream. Plain data.
struct ReadStream {
  // The file (StreamHistory::id); 0 if there is none.
  uint32_t file = 0;
  Direction direction = Direction::kUnknown;
  // The page cache has not had what was read (buffered files).
  bool cold = false;
  // Reads so far, repeated ones apart.
  uint32_t reads = 0;
  // Bytes that were last read ahead at once; 0 if nothing was.
  uint32_t window = 0;
  // When it was last looked at, by its owner's clock.
  uint32_t used = 0;
  // Where it began: the start of its first read, or its end if it goes back.
  uint64_t origin = 0;
  // The last read: [start, end).
  uint64_t start = 0;
  uint64_t end = 0;
  // What lies between the last read and this has been read ahead.
  uint64_t horizon = 0;

  // Makes it the stream of one read.
  void Begin(uint32_t of_file, uint64_t offset, size_t size) {
    *this = ReadStream();
    file = of_file;
    reads = 1;
    start = offset;
    end = offset + size;
    origin = offset;
  }
  // No step is longer: rules most point reads out at once.
  static constexpr uint64_t kStepMax = 256 << 10;
  bool IsNear(uint64_t offset, size_t size) const {
    return offset <= end + kStepMax && offset + size + kStepMax >= start;
  }
  // Whether a read of `size` bytes at `offset` goes on with it, or lies in its
  // last one; notes it if so.
  bool Continue(uint64_t offset, size_t size);
  // Before the first read ahead.
  void TurnTo(Direction to);
  // Two reads make a stream.
  bool established() const { return reads >= 2; }
  // Bytes that it has come across.
  uint64_t span() const {
    return direction == Direction::kBackward ? origin - start : end - origin;
  }
  // Bytes beyond the last read that have been read ahead.
  uint64_t ahead() const {
    if (direction == Direction::kBackward) {
      return horizon < start ? start - horizon : 0;
    }
    return horizon > end ? horizon - end : 0;
  }
};

// What the streams of one file have been like: short scans want little read
// ahead, and get it at once. Owned by the file. Safe for concurrent use; a lost
// update only costs speed.
class StreamHistory {
 public:
  StreamHistory();

  // Tells the files of the process from each other; never 0.
  uint32_t id() const { return id_; }

  // A stream has ended.
  void Record(const ReadStream& stream);

  // The direction in which nearly every first read is followed by others:
  // kUnknown if there is none, as where point reads are made.
  Direction UsualDirection() const;

  // How many bytes are to be read ahead of the stream now, behind what it has
  // ahead already: 0 if it is likely to end soon, or has enough. At most
  // `bytes_max`. Doubles while the stream goes on beyond what was expected.
  uint64_t NextWindow(const ReadStream& stream, uint64_t bytes_max) const;

 private:
  // Of so many streams this is one, on average, in 1024ths.
  struct Share {
    std::atomic<uint32_t> value{0};
    void Add(bool is_one);
  };

  const uint32_t id_;
  Share forward_share_;
  Share backward_share_;
  // Bytes that established streams span, on average; 0 if none has ended yet.
  std::atomic<uint32_t> forward_{0};
  std::atomic<uint32_t> backward_{0};
};

// Of the reads of the calling thread, the stream that this read belongs to, or
// is likely to begin; null if there is none. Costs some nanoseconds: nothing
// that is touched is shared with other threads. The result is valid until the
// thread's next call.
ReadStream* NoteRead(StreamHistory* history, uint64_t offset, size_t size);

// The calling thread's stream of this file that expects a read at `offset`, to
// be told of what RocksDB reads ahead by itself; null if there is none.
ReadStream* StreamExpecting(const StreamHistory& history, uint64_t offset);

}  // namespace rocksdb_uring
