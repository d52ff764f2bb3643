// The part of a file that has been read, or is being read, ahead of one stream.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "env/base/aligned_buffer.h"
#include "env/base/clock.h"
#include "env/engine/buffer_budget.h"
#include "env/engine/io_op.h"
#include "env/file/open_file.h"
#include "env/file/stream.h"

namespace rocksdb_uring {

// What is read ahead of one stream, in pieces that follow one another.
// REQUIRES: external synchronization.
class ReadWindow {
 public:
  // Pieces of one window: eight of kPieceBytesMax are the 4 MiB that the
  // largest reads get, and one is being consumed.
  static constexpr size_t kPiecesMax = 9;
  static constexpr size_t kPieceBytesMax = 512 << 10;

  // Pieces lie below `end`. `direction` is kForward or kBackward. `pace`, of
  // the file's device, is not owned.
  ReadWindow(std::shared_ptr<const OpenFile> file, BackgroundPace* pace,
             Direction direction, uint64_t end);
  // Ends what is in flight, early if possible, and waits for it.
  ~ReadWindow();

  // Copies bytes of [offset, offset + size) to `scratch`: the first ones that
  // it has of a stream that goes forward, all or none of one that goes back.
  // Returns how many. Blocks if a piece is still on its way, until the
  // deadline: then it sets `*late`.
  size_t Take(uint64_t offset, size_t size, char* scratch, Deadline deadline,
              bool* late);
  // Lets pieces go that the stream has passed with a read of [start, stop).
  void Pass(uint64_t start, uint64_t stop);
  // Starts pieces until `bytes` are ahead of a read of [start, stop), or
  // memory, rings or the file are at their end. Does not block.
  void Extend(uint64_t start, uint64_t stop, uint64_t bytes,
              IoPriority priority);

  // How far it reaches: where it ends, or begins if the stream goes back.
  // REQUIRES: !empty().
  uint64_t edge() const;
  bool empty() const { return count_ == 0; }
  // Whether it has the beginning of a read of [start, stop), in the direction
  // of the stream, or is about to.
  bool Has(uint64_t start, uint64_t stop) const;
  bool InFlight() const;
  // Whether no piece is in flight, after a look at the ring. Does not wait.
  bool Settle();
  // Whether Pass and Extend after a read of [start, stop) would wait for a
  // piece that the stream has skipped.
  bool MoveWaits(uint64_t start, uint64_t stop) const;
  // Asks for an early end of what is in flight. Does not wait.
  void Cancel();

 private:
  struct Piece {
    AlignedBuffer buffer;
    IoOp op;
    uint64_t start = 0;
    // What was asked for; what there is, once `op` is idle again.
    uint64_t length = 0;
    // Bytes that have been copied out, repeated ones too.
    uint64_t taken = 0;
  };

  Piece* at(size_t i) { return &pieces_[(first_ + i) % kPiecesMax]; }
  const Piece* at(size_t i) const {
    return &pieces_[(first_ + i) % kPiecesMax];
  }
  size_t TakeForward(uint64_t offset, size_t size, char* scratch,
                     Deadline deadline, bool* late);
  size_t TakeBackward(uint64_t offset, size_t size, char* scratch,
                      Deadline deadline, bool* late);
  static bool IsInFlight(const Piece& piece) {
    return piece.op.state() != IoState::kIdle && !piece.op.completed();
  }
  // Waits for the piece, until the deadline; whether it has come.
  bool Finish(Piece* piece, Deadline deadline);
  // The same, and tells the pace whether a compaction waits. For a piece that a
  // read needs.
  bool Await(Piece* piece, Deadline deadline);
  void DropFirst();
  void DropAll();
  // Where the first piece begins, or ends if the stream goes back.
  uint64_t FirstEdge(uint64_t start, uint64_t stop) const;
  // A piece of up to `bytes` beyond `edge`; false if it cannot be had.
  bool Start(uint64_t edge, uint64_t bytes, IoPriority priority);
  // A buffer of `*bytes`, or of less when the budget is short; then `*bytes` is
  // less, too. Empty if there is none.
  AlignedBuffer GetBuffer(uint64_t* bytes);
  void Keep(AlignedBuffer buffer);
  void ReleaseSpares(size_t keep);
  BufferBudget* budget() const { return file_->engine->read_ahead_budget(); }
  IoEngine* engine() const { return file_->engine->engine(); }

  const std::shared_ptr<const OpenFile> file_;
  BackgroundPace* const pace_;
  const Direction direction_;
  const uint64_t end_;
  // In the direction of the stream, from `first_` on.
  std::array<Piece, kPiecesMax> pieces_;
  size_t first_ = 0;
  size_t count_ = 0;
  // Buffers of pieces that have gone, for the next ones.
  std::array<AlignedBuffer, kPiecesMax> spares_;
  size_t spare_count_ = 0;
};

}  // namespace rocksdb_uring
