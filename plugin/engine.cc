// The public engine: what its classes are made of.
//
// SPDX-License-Identifier: Apache-2.0
#include "rocksdb_uring/engine.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <new>
#include <utility>

#include "env/base/aligned_buffer.h"
#include "env/base/small_vector.h"
#include "env/engine/deadline_reads.h"
#include "env/engine/shared_engine.h"
#include "env/ring/features.h"

namespace rocksdb_uring {

namespace {

// Operations that are handed over together; their addresses are on the stack,
// since to read must not need memory.
constexpr size_t kPiece = 64;

StatKind StatKindOf(IoKind kind) {
  switch (kind) {
    case IoKind::kRead:
    case IoKind::kReadv:
      return StatKind::kRead;
    case IoKind::kWrite:
    case IoKind::kWritev:
      return StatKind::kWrite;
    case IoKind::kFsync:
      return StatKind::kFsync;
    case IoKind::kFdatasync:
      return StatKind::kFdatasync;
    case IoKind::kSyncFileRange:
      return StatKind::kSyncFileRange;
    case IoKind::kFallocate:
      return StatKind::kFallocate;
  }
  return StatKind::kRead;
}

OperationState CompletedState(IoEnd end) {
  switch (end) {
    case IoEnd::kFinished:
      return OperationState::kCompleted;
    case IoEnd::kCancelled:
      return OperationState::kCancelled;
    case IoEnd::kTimedOut:
      return OperationState::kTimedOut;
    case IoEnd::kAbandoned:
      return OperationState::kAbandoned;
    case IoEnd::kTooMany:
      return OperationState::kRefused;
  }
  return OperationState::kCompleted;
}

static_assert(static_cast<int>(OperationPriority::kForeground) ==
                  static_cast<int>(IoPriority::kForeground) &&
              static_cast<int>(OperationPriority::kAhead) ==
                  static_cast<int>(IoPriority::kAhead) &&
              static_cast<int>(OperationPriority::kBackground) ==
                  static_cast<int>(IoPriority::kBackground) &&
              static_cast<int>(OperationPriority::kIdle) ==
                  static_cast<int>(IoPriority::kIdle));

// What to do, without what has come of it before.
void Describe(const IoOp& from, IoOp* to) {
  to->kind = from.kind;
  to->stat_kind = from.stat_kind;
  to->fd = from.fd;
  to->flags = from.flags;
  to->alignment = from.alignment;
  to->offset = from.offset;
  to->buffer = from.buffer;
  to->length = from.length;
  to->iov = from.iov;
  to->iov_count = from.iov_count;
  to->priority = from.priority;
}

}  // namespace

struct Operation::Body {
  IoOp op;
  Callback callback = nullptr;
  void* context = nullptr;
};

Operation::Operation() : body_(std::make_unique<Body>()) {
  body_->op.context = this;
}

Operation::~Operation() {
  assert(state() == OperationState::kIdle || completed());
}

void Operation::Prepare(int fd) {
  IoOp* const op = &body_->op;
  op->Reset();
  op->fd = fd;
  op->flags = 0;
  op->offset = 0;
  op->buffer = nullptr;
  op->length = 0;
  op->iov = nullptr;
  op->iov_count = 0;
}

void Operation::Read(int fd, void* buffer, uint64_t length, uint64_t offset) {
  Prepare(fd);
  body_->op.kind = IoKind::kRead;
  body_->op.buffer = static_cast<char*>(buffer);
  body_->op.length = length;
  body_->op.offset = offset;
}

void Operation::Write(int fd, const void* buffer, uint64_t length,
                      uint64_t offset) {
  Prepare(fd);
  body_->op.kind = IoKind::kWrite;
  // Only read from: IoOp has one pointer for both.
  body_->op.buffer = static_cast<char*>(const_cast<void*>(buffer));
  body_->op.length = length;
  body_->op.offset = offset;
}

void Operation::Readv(int fd, const iovec* pieces, int count, uint64_t offset) {
  Prepare(fd);
  body_->op.kind = IoKind::kReadv;
  body_->op.iov = pieces;
  body_->op.iov_count = count;
  body_->op.offset = offset;
}

void Operation::Writev(int fd, const iovec* pieces, int count,
                       uint64_t offset) {
  Prepare(fd);
  body_->op.kind = IoKind::kWritev;
  body_->op.iov = pieces;
  body_->op.iov_count = count;
  body_->op.offset = offset;
}

void Operation::Fsync(int fd) {
  Prepare(fd);
  body_->op.kind = IoKind::kFsync;
}

void Operation::Fdatasync(int fd) {
  Prepare(fd);
  body_->op.kind = IoKind::kFdatasync;
}

void Operation::SyncFileRange(int fd, uint64_t offset, uint64_t length,
                              uint32_t flags) {
  Prepare(fd);
  body_->op.kind = IoKind::kSyncFileRange;
  body_->op.offset = offset;
  body_->op.length = length;
  body_->op.flags = flags;
}

void Operation::Fallocate(int fd, uint32_t mode, uint64_t offset,
                          uint64_t length) {
  Prepare(fd);
  body_->op.kind = IoKind::kFallocate;
  body_->op.offset = offset;
  body_->op.length = length;
  body_->op.flags = mode;
}

void Operation::set_direct(uint32_t alignment) {
  body_->op.alignment = alignment;
}

void Operation::set_priority(OperationPriority priority) {
  body_->op.priority = static_cast<IoPriority>(priority);
}

void Operation::set_callback(Callback callback, void* context) {
  body_->callback = callback;
  body_->context = context;
  if (callback == nullptr) {
    body_->op.callback = nullptr;
    return;
  }
  body_->op.callback = [](IoOp* op) {
    auto* const operation = static_cast<Operation*>(op->context);
    operation->body_->callback(operation, operation->body_->context);
  };
}

OperationState Operation::state() const {
  switch (body_->op.state()) {
    case IoState::kIdle:
      return OperationState::kIdle;
    case IoState::kQueued:
      return OperationState::kQueued;
    case IoState::kInFlight:
      return OperationState::kSubmitted;
    case IoState::kCompleted:
      break;
  }
  return CompletedState(body_->op.end);
}

int64_t Operation::result() const { return body_->op.result; }

bool Operation::on_ring() const { return body_->op.path == IoPath::kRing; }

struct EngineBuffer::Body {
  std::shared_ptr<SharedEngine> engine;
  AlignedBuffer buffer;
};

EngineBuffer::EngineBuffer() = default;
EngineBuffer::EngineBuffer(EngineBuffer&& other) noexcept = default;

EngineBuffer& EngineBuffer::operator=(EngineBuffer&& other) noexcept {
  std::swap(body_, other.body_);
  return *this;
}

// In a forked child the memory is not mapped: it is left alone.
EngineBuffer::~EngineBuffer() {
  if (body_ == nullptr) {
    return;
  }
  if (body_->engine->forked()) {
    (void)body_.release();
  } else {
    body_->engine->read_ahead_budget()->Release(std::move(body_->buffer));
  }
}

char* EngineBuffer::data() const {
  return body_ == nullptr ? nullptr : body_->buffer.data();
}

size_t EngineBuffer::size() const {
  return body_ == nullptr ? 0 : body_->buffer.size();
}

EngineSupport DetectEngineSupport() {
  const RingFeatures features = DetectRingFeatures();
  EngineSupport support;
  support.rings = features.verdict == RingVerdict::kUsable;
  if (!support.rings) {
    support.reason = features.reason;
    support.remedy = features.remedy;
  }
  return support;
}

struct Engine::Body {
  // For as long as there is an engine, buffers that are given back are kept for
  // the next who asks.
  explicit Body(std::shared_ptr<SharedEngine> engine)
      : shared(std::move(engine)) {
    shared->read_ahead_budget()->AddUser();
  }
  ~Body() {
    if (!shared->forked()) {
      shared->read_ahead_budget()->RemoveUser();
    }
  }

