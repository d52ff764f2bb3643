// Pieces are started at the far end and copied out of at the near one.
//
// A window is several requests, not one large one. The device serves them in
// parallel, the first bytes are there when the first piece is, and each piece
// that is used up makes room for another. Pieces of 64 or 128 KiB made point
// reads beside a scan slower than pieces of 512 KiB (env/MEASUREMENTS.md).
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/read_window.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rocksdb_uring {

namespace {

// Reads from this size on share nothing worth reading twice.
constexpr uint64_t kLargeRead = 64 << 10;
// Where the budget has no more, smaller pieces do; from here on none.
constexpr uint64_t kPieceBytesMin = 32 << 10;

}  // namespace

ReadWindow::ReadWindow(std::shared_ptr<const OpenFile> file,
                       BackgroundPace* pace, Direction direction, uint64_t end)
    : file_(std::move(file)), pace_(pace), direction_(direction), end_(end) {
  budget()->AddUser();
}

ReadWindow::~ReadWindow() {
  DropAll();
  ReleaseSpares(0);
  budget()->RemoveUser();
}

uint64_t ReadWindow::edge() const {
  const Piece* const last = at(count_ - 1);
  return direction_ == Direction::kBackward ? last->start
                                            : last->start + last->length;
}

bool ReadWindow::Has(uint64_t start, uint64_t stop) const {
  if (empty()) {
    return false;
  }
  const Piece* const first = at(0);
  return direction_ == Direction::kBackward
             ? edge() < stop && stop <= first->start + first->length
             : first->start <= start && start < edge();
}

bool ReadWindow::InFlight() const {
  for (size_t i = 0; i < count_; ++i) {
    if (IsInFlight(*at(i))) {
      return true;
    }
  }
  return false;
}

bool ReadWindow::MoveWaits(uint64_t start, uint64_t stop) const {
  for (size_t i = 0; i < count_; ++i) {
    const Piece& piece = *at(i);
    const bool ahead = direction_ == Direction::kBackward
                           ? piece.start + piece.length <= start
                           : piece.start >= stop;
    if (!ahead && IsInFlight(piece)) {
      return true;
    }
  }
  return false;
}

// A read is known to be complete only after a thread has taken it off its ring.
// While a scan stands still, its own thread does not.
bool ReadWindow::Settle() {
  for (size_t i = 0; i < count_; ++i) {
    IoOp* const op = &at(i)->op;
    if (op->state() != IoState::kIdle && !engine()->Wait(op, 0)) {
      return false;
    }
  }
  return true;
}

void ReadWindow::Cancel() {
  for (size_t i = 0; i < count_; ++i) {
    if (at(i)->op.state() != IoState::kIdle) {
      engine()->Cancel(&at(i)->op);
    }
  }
}

bool ReadWindow::Finish(Piece* piece, Deadline deadline) {
  if (piece->op.state() == IoState::kIdle) {
    return true;
  }
  if (!engine()->Wait(&piece->op, deadline.LeftUs())) {
    return false;
  }
  // After an error, or at the end of the file, there is less, and the caller's
  // own read decides.
  piece->length =
      piece->op.result > 0 ? static_cast<uint64_t>(piece->op.result) : 0;
  piece->op.Reset();
  return true;
}

bool ReadWindow::Await(Piece* piece, Deadline deadline) {
  if (piece->op.state() == IoState::kIdle) {
    return true;
  }
  if (!IsBackground(piece->op.priority) || engine()->Wait(&piece->op, 0)) {
    return Finish(piece, deadline);
  }
  const uint64_t began = MonotonicNs();
  pace_->Want(began);
  const bool finished = Finish(piece, deadline);
  const uint64_t now = MonotonicNs();
  pace_->Have(now);
  if (pace_->limited()) {
    file_->engine->statistics()->Count(StatEvent::kBackgroundPaused,
                                       (now - began) / 1000);
  }
  return finished;
}

// May end early: the caller reads what lies behind the copied bytes. Waits only
// for pieces that the read needs; those further ahead stay in flight.
size_t ReadWindow::TakeForward(uint64_t offset, size_t size, char* scratch,
                               Deadline deadline, bool* late) {
  uint64_t at_byte = offset;
  const uint64_t stop = offset + size;
  for (size_t i = 0; i < count_ && at_byte < stop; ++i) {
    Piece* const piece = at(i);
    if (piece->start > at_byte) {
      break;
    }
    if (piece->start + piece->length <= at_byte) {
      continue;
    }
    if (!Await(piece, deadline)) {
      *late = true;
      break;
    }
    const uint64_t piece_stop = piece->start + piece->length;
    if (piece_stop <= at_byte) {
      break;
    }
    const uint64_t count = std::min(stop, piece_stop) - at_byte;
    std::memcpy(scratch + (at_byte - offset),
                piece->buffer.data() + (at_byte - piece->start), count);
    piece->taken += count;
    at_byte += count;
  }
  return at_byte - offset;
}

// All or nothing. The window begins where the read ends, so a partial copy
// would have the last bytes of the read, and the caller can only add bytes
// behind a copy. The loop goes from the last byte to the first, as the pieces
// lie.
size_t ReadWindow::TakeBackward(uint64_t offset, size_t size, char* scratch,
                                Deadline deadline, bool* late) {
  uint64_t stop = offset + size;
  for (size_t i = 0; i < count_ && stop > offset; ++i) {
    Piece* const piece = at(i);
    if (piece->start >= stop) {
      continue;
    }
    if (!Await(piece, deadline)) {
      *late = true;
      return 0;
    }
    if (piece->start + piece->length < stop) {
      return 0;
    }
    const uint64_t from = std::max(offset, piece->start);
    std::memcpy(scratch + (from - offset),
                piece->buffer.data() + (from - piece->start), stop - from);
    piece->taken += stop - from;
    stop = from;
  }
  return stop == offset ? size : 0;
}

size_t ReadWindow::Take(uint64_t offset, size_t size, char* scratch,
                        Deadline deadline, bool* late) {
  return direction_ == Direction::kBackward
             ? TakeBackward(offset, size, scratch, deadline, late)
             : TakeForward(offset, size, scratch, deadline, late);
}

void ReadWindow::DropFirst() {
  Piece* const piece = at(0);
  Finish(piece, Deadline());
  // Repeated reads may have taken more bytes than the piece has.
  const uint64_t unused = piece->length - std::min(piece->length, piece->taken);
  if (unused > 0) {
    file_->engine->statistics()->Count(StatEvent::kReadAheadDiscarded, unused);
  }
  Keep(std::move(piece->buffer));
  first_ = (first_ + 1) % kPiecesMax;
  --count_;
}

void ReadWindow::DropAll() {
  // Cancels all before it waits for the first, so that they end together. The
  // waits are necessary: until the completion the kernel may write to a buffer.
  Cancel();
  while (count_ > 0) {
    DropFirst();
  }
}

void ReadWindow::Pass(uint64_t start, uint64_t stop) {
  // A small read may be repeated: several values lie in one sector.
  const bool repeats = stop - start < kLargeRead;
  if (direction_ == Direction::kBackward) {
    const uint64_t passed = repeats ? stop : start;
    while (count_ > 0 && at(0)->start >= passed) {
      DropFirst();
    }
  } else {
    const uint64_t passed = repeats ? start : stop;
    while (count_ > 0 && at(0)->start + at(0)->length <= passed) {
      DropFirst();
    }
  }
}

// Small reads are aligned at both ends, so that neighbours share a sector.
uint64_t ReadWindow::FirstEdge(uint64_t start, uint64_t stop) const {
  const uint64_t shared = stop - start < kLargeRead ? file_->alignment : 0;
  return direction_ == Direction::kBackward ? start + shared : stop - shared;
}

void ReadWindow::Extend(uint64_t start, uint64_t stop, uint64_t bytes,
                        IoPriority priority) {
  const bool back = direction_ == Direction::kBackward;
  // A stream that has jumped past everything begins anew.
  if (count_ > 0 && (back ? edge() > stop : edge() < start)) {
    DropAll();
  }
  // Streams share the budget: the more there are, the less each has ahead.
  // Otherwise a compaction with many inputs would have windows for the first of
  // them, and wait for the device in all others.
  bytes = std::min(bytes, std::max(budget()->FairShare(), kPieceBytesMin));
  const uint64_t goal =
      back ? start - std::min(start, bytes) : std::min(stop + bytes, end_);
  const size_t before = count_;
  while (count_ < kPiecesMax) {
    const uint64_t far = count_ > 0 ? edge() : FirstEdge(start, stop);
    const uint64_t missing =
        back ? far - std::min(far, goal) : goal - std::min(far, goal);
    // A refused piece ends it: the next read tries again.
    if (missing == 0 ||
        !Start(far, std::min<uint64_t>(missing, kPieceBytesMax), priority)) {
      break;
    }
  }
  // One spare is enough: a steady stream starts a piece for each one that it
  // drops. Other streams can use the rest.
  ReleaseSpares(1);
  // Takes what has come off the rings: others may start in its place. A thread
  // that has done its part of a compaction leaves reads that it never reaps.
  if (count_ > before && IsBackground(priority)) {
    engine()->Poll();
  }
}

bool ReadWindow::Start(uint64_t edge, uint64_t bytes, IoPriority priority) {
  bytes = RoundUp(bytes, file_->buffer_alignment());
  Piece* const piece = at(count_);
  piece->buffer = GetBuffer(&bytes);
  if (piece->buffer.data() == nullptr) {
    return false;
  }
  piece->start = direction_ == Direction::kBackward ? edge - bytes : edge;
  piece->length = bytes;
  piece->taken = 0;
  file_->Describe(IoKind::kRead, StatKind::kReadAhead, piece->start, bytes,
                  piece->buffer.data(), &piece->op, priority);
  piece->op.by_worker = !file_->direct();
  piece->op.pace = IsBackground(priority) ? pace_ : nullptr;
  // Without room or a ring the stream continues without a window. Reading the
  // piece here would make this read wait for bytes that are not needed yet.
  if (!engine()->Submit(&piece->op)) {
    Keep(std::move(piece->buffer));
    return false;
  }
  ++count_;
  return true;
}

AlignedBuffer ReadWindow::GetBuffer(uint64_t* bytes) {
  const auto end = spares_.begin() + spare_count_;
  const auto found = std::find_if(
      spares_.begin(), end,
      [bytes](const AlignedBuffer& spare) { return spare.size() >= *bytes; });
  if (found != end) {
    std::swap(*found, spares_[spare_count_ - 1]);
    return std::move(spares_[--spare_count_]);
  }
  // Spares that are too small go back first: the budget may lack their bytes.
  ReleaseSpares(0);
  const size_t alignment = file_->buffer_alignment();
  AlignedBuffer buffer = budget()->Acquire(*bytes, alignment);
  while (buffer.data() == nullptr && *bytes >= 2 * kPieceBytesMin) {
    *bytes = RoundUp(*bytes / 2, file_->buffer_alignment());
    buffer = budget()->Acquire(*bytes, alignment);
  }
  return buffer;
}

void ReadWindow::Keep(AlignedBuffer buffer) {
  if (buffer.data() != nullptr) {
    spares_[spare_count_++] = std::move(buffer);
  }
}

void ReadWindow::ReleaseSpares(size_t keep) {
  while (spare_count_ > keep) {
    budget()->Release(std::move(spares_[--spare_count_]));
  }
}

}  // namespace rocksdb_uring
