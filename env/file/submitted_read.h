// A read of a coroutine, from its submission on a loop to its callback.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "env/base/clock.h"
#include "env/engine/io_op.h"
#include "env/engine/ring_loop.h"
#include "env/file/open_file.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// Holds the file open. REQUIRES: external synchronization, and after Submit
// none.
class SubmittedRead {
 public:
  // `request` is not owned and must outlive the read.
  SubmittedRead(std::shared_ptr<const OpenFile> file,
                rocksdb::FSReadRequest* request, SubmitReadCallback callback);

  // Completes the read if the page cache has all of it; false if not.
  bool ReadIfCached();
  // Hands it to the loop of this thread, which delivers it, at the latest when
  // the deadline has passed.
  static void Submit(std::unique_ptr<SubmittedRead> read, Deadline deadline,
                     RingLoop* loop);
  // Fills the request in and calls the callback. REQUIRES: the read is
  // complete.
  void Deliver();

 private:
  const std::shared_ptr<const OpenFile> file_;
  rocksdb::FSReadRequest* const request_;
  const SubmitReadCallback callback_;
  IoOp op_;
};

}  // namespace rocksdb_uring
