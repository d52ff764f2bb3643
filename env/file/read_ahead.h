// Reads ahead of streams with direct I/O, so that the device works while
// RocksDB checks and merges what it has: compaction inputs, scans in both
// directions, values in blob files. Of buffered files it serves the small reads
// of compactions, so that a kernel thread copies out of the page cache, many
// blocks at once. (PageCacheAhead serves all other reads of buffered files.)
//
// A stream has a window: pieces of the file that rings read into buffers of the
// engine, in the stream's direction. A read that the window holds is copied out
// of it; pieces that the stream has passed go, and new ones are started at the
// far end at once.
//
// Small reads are found to be a stream by the thread that makes them
// (stream.h), and come here only then. Large ones come all, and are told apart
// here, by where a stream's next read is expected: a compaction's reads may
// come from any thread, and to be found two reads late would cost them most.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/mutex.h"
#include "env/engine/buffer_budget.h"
#include "env/file/open_file.h"
#include "env/file/read_deadline.h"
#include "env/file/read_window.h"
#include "env/file/stream.h"

namespace rocksdb_uring {

// Safe for concurrent use.
class ReadAhead final : public BufferBudget::Holder {
 public:
  // Reads from this size on are told apart here.
  static constexpr size_t kLargeReadMin = 64 << 10;

  // Whether a read may be served, after NoteRead has said `seen` of it.
  static bool Serves(const ReadStream* seen, size_t size) {
    return seen != nullptr || size >= kLargeReadMin;
  }

  // What `file` holds below `file_size` (bytes) will not change, but for the
  // last page of a blob file. `history` is not owned.
  ReadAhead(std::shared_ptr<const OpenFile> file, uint64_t file_size,
            StreamHistory* history);
  // Waits for the windows in flight.
  ~ReadAhead() override;

  // Copies the first bytes of [offset, offset + size) to `scratch` if a window
  // has them, notes the read, and starts or moves the window of its stream.
  // Returns how many bytes it copied; the rest is the caller's to read. Blocks
  // if the window is still on its way, until the deadline: then it sets
  // `*late`. What it starts has the priority of the read, or kAhead. `seen`:
  // what NoteRead has said of this read, or null. Of a direct file all numbers
  // are aligned.
  size_t Read(const ReadStream* seen, uint64_t offset, size_t size,
              char* scratch, const ReadTerms& terms, bool* late);

  // Reads what no window had, of a read that Read was asked for first. Blocks.
  void ReadRest(IoOp* op, PathChoice path, Deadline deadline) const;

  // Forgets all streams and their windows: the file is read in another way from
  // now on. Waits for windows in flight, and takes no lock where there is no
  // stream. A stream that another thread reads at this moment stays until the
  // next call.
  void ForgetAll();

  // RocksDB reads this stream asynchronously on its own: keep out. Does not
  // wait, and takes no lock where there is no stream.
  void ForgetStreamAt(uint64_t offset);

  bool ReclaimIdle() override;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kStreamsMax = 8;

  struct Slot {
    ReadStream stream;
    // A thread works on it without the lock.
    bool busy = false;
    Clock::time_point used;
    std::unique_ptr<ReadWindow> window;
  };

  // The stream that the read goes on with; null if there is none.
  Slot* FindStream(uint64_t offset, size_t size) URING_REQUIRES(mutex_);
  // The same, noted, else one to be used anew; null
  // if all are busy.
  // `*size_before` is the size of the stream's last read, 0 if there was none.
  Slot* FindOrStart(const ReadStream* seen, uint64_t offset, size_t size,
                    size_t* size_before) URING_REQUIRES(mutex_);
  // With `settle`, windows that have arrived without being read since count as
  // free, too.
  Slot* OldestFree(bool settle) URING_REQUIRES(mutex_);
  // Bytes that are to be ahead of the stream after its last read; 0 if what is
  // ahead is enough.
  uint64_t BytesWanted(ReadStream* stream, size_t size_before) const;
  // The most that a stream of small reads gets at once.
  uint64_t SmallWindowMax() const;
  void MoveWindow(Slot* slot, size_t size_before, IoPriority priority);
  // False if there is no memory for one.
  bool MakeWindow(Slot* slot);

  // At the end of the file, which ends the stream.
  bool AtEnd(const ReadStream& stream) const {
    return stream.direction == Direction::kBackward ? stream.start == 0
                                                    : stream.end >= end_;
  }

  // In a forked child: windows and locks are as the parent's threads had them
  // at that moment, and are left alone.
  bool forked() const { return file_->engine->forked(); }
  IoEngine* engine() const { return file_->engine->engine(); }
  BufferBudget* budget() const { return file_->engine->read_ahead_budget(); }

  const std::shared_ptr<const OpenFile> file_;
  BackgroundPace* const pace_;
  // Where windows end.
  const uint64_t end_;
  StreamHistory* const history_;

  Mutex mutex_{SharedBy::kFile};
  std::array<Slot, kStreamsMax> slots_ URING_GUARDED_BY(mutex_);
  // In the budget's list, and whether it ever was: then a thread may still be
  // about to take it out.
  bool registered_ URING_GUARDED_BY(mutex_) = false;
  bool was_registered_ URING_GUARDED_BY(mutex_) = false;
  // Slots that have a stream, for threads that look without the lock.
  std::atomic<uint32_t> streams_{0};
};

}  // namespace rocksdb_uring
