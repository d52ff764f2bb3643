// Which path an operation takes: a leased ring, a shard, or POSIX.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/uring_engine.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "env/base/debug_log.h"
#include "env/base/thread_number.h"
#include "env/engine/fork_generation.h"
#include "env/engine/ring_batch.h"
#include "env/engine/ring_request.h"
#include "env/engine/run_watch.h"
#include "env/ring/features.h"

namespace rocksdb_uring {

namespace {

// Operations of a batch that go to a shard together; their addresses are on the
// stack, since to read must not need memory.
constexpr size_t kShardPiece = 64;

RingPool::Options PoolOptions(const EngineOptions& options,
                              RingPolling polling = RingPolling::kNone) {
  RingPool::Options pool;
  pool.ring.entries = options.queue_depth;
  pool.ring.polling = polling;
  pool.rings_max = options.rings_max;
  pool.cpus = options.cpus;
  return pool;
}

}  // namespace

UringEngine::Polled::Polled(const EngineOptions& options,
                            const RingEnvironment& others)
    : rings{options.ring_factory, &breaker, others.statistics, others.account},
      pool(PoolOptions(options, RingPolling::kCompletions), &rings) {}

UringEngine::UringEngine(const EngineOptions& options, Statistics* statistics,
                         MemoryAccount* account)
    : statistics_(statistics),
      generation_(ForkGeneration::AtBirth()),
      system_calls_(options.system_calls),
      posix_(options.system_calls, statistics),
      completer_(&posix_, statistics),
      polling_(options.polling),
      poller_(polling_ == Polling::kSubmission
                  ? std::make_shared<SubmissionPoller>(options.ring_factory,
                                                       options.cpus)
                  : nullptr),
      rings_{FactoryWith(poller_, options.ring_factory), &breaker_, statistics,
             account},
      pool_(PoolOptions(options), &rings_),
      polled_(polling_ == Polling::kDevice
                  ? std::make_unique<Polled>(options, rings_)
                  : nullptr),
      shard_count_(ShardCount(options.cpus)),
      loop_ring_{options.queue_depth, InFlightMax(options.queue_depth)} {
  for (size_t i = 0; i < shard_count_; ++i) {
    AsyncShard::Options shard;
    shard.ring.entries = options.queue_depth;
    shard.ring.completion_entries = InFlightMax(options.queue_depth);
    shard.backlog_max = options.queue_depth * kWaitingPerEntry;
    shard.index = static_cast<uint32_t>(i);
    shards_[i] = std::make_unique<AsyncShard>(shard, completer_, &rings_);
  }
}

UringEngine::~UringEngine() = default;

bool UringEngine::WantsRing(const IoOp* ops, size_t count,
                            const RunOptions& options) {
  switch (options.path) {
    case PathChoice::kPosix:
    case PathChoice::kPlain:
      return false;
    case PathChoice::kUring:
      return true;
    case PathChoice::kAuto:
      break;
  }
  // Measured (env/MEASUREMENTS.md): a ring pays where several direct operations
  // can be in flight at once. One alone is as fast as pread and costs more CPU;
  // buffered reads are faster with WILLNEED and pread; buffered writes on ext4
  // are handed to a kernel thread.
  return count > 1 && std::all_of(ops, ops + count, [](const IoOp& op) {
           return op.alignment != 0;
         });
}

// A sync of no descriptor: a ring that does syncs answers -EBADF, and nothing
// is lost in either case. A real sync cannot be the trial, since its failure
// must reach the caller and may not be taken for a refusal.
UringEngine::Syncs UringEngine::TrySync() {
  std::unique_ptr<LiveRing> ring = pool_.Lease();
  if (ring == nullptr) {
    return Syncs::kUnknown;
  }
  IoOp sync;
  sync.kind = IoKind::kFsync;
  sync.stat_kind = StatKind::kFsync;
  sync.fd = -1;
  RingBatch(ring.get(), completer_).Run(&sync, 1);
  const bool failed = ring->failed();
  pool_.Return(std::move(ring));
  if (failed) {
    return Syncs::kUnknown;
  }
  if (!RefusesSyncs(sync.result)) {
    return sync.result == -EBADF ? Syncs::kOnRings : Syncs::kUnknown;
  }
  const Errno error = Errno::FromResult(sync.result);
  DebugLog("rings do no syncs: %s; POSIX does them",
           error.text(Errno::Buffer()));
  breaker_.NoteFailure(kRingSync, error);
  return Syncs::kRefused;
}

bool UringEngine::RingsDoSyncs() {
  Syncs syncs = syncs_.load(std::memory_order_relaxed);
  if (syncs == Syncs::kUnknown) {
    syncs = TrySync();
    if (syncs != Syncs::kUnknown) {
      syncs_.store(syncs, std::memory_order_relaxed);
    }
  }
  return syncs == Syncs::kOnRings;
}

void UringEngine::Run(IoOp* ops, size_t count, const RunOptions& options) {
  if (count == 0 || forked() || !WantsRing(ops, count, options) ||
      (std::any_of(ops, ops + count, ReportsWriteErrors) && !RingsDoSyncs())) {
    posix_.Run(ops, count, options);
    return;
  }
  const StartTime start = StartTime::Exact();
  RingPool* pool = nullptr;
  std::unique_ptr<LiveRing> ring = LeaseFor(options, &pool);
  if (ring == nullptr) {
    RunWithoutRing(ops, count, options);
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    SetRequestPriority(&ops[i]);
  }
  RunWatch watch(ops, count, start, statistics_);
  RingBatch(ring.get(), completer_).Run(ops, count);
  // Before callbacks and states: the next batch may have it at once.
  pool->Return(std::move(ring));
  if (count > 1) {
    statistics_->CountBatch(count);
  }
  watch.End(ops);
  CompleteAll(ops, count);
}

// Without a ring that polls, one that does not serves as well.
std::unique_ptr<LiveRing> UringEngine::LeaseFor(const RunOptions& options,
                                                RingPool** pool) {
  std::unique_ptr<LiveRing> ring;
  if (options.polls && polled_ != nullptr) {
    *pool = &polled_->pool;
    ring = polled_->pool.Lease();
  }
  if (ring != nullptr) {
    statistics_->Count(StatEvent::kPolledBatch);
  } else {
    *pool = &pool_;
    ring = pool_.Lease();
  }
  return ring;
}

PollingState UringEngine::polling() {
  if (poller_ != nullptr) {
    return poller_->state();
  }
  if (polled_ == nullptr) {
    return {};
  }
  const RingFailure failure = polled_->breaker.last_failure();
  if (failure.call != nullptr && failure.current) {
    return FailedPolling(failure.call, failure.error);
  }
  return polled_->devices.state();
}

void UringEngine::RunWithoutRing(IoOp* ops, size_t count,
                                 const RunOptions& options) {
  // One operation gains nothing. A refusal for any other reason than too many
  // rings says that rings are not wanted, and a shard that still has one must
  // not hide that.
  if (count == 1 || !pool_.exhausted()) {
    posix_.Run(ops, count, options);
    return;
  }
  for (size_t done = 0; done < count;) {
    const size_t piece = std::min(count - done, kShardPiece);
    RunInShard(ops + done, piece, options);
    done += piece;
  }
}

// 32 reads of 80 us, one after the other, would be 2.5 ms instead of 0.2.
void UringEngine::RunInShard(IoOp* ops, size_t count,
                             const RunOptions& options) {
  IoOp* pointers[kShardPiece] = {};
  for (size_t i = 0; i < count; ++i) {
    pointers[i] = &ops[i];
  }
  const size_t taken = Submit(pointers, count);
  if (taken < count) {
    posix_.Run(ops + taken, count - taken, options);
  }
  WaitAll(pointers, taken);
  if (taken > 1) {
    statistics_->CountBatch(taken);
  }
}

// Of each request and not of the thread, which may also hand over what others
// have left.
void UringEngine::SetRequestPriority(IoOp* op) {
  op->kernel_priority = 0;
  if (IsBackground(op->priority)) {
    op->kernel_priority =
        RequestPriority(op->priority, system_calls_->IoPriority());
    statistics_->Count(StatEvent::kBackgroundRequest);
  }
}

// By the number of the thread: a thread finds its own reads in one queue, and
// reaps what it has submitted, which saves wake-ups of other threads.
AsyncShard* UringEngine::MyShard() {
  return shards_[ThreadNumber() & (shard_count_ - 1)].get();
}

AsyncShard* UringEngine::StandIn() {
  // With the breaker open no shard may serve, with or without a ring.
  if (breaker_.open() || MyShard()->has_ring()) {
    return nullptr;
  }
  std::array<AsyncShard*, kShardsMax> serving;
  size_t count = 0;
  for (size_t i = 0; i < shard_count_; ++i) {
    if (shards_[i]->has_ring()) {
      serving[count++] = shards_[i].get();
    }
  }
  // Threads of several refused shards spread over those that have rings.
  return count == 0 ? nullptr : serving[ThreadNumber() % shard_count_ % count];
}

size_t UringEngine::Submit(IoOp* const* ops, size_t count) {
  const bool syncs = std::any_of(
      ops, ops + count, [](const IoOp* op) { return ReportsWriteErrors(*op); });
  if (forked() || (syncs && !RingsDoSyncs())) {
    return 0;
  }
  const StartTime start = StartTime::Exact();
  std::for_each(ops, ops + count, [this, start](IoOp* op) {
    op->start = start;
    SetRequestPriority(op);
  });
  // Its own shard first, always: that is where a ring is asked for again.
  const size_t taken = MyShard()->Submit(ops, count);
  if (taken > 0 || count == 0) {
    return taken;
  }
  AsyncShard* const stand_in = StandIn();
  return stand_in != nullptr ? stand_in->Submit(ops, count) : 0;
}

bool UringEngine::Wait(IoOp* op, uint64_t timeout_us) {
  if (op->completed()) {
    return true;
  }
  if (forked() && IsInFlight(op)) {
    // The parent's ring completes the parent's copy, and the child must touch
    // neither the ring nor the locks of threads that it does not have.
    op->result = posix_.Finish(*op, 0);
    op->path = IoPath::kPosix;
    CompleteAll(op, 1);
    return true;
  }
  return shards_[op->shard]->Wait(op, timeout_us);
}

bool UringEngine::WaitAll(IoOp* const* ops, size_t count, Deadline deadline) {
  if (forked()) {
    return IoEngine::WaitAll(ops, count, deadline);
  }
  // Piece by piece, on the stack: to wait must not need memory. Shard after
  // shard: all must be complete, so that the order costs nothing.
  bool complete = true;
  for (; count > 0; ops += std::min(count, kShardPiece),
                    count -= std::min(count, kShardPiece)) {
    IoOp* const* const end = ops + std::min(count, kShardPiece);
    for (size_t i = 0; i < shard_count_; ++i) {
      IoOp* here[kShardPiece];
      IoOp** const here_end = std::copy_if(
          ops, end, here, [i](const IoOp* op) { return op->shard == i; });
      complete = shards_[i]->WaitAll(here, static_cast<size_t>(here_end - here),
                                     deadline) &&
                 complete;
    }
  }
  return complete;
}

// What a thread has submitted is in one shard, unless that had no ring for a
// while: then the shards have their turns.
bool UringEngine::WaitAny(IoOp* const* ops, size_t count, Deadline deadline) {
  IoOp* const* const end = ops + count;
  while (!AnyCompleted(ops, count)) {
    IoOp* const* const first = std::find_if(ops, end, IsInFlight);
    if (first == end || forked() || deadline.passed()) {
      return (first != end && Wait(*first, deadline.LeftUs())) ||
             AnyCompleted(ops, count);
    }
    AsyncShard* const shard = shards_[(*first)->shard].get();
    if (std::all_of(first, end, [first](const IoOp* op) {
          return op->shard == (*first)->shard;
        })) {
      shard->WaitAny(first, static_cast<size_t>(end - first), deadline);
    } else if (Poll() == 0) {
      shard->Wait(*first, std::min(kShardTurnUs, deadline.LeftUs()));
    }
  }
  return true;
}

// All shards, also those in which this thread has nothing: a read whose own
// thread does not poll completes, too.
size_t UringEngine::Poll() {
  size_t completed = 0;
  for (size_t i = 0; i < shard_count_ && !forked(); ++i) {
    completed += shards_[i]->Poll();
  }
  return completed;
}

void UringEngine::Cancel(IoOp* op) {
  if (!forked() && IsInFlight(op)) {
    shards_[op->shard]->Cancel(op);
  }
}

bool UringEngine::TryRing() {
  std::unique_ptr<LiveRing> ring = pool_.Lease();
  if (ring == nullptr) {
    return false;
  }
  // A ring that can be made may still take no request.
  RingFeatures refusal;
  const bool works = TestRing(ring->ring(), &refusal);
  if (works) {
    RingEvidence seen;
    seen.worked = 1;
    ring->Judge(seen);
  } else {
    ring->Fail("io_uring_enter",
               refusal.error.ok() ? Errno::FromErrno(EIO) : refusal.error);
  }
  pool_.Return(std::move(ring));
  return works;
}

std::unique_ptr<RingLoop> UringEngine::StartLoop(RingLoop::Work* work) {
  if (forked()) {
    return nullptr;
  }
  ShardQueue::Options options;
  options.ring = loop_ring_;
  // Coroutines that wait for room cost nothing more: the queue is linked
  // through their operations.
  options.backlog_max = std::numeric_limits<size_t>::max();
  options.index = static_cast<uint32_t>(shard_count_) +
                  loops_started_.fetch_add(1, std::memory_order_relaxed);
  return RingLoop::Start(options, completer_, &rings_, &loops_, work);
}

void UringEngine::AddInFlight(InFlightReport* report) {
  IoEngine::AddInFlight(report);
  // In a forked child their locks may be held for ever.
  if (forked()) {
    return;
  }
  loops_.AddInFlight(report);
  for (size_t i = 0; i < shard_count_; ++i) {
    shards_[i]->AddInFlight(report);
  }
}

}  // namespace rocksdb_uring
