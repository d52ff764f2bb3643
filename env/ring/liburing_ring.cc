// Ring by liburing: one call of it for one of ours.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/ring/liburing_ring.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>

namespace rocksdb_uring {

namespace {

// Newer than the headers of liburing 2.3 or of old kernels; the values are the
// kernel's ABI.
#ifndef IORING_SETUP_COOP_TASKRUN
#define IORING_SETUP_COOP_TASKRUN (1U << 8)
#endif
#ifndef IORING_SETUP_SUBMIT_ALL
#define IORING_SETUP_SUBMIT_ALL (1U << 7)
#endif

// Best first. SUBMIT_ALL (5.18): one bad request does not stop the rest of a
// batch. COOP_TASKRUN is absent on purpose: a completion may be waited for by
// a thread that did not submit it, and single-thread batches measured no
// difference (env/MEASUREMENTS.md).
constexpr unsigned kSetupFlagLadder[] = {IORING_SETUP_SUBMIT_ALL, 0};

constexpr unsigned kEntriesMin = 8;

int QueueInit(const RingOptions& options, unsigned entries, unsigned flags,
              io_uring* ring, io_uring_params* params) {
  *params = {};
  params->flags = flags;
  if (options.completion_entries != 0) {
    params->flags |= IORING_SETUP_CQSIZE;
    params->cq_entries = std::max(entries, options.completion_entries);
  }
  switch (options.polling) {
    case RingPolling::kNone:
      break;
    case RingPolling::kSubmissions:
      params->flags |= IORING_SETUP_SQPOLL;
      params->sq_thread_idle = kPollerIdleMs;
      if (options.poller >= 0) {
        params->flags |= IORING_SETUP_ATTACH_WQ;
        params->wq_fd = static_cast<uint32_t>(options.poller);
      }
      break;
    case RingPolling::kCompletions:
      params->flags |= IORING_SETUP_IOPOLL;
      break;
  }
  return io_uring_queue_init_params(entries, ring, params);
}

size_t WholePages(size_t bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

// What the kernel maps for a ring: one region for both queues (SINGLE_MMAP,
// in every kernel that detection accepts) and one for the submission entries.
// liburing's own io_uring_mlock_size answers 0 on kernels since 5.12, though
// 6.18 charges this memory again.
size_t QueueBytes(const io_uring_params& params) {
  const size_t submission =
      params.sq_off.array + params.sq_entries * sizeof(uint32_t);
  const size_t completion =
      params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe);
  return WholePages(std::max(submission, completion)) +
         WholePages(params.sq_entries * sizeof(io_uring_sqe));
}

// Orders the last use of a ring before the first use of another that the kernel
// maps to the same place: liburing maps by system calls of its own, of which
// the thread sanitizer knows nothing.
std::atomic<unsigned> rings_destroyed{0};

bool MovesBytes(RingOpcode opcode) {
  return opcode == RingOpcode::kRead || opcode == RingOpcode::kWrite ||
         opcode == RingOpcode::kReadv || opcode == RingOpcode::kWritev;
}

// Puts the request into a submission entry, without its user_data.
void Fill(const RingRequest& request, io_uring_sqe* sqe) {
  const unsigned length = static_cast<unsigned>(request.length);
  const auto* iov = static_cast<const iovec*>(request.address);
  switch (request.opcode) {
    case RingOpcode::kNop:
      io_uring_prep_nop(sqe);
      break;
    case RingOpcode::kRead:
      io_uring_prep_read(sqe, request.fd, request.address, length,
                         request.offset);
      break;
    case RingOpcode::kWrite:
      io_uring_prep_write(sqe, request.fd, request.address, length,
                          request.offset);
      break;
    case RingOpcode::kReadv:
      io_uring_prep_readv(sqe, request.fd, iov, length, request.offset);
      break;
    case RingOpcode::kWritev:
      io_uring_prep_writev(sqe, request.fd, iov, length, request.offset);
      break;
    case RingOpcode::kFsync:
      io_uring_prep_fsync(
          sqe, request.fd,
          request.flags == kRingFsyncDataOnly ? IORING_FSYNC_DATASYNC : 0);
      break;
    case RingOpcode::kSyncFileRange:
      io_uring_prep_sync_file_range(sqe, request.fd, length, request.offset,
                                    static_cast<int>(request.flags));
      break;
    case RingOpcode::kFallocate:
      io_uring_prep_fallocate(sqe, request.fd, static_cast<int>(request.flags),
                              static_cast<off_t>(request.offset),
                              static_cast<off_t>(request.length));
      break;
    case RingOpcode::kCancel:
      io_uring_prep_cancel64(sqe, request.target, 0);
      break;
  }
}

}  // namespace

std::unique_ptr<LiburingRing> LiburingRing::Create(const RingOptions& options,
                                                   Errno* error) {
  std::unique_ptr<LiburingRing> self(new (std::nothrow) LiburingRing());
  if (self == nullptr) {
    *error = Errno::FromErrno(ENOMEM);
    return nullptr;
  }
  int result = -EINVAL;
  for (unsigned entries = options.entries; entries >= kEntriesMin;
       entries /= 2) {
    for (unsigned flags : kSetupFlagLadder) {
      result = QueueInit(options, entries, flags, &self->ring_, &self->params_);
      if (result != -EINVAL) {
        break;
      }
    }
    if (result != -ENOMEM) {
      break;
    }
  }
  if (result < 0) {
    *error = Errno::FromResult(result);
    return nullptr;
  }
  self->created_ = true;
  (void)rings_destroyed.load(std::memory_order_acquire);
  // A forked child must not see the queues: it could submit on them.
  io_uring_ring_dontfork(&self->ring_);
  self->memory_bytes_ = QueueBytes(self->params_);
  return self;
}

LiburingRing::~LiburingRing() {
  if (created_) {
    rings_destroyed.fetch_add(1, std::memory_order_release);
    io_uring_queue_exit(&ring_);
  }
}

bool LiburingRing::Prepare(const RingRequest& request) {
  io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
  if (sqe == nullptr) {
    return false;
  }
  Fill(request, sqe);
  // Other requests have flags here, or are refused with a value.
  if (MovesBytes(request.opcode)) {
    sqe->ioprio = request.io_priority;
  }
  if (request.by_worker) {
    io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
  }
  io_uring_sqe_set_data64(sqe, request.user_data);
  ++prepared_;
  return true;
}

// liburing counts what the thread has not taken yet, older requests included.
int LiburingRing::SubmitToPoller() {
  int result = 0;
  do {
    result = io_uring_submit(&ring_);
  } while (result == -EINTR);
  const int submitted = static_cast<int>(prepared_);
  prepared_ = 0;
  return submitted;
}

int LiburingRing::Submit() {
  return polls_submissions() ? SubmitToPoller() : io_uring_submit(&ring_);
}

int LiburingRing::SubmitAndWait(unsigned count) {
  if (!polls_submissions()) {
    return io_uring_submit_and_wait(&ring_, count);
  }
  const int submitted = SubmitToPoller();
  // Ends early as the other does: the caller reaps and asks again.
  (void)Wait(count, kNoTimeout);
  return submitted;
}

int LiburingRing::Wait(unsigned count, uint64_t timeout_us) {
  io_uring_cqe* cqe = nullptr;
  if (timeout_us == kNoTimeout) {
    return io_uring_wait_cqe_nr(&ring_, &cqe, count);
  }
  __kernel_timespec timeout = {};
  timeout.tv_sec = static_cast<int64_t>(timeout_us / 1000000);
  timeout.tv_nsec = static_cast<int64_t>(timeout_us % 1000000) * 1000;
  // With IORING_FEAT_EXT_ARG, which detection requires, the timeout travels
  // with the call and takes no submission entry.
  return io_uring_wait_cqes(&ring_, &cqe, count, &timeout, nullptr);
}

unsigned LiburingRing::Reap(RingCompletion* completions, unsigned max) {
  unsigned count = 0;
  io_uring_cqe* cqe = nullptr;
  while (count < max && io_uring_peek_cqe(&ring_, &cqe) == 0 &&
         cqe != nullptr) {
    completions[count].user_data = cqe->user_data;
    completions[count].result = cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
    ++count;
  }
  return count;
}

RingOrError CreateRing(const RingOptions& options) {
  RingOrError out;
  out.ring = LiburingRing::Create(options, &out.error);
  return out;
}

}  // namespace rocksdb_uring
