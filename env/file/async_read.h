// A read that RocksDB has started and will poll or abort: what its opaque
// io_handle points to.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "env/engine/io_op.h"
#include "env/file/open_file.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// May be waited for, aborted and destroyed on any thread, by one at a time.
class AsyncRead {
 public:
  // Copies what it needs of `request`: RocksDB's is often on the stack.
  AsyncRead(std::shared_ptr<const OpenFile> file,
            const rocksdb::FSReadRequest& request, ReadAsyncCallback callback,
            void* argument);
  // Waits until the kernel has let go of the caller's buffer. Runs no
  // callback: the caller has given it up.
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
  // Waits until the reads are complete, then runs the callbacks that have not
  // run already. Null handles and doubles are skipped. Blocks.
  static void WaitAndDeliver(void* const* handles, size_t count);
  // Runs the callback of a read that is complete, unless it has run.
  void Deliver();

 private:
  // Waits for some of a list, from `first` on; returns the next one.
  static AsyncRead* WaitForPiece(AsyncRead* first);
  IoEngine* engine() const { return file_->engine->engine(); }
  rocksdb::IOStatus StatusOf() const;

  const std::shared_ptr<const OpenFile> file_;
  const ReadAsyncCallback callback_;
  void* const argument_;
  bool delivered_ = false;
  // A call that waits has it in its list, before `next_`.
  bool listed_ = false;
  AsyncRead* next_ = nullptr;
  IoOp op_;
};

}  // namespace rocksdb_uring
