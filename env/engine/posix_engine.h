// The engine without a ring: the fallback, and the oracle in tests of the other
// one. A batch of buffered reads is parallel without a ring, too: it takes what
// the page cache has, announces the rest to the kernel, then reads it. For
// files outside the share it reads a batch as RocksDB's own file system does.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "env/engine/io_engine.h"
#include "env/engine/system_calls.h"

namespace rocksdb_uring {

class PosixEngine final : public IoEngine {
 public:
  // How a batch of buffered reads is served.
  enum class Batches : uint8_t {
    kParallel,
    // One pread after the other; the page cache is never asked.
    kOneByOne,
  };

  // Neither is owned; both must outlive the engine.
  PosixEngine(SystemCalls* calls, Statistics* statistics,
              Batches batches = Batches::kParallel)
      : calls_(calls), statistics_(statistics), batches_(batches) {}

  // RunOptions::path is ignored: there is one path.
  void Run(IoOp* ops, size_t count, const RunOptions& options) override;

  bool RunIfCached(IoOp* op) override;

  // Takes nothing: a synchronous Submit would be slower than none.
  size_t Submit(IoOp* const* ops, size_t count) override;
  bool Wait(IoOp* op, uint64_t timeout_us) override;
  size_t Poll() override { return 0; }
  void Cancel(IoOp* op) override { (void)op; }
  bool asynchronous() override { return false; }
  Statistics* statistics() override { return statistics_; }

  // Does what is left of an operation of which `done` bytes have been
  // transferred. Blocks. Returns what IoOp::result is to be; sets nothing.
  int64_t Finish(const IoOp& op, uint64_t done);

 private:
  // How far a transfer is, and how often in a row it got no further.
  struct Progress {
    uint64_t done;
    int stalls;
  };

  void RunOne(IoOp* op);
  // Whether the reads took no longer than they do where all is cached.
  bool ReadAsFastAsCached(IoOp* ops, size_t count);
  // Plain reads of a file that has been in the page cache for a while: asking
  // without waiting costs some 8 % more for each read.
  void RunHotReads(IoOp* ops, size_t count, PageCacheHint* hint);
  void RunBufferedReads(IoOp* ops, size_t count, PageCacheHint* hint);
  // Whether the page cache had all of it; `*done` bytes if not. `*can_ask` is
  // left alone, or set to false where the file cannot be asked at all.
  bool ReadWithoutWaiting(IoOp* op, uint64_t* done, bool* can_ask);
  // Reads that the file cannot be asked about: announced, read, and timed.
  void RunUnaskedReads(IoOp* ops, size_t count, PageCacheHint* hint);
  bool EndsInSector(const IoOp& op, uint64_t done);
  bool TransferEnded(const IoOp& op, int64_t step, Progress* at,
                     int64_t* result);
  // One call of what transfers nothing.
  int64_t CallOnce(const IoOp& op);
  int64_t FinishTransfer(const IoOp& op, uint64_t done);
  int64_t FinishVector(const IoOp& op, uint64_t done);

  SystemCalls* const calls_;
  Statistics* const statistics_;
  const Batches batches_;
};

}  // namespace rocksdb_uring
