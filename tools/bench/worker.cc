// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/worker.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace rocksdb_uring {

namespace {

constexpr size_t kBufferAlignment = 4096;

uint64_t NowNs() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

size_t OpCount(const BenchOptions& options) {
  return options.asynchronous() ? options.depth : options.batch;
}

}  // namespace

Worker::Worker(const BenchOptions& options, const TargetFile& target,
               size_t index, IoEngine* engine)
    : options_(options),
      engine_(engine),
      op_count_(OpCount(options)),
      buffer_(op_count_ * options.block_size, kBufferAlignment),
      ops_(new IoOp[op_count_]),
      started_ns_(op_count_),
      first_block_(0),
      block_count_(target.bytes / options.block_size),
      random_(0x9e3779b97f4a7c15 * (index + 1)) {
  if (!options.random) {
    block_count_ /= options.threads;
    first_block_ = block_count_ * index;
  }
  if (buffer_.data() == nullptr) {
    return;  // Run reports it
  }
  memset(buffer_.data(), static_cast<int>(index + 1), buffer_.size());
  for (size_t i = 0; i < op_count_; ++i) {
    IoOp& op = ops_[i];
    op.kind = options.write ? IoKind::kWrite : IoKind::kRead;
    op.stat_kind = options.write            ? StatKind::kWrite
                   : options.asynchronous() ? StatKind::kReadAsync
                                            : StatKind::kMultiRead;
    op.fd = target.fd.get();
    op.alignment = target.alignment;
    op.buffer = buffer_.data() + i * options.block_size;
    op.length = options.block_size;
  }
}

// xorshift64.
uint64_t Worker::NextRandom() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return random_;
}

uint64_t Worker::NextOffset() {
  uint64_t block = 0;
  if (options_.random) {
    // Scaled to the range without a division.
    block = static_cast<uint64_t>(
        static_cast<unsigned __int128>(NextRandom()) * block_count_ >> 64);
  } else {
    if (options_.append && next_block_ == 0 && ftruncate(ops_[0].fd, 0) != 0 &&
        result_.first_error == 0) {
      ++result_.errors;
      result_.first_error = -errno;
    }
    block = next_block_;
    next_block_ = next_block_ + 1 == block_count_ ? 0 : next_block_ + 1;
  }
  return (first_block_ + block) * options_.block_size;
}

void Worker::Prepare(IoOp* op) {
  op->Reset();
  op->offset = NextOffset();
  if (options_.mixed) {
    const bool write = NextRandom() % 10 < 3;
    op->kind = write ? IoKind::kWrite : IoKind::kRead;
    op->stat_kind = write ? StatKind::kWrite : StatKind::kRead;
  }
}

void Worker::Finish(const IoOp& op) {
  if (op.result == static_cast<int64_t>(op.length)) {
    return;
  }
  ++result_.errors;
  if (result_.first_error == 0) {
    // A short transfer inside the file is as wrong as an error.
    result_.first_error = op.result < 0 ? op.result : -EIO;
  }
}

void Worker::Run(const std::atomic<Phase>* phase) {
  phase_ = phase;
  if (buffer_.data() == nullptr) {
    ++result_.errors;
    result_.first_error = -ENOMEM;
  } else if (options_.asynchronous()) {
    RunAsynchronously();
  } else {
    RunBatches();
  }
}

void Worker::RunBatches() {
  PageCacheHint hint;
  RunOptions run;
  run.path = options_.path;
  run.page_cache = &hint;
  run.polls = options_.polling == Polling::kDevice && options_.direct &&
              !options_.write && !options_.mixed;
  while (!stopped()) {
    for (size_t i = 0; i < op_count_; ++i) {
      Prepare(&ops_[i]);
    }
    const bool measured = measuring();
    const uint64_t started_ns = NowNs();
    engine_->Run(ops_.get(), op_count_, run);
    if (options_.sync) {
      Sync(run);
    }
    const uint64_t elapsed_ns = NowNs() - started_ns;
    for (size_t i = 0; i < op_count_; ++i) {
      Finish(ops_[i]);
    }
    if (measured) {
      result_.latency.Add(elapsed_ns);
      result_.ops += op_count_;
    }
  }
}

void Worker::Sync(const RunOptions& run) {
  IoOp op;
  op.kind = IoKind::kFdatasync;
  op.stat_kind = StatKind::kFdatasync;
  op.fd = ops_[0].fd;
  engine_->Run(&op, 1, run);
  Finish(op);
}

// Submits all of to_start_ in one call. What finds no room is tried again when
// something has completed.
void Worker::StartAll() {
  const uint64_t now_ns = NowNs();
  for (IoOp* op : to_start_) {
    Prepare(op);
    started_ns_[static_cast<size_t>(op - ops_.get())] = now_ns;
  }
  const auto taken = static_cast<ptrdiff_t>(
      engine_->Submit(to_start_.data(), to_start_.size()));
  in_flight_.insert(in_flight_.end(), to_start_.begin(),
                    to_start_.begin() + taken);
  to_start_.erase(to_start_.begin(), to_start_.begin() + taken);
}

// Takes whatever is complete once one is.
void Worker::WaitForSome() {
  engine_->WaitAny(in_flight_.data(), in_flight_.size());
  const bool measured = measuring();
  const uint64_t now_ns = NowNs();
  const auto first_done =
      std::stable_partition(in_flight_.begin(), in_flight_.end(),
                            [](const IoOp* op) { return !op->completed(); });
  for (auto done = first_done; done != in_flight_.end(); ++done) {
    Finish(**done);
    if (measured) {
      result_.latency.Add(now_ns -
                          started_ns_[static_cast<size_t>(*done - ops_.get())]);
      ++result_.ops;
    }
  }
  to_start_.insert(to_start_.end(), first_done, in_flight_.end());
  in_flight_.erase(first_done, in_flight_.end());
}

void Worker::RunAsynchronously() {
  in_flight_.reserve(op_count_);
  to_start_.reserve(op_count_);
  for (size_t i = 0; i < op_count_; ++i) {
    to_start_.push_back(&ops_[i]);
  }
  while (!stopped()) {
    StartAll();
    if (in_flight_.empty()) {
      // No ring, and no way to go on: the engine takes nothing.
      ++result_.errors;
      result_.first_error = -EAGAIN;
      return;
    }
    WaitForSome();
  }
  while (!in_flight_.empty()) {
    WaitForSome();
  }
}

}  // namespace rocksdb_uring