  const std::shared_ptr<SharedEngine> shared;

  IoEngine* engine() const { return shared->engine(); }

  // Whether all of them are direct reads of devices with poll queues.
  bool MayPoll(const IoOp* ops, size_t count) const {
    return shared->options().polling == Polling::kDevice &&
           std::all_of(ops, ops + count, [this](const IoOp& op) {
             return IsRead(op) && op.alignment != 0 &&
                    shared->PollsDevice(op.fd);
           });
  }

  // Calls `run` with copies that lie in a row, as the engine needs a batch, and
  // completes the operations with what has come of them.
  template <typename RunRow>
  static void RunInRow(Operation* const* operations, size_t count,
                       const RunRow& run) {
    SmallVector<IoOp, kPiece> row(count);
    for (size_t done = 0; done < count;) {
      const size_t piece = std::min(count - done, row.capacity());
      row.clear();
      for (size_t i = 0; i < piece; ++i) {
        IoOp* const op = &operations[done + i]->body_->op;
        op->stat_kind = StatKindOf(op->kind);
        Describe(*op, &row.emplace_back());
      }
      run(row.data(), piece);
      for (size_t i = 0; i < piece; ++i) {
        IoOp* const op = &operations[done + i]->body_->op;
        op->result = row[i].result;
        op->end = row[i].end;
        op->path = row[i].path;
        CompleteAll(op, 1);
      }
      done += piece;
    }
  }
};

Engine::Engine(std::unique_ptr<Body> body) : body_(std::move(body)) {}
Engine::~Engine() = default;

std::shared_ptr<Engine> Engine::Create(const EngineConfig& config,
                                       std::string* error) {
  *error = config.Validate();
  if (!error->empty()) {
    return nullptr;
  }
  EngineRequest request;
  request.queue_depth = config.queue_depth;
  request.rings_max = config.rings_max;
  request.readahead_bytes = config.buffer_bytes;
  request.deadline_buffer_bytes = config.deadline_buffer_bytes;
  request.abandoned_max = config.abandoned_max;
  if (config.polling.has_value()) {
    request.polling = static_cast<Polling>(*config.polling);
  }
  std::shared_ptr<SharedEngine> shared = SharedEngine::Acquire(request, error);
  if (shared == nullptr) {
    return nullptr;
  }
  if (config.require_rings) {
    const FallbackState fallback = shared->TryRing();
    if (fallback.active) {
      *error = "require_rings=1: " + fallback.reason +
               "; remedy: " + fallback.remedy;
      return nullptr;
    }
  }
  return std::shared_ptr<Engine>(
      new Engine(std::make_unique<Body>(std::move(shared))));
}

bool Engine::has_rings() const { return body_->shared->has_rings(); }

void Engine::Run(Operation* const* operations, size_t count) {
  if (count == 1) {
    Run(operations[0]);
    return;
  }
  Body::RunInRow(operations, count, [this](IoOp* ops, size_t piece) {
    RunOptions options;
    options.polls = body_->MayPoll(ops, piece);
    body_->engine()->Run(ops, piece, options);
  });
}

int64_t Engine::Run(Operation* operation) {
  IoOp* const op = &operation->body_->op;
  op->stat_kind = StatKindOf(op->kind);
  body_->engine()->Run(op, 1, RunOptions());
  return op->result;
}

bool Engine::RunUntil(Operation* const* operations, size_t count,
                      uint64_t timeout_us) {
  if (std::any_of(operations, operations + count, [](const Operation* op) {
        return op->body_->op.kind != IoKind::kRead;
      })) {
    Body::RunInRow(operations, count, [](IoOp* ops, size_t piece) {
      std::for_each(ops, ops + piece, [](IoOp& op) { op.result = -EINVAL; });
    });
    return true;
  }
  DeadlineReads* const reads = body_->shared->deadline_reads();
  if (reads == nullptr) {
    Run(operations, count);
    return true;
  }
  const Deadline deadline = Deadline::In(timeout_us);
  bool complete = true;
  Body::RunInRow(operations, count, [&](IoOp* ops, size_t piece) {
    reads->Run(ops, piece, body_->shared, deadline);
    complete = complete && std::all_of(ops, ops + piece, [](const IoOp& op) {
                 return op.end == IoEnd::kFinished;
               });
  });
  return complete;
}

size_t Engine::Submit(Operation* const* operations, size_t count) {
  size_t taken = 0;
  while (taken < count) {
    IoOp* ops[kPiece];
    const size_t piece = std::min(count - taken, kPiece);
    for (size_t i = 0; i < piece; ++i) {
      ops[i] = &operations[taken + i]->body_->op;
      ops[i]->stat_kind = ops[i]->kind == IoKind::kRead
                              ? StatKind::kReadAsync
                              : StatKindOf(ops[i]->kind);
    }
    const size_t more = body_->engine()->Submit(ops, piece);
    taken += more;
    if (more < piece) {
      break;
    }
  }
  return taken;
}

bool Engine::Wait(Operation* operation, uint64_t timeout_us) {
  return body_->engine()->Wait(&operation->body_->op, timeout_us);
}

bool Engine::WaitAll(Operation* const* operations, size_t count,
                     uint64_t timeout_us) {
  const Deadline deadline =
      timeout_us == kNoTimeout ? Deadline() : Deadline::In(timeout_us);
  bool complete = true;
  for (size_t done = 0; done < count;) {
    IoOp* ops[kPiece];
    const size_t piece = std::min(count - done, kPiece);
    for (size_t i = 0; i < piece; ++i) {
      ops[i] = &operations[done + i]->body_->op;
    }
    complete = body_->engine()->WaitAll(ops, piece, deadline) && complete;
    done += piece;
  }
  return complete;
}

bool Engine::WaitAny(Operation* const* operations, size_t count,
                     uint64_t timeout_us) {
  // Where memory is short, one of the first.
  SmallVector<IoOp*, kPiece> ops(count);
  for (size_t i = 0; i < std::min(count, ops.capacity()); ++i) {
    ops.push_back(&operations[i]->body_->op);
  }
  return body_->engine()->WaitAny(
      ops.data(), ops.size(),
      timeout_us == kNoTimeout ? Deadline() : Deadline::In(timeout_us));
}

size_t Engine::Poll() { return body_->engine()->Poll(); }

void Engine::Cancel(Operation* operation) {
  body_->engine()->Cancel(&operation->body_->op);
}

EngineBuffer Engine::AllocateBuffer(size_t size) {
  EngineBuffer buffer;
  AlignedBuffer memory = body_->shared->read_ahead_budget()->Acquire(
      std::max<size_t>(size, 1), AlignedBuffer::WholePages(1));
  if (memory.data() != nullptr) {
    buffer.body_.reset(new (std::nothrow) EngineBuffer::Body());
  }
  if (buffer.body_ != nullptr) {
    buffer.body_->engine = body_->shared;
    buffer.body_->buffer = std::move(memory);
  } else if (memory.data() != nullptr) {
    body_->shared->read_ahead_budget()->Release(std::move(memory));
  }
  return buffer;
}

EngineStatistics Engine::Statistics() const {
  const SharedEngine& shared = *body_->shared;
  const StatisticsSnapshot snapshot = shared.statistics()->Snapshot();
  EngineStatistics out;
  for (size_t i = 0; i < kStatKindCount; ++i) {
    for (size_t k = 0; k < kIoPathCount; ++k) {
      const auto kind = static_cast<StatKind>(i);
      const auto path = static_cast<IoPath>(k);
      const OperationCount& op = snapshot.op(kind, path);
      if (op.count == 0) {
        continue;
      }
      const LatencySnapshot times = shared.statistics()->Latency(kind, path);
      out.rows.push_back({StatKindName(kind), IoPathName(path), op.count,
                          op.bytes, op.errors, times.Quantile(0.5),
                          times.Quantile(0.99), times.max_ns});
    }
  }
  const InFlightReport in_flight = shared.InFlight();
  out.in_flight = in_flight.operations;
  out.queued = in_flight.queued;
  out.abandoned = in_flight.abandoned;
  out.abandoned_bytes = in_flight.abandoned_bytes;
  if (in_flight.oldest.has_value()) {
    out.oldest_us = in_flight.oldest->age_ns / 1000;
    out.oldest_fd = in_flight.oldest->operation.fd;
    out.oldest_offset = in_flight.oldest->operation.offset;
  }
  out.rings = shared.rings();
  out.memory_bytes = shared.memory_bytes();
  out.background_requests = snapshot.event(StatEvent::kBackgroundRequest);
  out.polled_batches = snapshot.event(StatEvent::kPolledBatch);
  PollingState polling = shared.polling();
  out.polling_active = polling.active;
  out.polling_reason = std::move(polling.reason);
  out.polling_remedy = std::move(polling.remedy);
  FallbackState fallback = shared.fallback();
  out.fallback_reason = std::move(fallback.reason);
  out.fallback_remedy = std::move(fallback.remedy);
  return out;
}

}  // namespace rocksdb_uring
