// A read that RocksDB has started and will poll or abort: what its opaque
// io_handle points to.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "env/base/clock.h"
#include "env/engine/deadline_reads.h"
#include "env/engine/io_op.h"
#include "env/file/open_file.h"
#include "env/file/read_deadline.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// May be waited for, aborted and destroyed on any thread, by one at a time.
class AsyncRead {
 public:
  // Copies what it needs of `request`: RocksDB's is often on the stack.
  AsyncRead(std::shared_ptr<const OpenFile> file,
            const rocksdb::FSReadRequest& request, ReadAsyncCallback callback,
            void* argument, const ReadTerms& terms);
  // Waits until the kernel has let go of the caller's buffer, which it never
  // has if there is a deadline. Runs no callback: the caller has given it up.
  ~AsyncRead();
  AsyncRead(const AsyncRead&) = delete;
  AsyncRead& operator=(const AsyncRead&) = delete;

  // Reads on the calling thread if that need not wait for a device; false if it
  // must: it has not begun then, but its buffer may have been written to.
  bool ReadIfCached();
  // Hands the read to the engine; false if it takes none now.
  bool Start();
  // Reads on the calling thread instead, by a path without rings. Blocks.
  void ReadNow(PathChoice path);

  // Asks for an early end. Does not block, runs no callback.
  void Cancel();
  // Waits until the reads are complete or their deadlines have passed, then
  // runs the callbacks that have not run already. Null handles and doubles are
  // skipped. Blocks.
  static void WaitAndDeliver(void* const* handles, size_t count);
  // Runs the callback of a read that is complete, unless it has run.
  void Deliver();

 private:
  // Waits for some of a list, from `first` on; returns the next one.
  static AsyncRead* WaitForPiece(AsyncRead* first);
  // What the engine does: the read itself, or the one with its own buffer.
  IoOp* started() { return bounded_ != nullptr ? &bounded_->op : &op_; }
  // When to give it up.
  // REQUIRES: bounded_ != nullptr.
  Deadline WaitEnd() const { return cancelled_ ? Deadline::In(0) : deadline_; }
  // Waits for it until then, and gives `op_` what has come.
  // REQUIRES: bounded_ != nullptr.
  void FinishBounded();
  // Ends a read whose result is not wanted. Does not wait.
  void GiveUpBounded();
  IoEngine* engine() const { return file_->engine->engine(); }
  rocksdb::IOStatus StatusOf() const;

  const std::shared_ptr<const OpenFile> file_;
  const ReadAsyncCallback callback_;
  void* const argument_;
  const Deadline deadline_;
  // In flight for a read with a deadline.
  std::unique_ptr<DeadlineRead> bounded_;
  bool cancelled_ = false;
  bool delivered_ = false;
  // A call that waits has it in its list, before `next_`.
  bool listed_ = false;
  AsyncRead* next_ = nullptr;
  IoOp op_;
};

}  // namespace rocksdb_uring
