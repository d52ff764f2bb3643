// The kernel's ring behind liburing. Private to env/ring/.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

// RocksDB's make asks for nothing before it compiles a plugin.
#if !__has_include(<liburing.h>)
#error "rocksdb-uring needs liburing.h: install liburing-dev"
#endif
#include <liburing.h>

#include <memory>

#include "env/ring/ring.h"

namespace rocksdb_uring {

class LiburingRing final : public Ring {
 public:
  // On failure returns null and sets `*error`.
  static std::unique_ptr<LiburingRing> Create(const RingOptions& options,
                                              Errno* error);
  ~LiburingRing() override;

  bool Prepare(const RingRequest& request) override;
  int Submit() override;
  int SubmitAndWait(unsigned count) override;
  int Wait(unsigned count, uint64_t timeout_us) override;
  unsigned Reap(RingCompletion* completions, unsigned max) override;
  unsigned submission_entries() const override { return params_.sq_entries; }
  unsigned completion_entries() const override { return params_.cq_entries; }
  size_t memory_bytes() const override { return memory_bytes_; }
  int descriptor() const override { return ring_.ring_fd; }

  const io_uring_params& params() const { return params_; }
  io_uring* raw() { return &ring_; }

 private:
  LiburingRing() = default;
  bool polls_submissions() const {
    return (params_.flags & IORING_SETUP_SQPOLL) != 0;
  }
  int SubmitToPoller();

  io_uring ring_ = {};
  io_uring_params params_ = {};
  size_t memory_bytes_ = 0;
  // Prepared since the last submission, with a kernel thread that polls.
  unsigned prepared_ = 0;
  bool created_ = false;
};

}  // namespace rocksdb_uring
