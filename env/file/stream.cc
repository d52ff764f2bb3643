// What makes reads a stream, how far to read ahead of it, and the table of
// recent reads that each thread has.
//
// The table is the thread's own, so that a point read, which is in no stream,
// pays for no lock and for no line that other threads write to. An iterator
// that moves to another thread is found anew there, two reads later.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/stream.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <new>

#include "env/base/sharing.h"

namespace rocksdb_uring {

namespace {

// What a stream of a file without history gets first. Two to eight blocks of
// common sizes: a longer stream has doubled it soon.
constexpr uint64_t kWindowFirst = 32 << 10;
// The same where streams nearly always go on.
constexpr uint64_t kWindowOfLongStreams = 256 << 10;
// Less than this is not worth a request of its own.
constexpr uint64_t kWindowMin = 8 << 10;
// Where so many of kCertain first reads were followed by others in one
// direction, the first read is taken for a stream's.
constexpr int64_t kCertain = 1024;
constexpr uint32_t kNearlyAlways = 920;
// How much of the share a new stream is.
constexpr int64_t kShareWeight = 16;
// Spans are capped in the average: beyond it all streams are long.
constexpr uint64_t kSpanMax = 2 << 20;
// How much of an average a new span is.
constexpr int64_t kSpanWeight = 4;

// Streams that one thread reads at the same time, in sets by file: a merging
// iterator reads one of each of its files.
constexpr size_t kSets = 8;
constexpr size_t kWays = 4;

struct ThreadTable {
  std::array<std::array<ReadStream, kWays>, kSets> sets;
  uint32_t clock = 0;
};

// With this model an access needs no function call, even in a library that is
// loaded late. The C library has little room for such variables: this one is a
// pointer, and the table is on the heap.
[[gnu::tls_model("initial-exec")]] thread_local ThreadTable* this_threads =
    nullptr;

void DeleteTable(void* table) {
  this_threads = nullptr;
  delete static_cast<ThreadTable*>(table);
}

// Null when there is no memory for one.
ThreadTable* MakeTable() {
  // A key and not a thread_local destructor: those cannot be had by a library
  // that is loaded late without a call for each access.
  static const pthread_key_t key = [] {
    pthread_key_t made = 0;
    pthread_key_create(&made, DeleteTable);
    return made;
  }();
  auto* const table = new (std::nothrow) ThreadTable();
  if (table != nullptr && pthread_setspecific(key, table) != 0) {
    delete table;
    return nullptr;
  }
  this_threads = table;
  return table;
}

std::array<ReadStream, kWays>* SetOf(uint32_t file) {
  ThreadTable* const table =
      this_threads != nullptr ? this_threads : MakeTable();
  return table == nullptr ? nullptr : &table->sets[file % kSets];
}

}  // namespace

StatEvent StreamEvent(FileKind kind, Direction direction) {
  const bool back = direction == Direction::kBackward;
  if (kind == FileKind::kBlob) {
    return back ? StatEvent::kBlobStreamBackward
                : StatEvent::kBlobStreamForward;
  }
  return back ? StatEvent::kTableStreamBackward
              : StatEvent::kTableStreamForward;
}

bool MayBeOfStream(uint64_t offset, size_t size) {
  constexpr uint64_t kFar = uint64_t{1} << 62;
  return offset < kFar && size < kFar;
}

// Decides by position. A read does not name its iterator or compaction, and
// reads of several of them interleave in one file.
bool ReadStream::Continue(uint64_t offset, size_t size) {
  const uint64_t stop = offset + size;
  if (offset >= start && stop <= end) {
    // Values that share a sector are read with it, each.
    return true;
  }
  // Blocks have trailers, values have keys before them, and blocks that are in
  // the block cache are left out. The first step must be short: two point reads
  // that happen to be near are no stream. Later ones may skip four reads, or
  // half of what was read ahead.
  const uint64_t gap =
      established() ? std::min<uint64_t>(
                          std::max<uint64_t>(4 * size, window / 2), kStepMax)
                    : std::min<uint64_t>(size, 4 << 10);
  // Before the second read the direction is a guess.
  const bool either = !established();
  if ((either || direction == Direction::kForward) && offset >= start &&
      stop > end && offset <= end + gap) {
    TurnTo(Direction::kForward);
  } else if ((either || direction == Direction::kBackward) && offset < start &&
             stop <= end && stop + gap >= start) {
    TurnTo(Direction::kBackward);
  } else {
    return false;
  }
  start = offset;
  end = stop;
  ++reads;
  return true;
}

void ReadStream::TurnTo(Direction to) {
  if (direction == to) {
    return;
  }
  direction = to;
  origin = to == Direction::kBackward ? end : start;
  // RocksDB may have read ahead of a forward stream before it was seen.
  horizon = to == Direction::kBackward ? start : std::max(horizon, end);
  window = 0;
}

StreamHistory::StreamHistory()
    : id_([] {
        static std::atomic<uint32_t> last{0};
        uint32_t id = 0;
        while (id == 0) {
          id = last.fetch_add(1, std::memory_order_relaxed) + 1;
        }
        return id;
      }()) {}

// Called when a stream has ended, because only then is its length known. A
// point read counts as a stream that did not continue.
void StreamHistory::Record(const ReadStream& stream) {
  const Direction direction =
      stream.established() ? stream.direction : Direction::kUnknown;
  forward_share_.Add(direction == Direction::kForward);
  backward_share_.Add(direction == Direction::kBackward);
  if (direction == Direction::kUnknown) {
    return;
  }
  std::atomic<uint32_t>* const average =
      stream.direction == Direction::kBackward ? &backward_ : &forward_;
  const auto span = static_cast<int64_t>(std::min(stream.span(), kSpanMax));
  const int64_t before = average->load(std::memory_order_relaxed);
  const int64_t after =
      before == 0 ? span : before + (span - before) / kSpanWeight;
  if (after != before) {
    NoteSharedWrite(SharedBy::kFile);
    average->store(static_cast<uint32_t>(after), std::memory_order_relaxed);
  }
}

// A moving average. Threads may overwrite each other's updates, because load
// and store are not one atomic step. That is good enough for an estimate, and
// keeps point reads of all threads from waiting for one cache line.
void StreamHistory::Share::Add(bool is_one) {
  const int64_t before = value.load(std::memory_order_relaxed);
  const int64_t now = is_one ? kCertain : 0;
  const int64_t step = (now - before) / kShareWeight;
  // Where all reads are point reads, threads share the line without writing.
  if (step != 0) {
    NoteSharedWrite(SharedBy::kFile);
    value.store(static_cast<uint32_t>(before + step),
                std::memory_order_relaxed);
  }
}

Direction StreamHistory::UsualDirection() const {
  if (forward_share_.value.load(std::memory_order_relaxed) >= kNearlyAlways) {
    return Direction::kForward;
  }
  return backward_share_.value.load(std::memory_order_relaxed) >= kNearlyAlways
             ? Direction::kBackward
             : Direction::kUnknown;
}

// Nothing while more than half of the last window is ahead. Then a stream gets
// all that streams of this file usually need, at once, so that a short scan
// waits for the device once. Beyond the usual length it gets nothing until it
// is twice as long: most streams end there, and bytes that no read uses are the
// price of reading ahead. A stream that is still going on is a long one, and
// each window is twice the one before.
uint64_t StreamHistory::NextWindow(const ReadStream& stream,
                                   uint64_t bytes_max) const {
  const uint64_t usual =
      (stream.direction == Direction::kBackward ? backward_ : forward_)
          .load(std::memory_order_relaxed);
  const uint64_t ahead = stream.ahead();
  if (ahead > stream.window / 2) {
    return 0;
  }
  uint64_t first = kWindowFirst;
  if (usual >= kSpanMax / 2) {
    first = kWindowOfLongStreams;
  } else if (usual > 0) {
    // A quarter more than the average: most are not much longer than others.
    const uint64_t expected = usual + usual / 4;
    const uint64_t span = stream.span();
    if (span + ahead + kWindowMin <= expected) {
      return std::min(expected - span - ahead, bytes_max);
    }
    if (span < 2 * usual) {
      return 0;
    }
  }
  return std::min(std::max(2 * uint64_t{stream.window}, first), bytes_max);
}

// Runs for every single read of a table or blob file, so a stream that
// continues touches only the thread's own table. The file's history is used
// when an entry is replaced. That entry counts as a stream that has ended:
// RocksDB does not report the end of an iterator.
ReadStream* NoteRead(StreamHistory* history, uint64_t offset, size_t size) {
  if (!MayBeOfStream(offset, size)) {
    return nullptr;
  }
  const uint32_t file = history->id();
  std::array<ReadStream, kWays>* const set = SetOf(file);
  if (set == nullptr) {
    return nullptr;
  }
  const uint32_t now = ++this_threads->clock;
  ReadStream* oldest = &(*set)[0];
  for (ReadStream& stream : *set) {
    if (stream.file == file && stream.IsNear(offset, size) &&
        stream.Continue(offset, size)) {
      stream.used = now;
      return stream.direction != Direction::kUnknown ? &stream : nullptr;
    }
    if (now - stream.used > now - oldest->used) {
      oldest = &stream;
    }
  }
  // The entry of another file is lost: its history may be gone with its file.
  if (oldest->file == file) {
    history->Record(*oldest);
  }
  oldest->Begin(file, offset, size);
  oldest->used = now;
  const Direction usual = history->UsualDirection();
  if (usual == Direction::kUnknown) {
    return nullptr;
  }
  // Waiting for the second read would cost a short scan most of the gain: 100
  // Prev ran 1.4 times as fast as POSIX, not 4.5 (env/MEASUREMENTS.md,
  // Streams).
  oldest->TurnTo(usual);
  return oldest;
}

ReadStream* StreamExpecting(const StreamHistory& history, uint64_t offset) {
  if (std::array<ReadStream, kWays>* const set = SetOf(history.id())) {
    for (ReadStream& stream : *set) {
      if (stream.file == history.id() &&
          stream.direction != Direction::kBackward && stream.start <= offset &&
          offset <= stream.end + (64 << 10)) {
        return &stream;
      }
    }
  }
  return nullptr;
}

}  // namespace rocksdb_uring
