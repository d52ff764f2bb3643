#include "env/engine/uring_engine.h"

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "env/base/debug_log.h"
#include "env/base/process_memory.h"
#include "env/base/thread_number.h"
#include "env/engine/fork_generation.h"
#include "env/engine/ring_batch.h"
#include "env/engine/ring_request.h"
#include "env/ring/features.h"

namespace rocksdb_uring {

namespace {

RingPool::Options PoolOptions(const EngineOptions& options) {
  RingPool::Options pool;
  pool.factory = options.ring_factory;
  pool.ring.entries = options.queue_depth;
  pool.rings_max = options.rings_max;
  return pool;
}

}  // namespace

uint64_t EngineOptions::DefaultReadaheadBytes() {
  static const uint64_t bytes =
      std::clamp<uint64_t>(ProcessMemoryBytes() / 64, 32 << 20, 256 << 20);
  return bytes;
}

UringEngine::UringEngine(const EngineOptions& options, Statistics* statistics,
                         MemoryAccount* account)
    : statistics_(statistics),
      generation_(ForkGeneration::AtBirth()),
      posix_(options.system_calls, statistics),
      pool_(PoolOptions(options), &breaker_, statistics, account),
      shard_count_(std::clamp<size_t>(2 * std::thread::hardware_concurrency(),
                                      kShardsMin, kShardsMax)) {
  for (size_t i = 0; i < shard_count_; ++i) {
    AsyncShard::Options shard;
    shard.factory = options.ring_factory;
    shard.ring.entries = options.queue_depth;
    shard.ring.completion_entries = options.queue_depth * kInFlightPerEntry;
    shard.backlog_max = shard.ring.completion_entries;
    shard.index = static_cast<uint32_t>(i);
    shards_[i] = std::make_unique<AsyncShard>(
        std::move(shard),
        AsyncShard::Environment{&posix_, &breaker_, statistics, account});
    stand_ins_[i].shard.store(static_cast<uint8_t>(i),
                              std::memory_order_relaxed);
  }
}

UringEngine::~UringEngine() = default;

bool UringEngine::forked() const {
  return generation_ != ForkGeneration::Now();
}

bool UringEngine::WantsRing(const IoOp* ops, size_t count,
                            const RunOptions& options) {
  switch (options.path) {
    case PathChoice::kPosix:
      return false;
    case PathChoice::kUring:
      return true;
    case PathChoice::kAuto:
      break;
  }
  // Measured (env/README.md): a ring pays where several direct operations can
  // be in flight at once. One alone is as fast as pread and costs more CPU;
  // buffered reads are faster with WILLNEED and pread; buffered writes on ext4
  // are handed to a kernel thread.
  return count > 1 && std::all_of(ops, ops + count, [](const IoOp& op) {
           return op.alignment != 0;
         });
}

UringEngine::Syncs UringEngine::TrySync() {
  std::unique_ptr<Ring> ring = pool_.Lease();
  if (ring == nullptr) {
    return Syncs::kUnknown;
  }
  IoOp sync;
  sync.kind = IoKind::kFsync;
  sync.stat_kind = StatKind::kFsync;
  sync.fd = -1;
  RingBatch batch(ring.get(), &posix_, statistics_, 0);
  if (!batch.Run(&sync, 1)) {
    pool_.Retire(std::move(ring), batch.failed_call(), batch.error());
    return Syncs::kUnknown;
  }
  pool_.Return(std::move(ring));
  if (!RefusesSyncs(sync.result)) {
    return sync.result == -EBADF ? Syncs::kOnRings : Syncs::kUnknown;
  }
  const Errno error = Errno::FromResult(sync.result);
  if (DebugLogEnabled()) {
    DebugLog("rings do no syncs: %s; POSIX does them",
             error.text(Errno::Buffer()));
  }
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
  if (forked() || !WantsRing(ops, count, options) ||
      (std::any_of(ops, ops + count, ReportsWriteErrors) && !RingsDoSyncs())) {
    posix_.Run(ops, count, options);
    return;
  }
  std::unique_ptr<Ring> ring = pool_.Lease();
  if (ring == nullptr) {
    posix_.Run(ops, count, options);
    return;
  }
  RingBatch batch(ring.get(), &posix_, statistics_, options.timeout_us);
  if (batch.Run(ops, count)) {
    pool_.Return(std::move(ring));
  } else {
    pool_.Retire(std::move(ring), batch.failed_call(), batch.error());
  }
  if (count > 1) {
    statistics_->CountBatch(count);
  }
  CountCompleted(ops, count, statistics_);
  CompleteAll(ops, count);
}

AsyncShard* UringEngine::MyShard() {
  const size_t home = ThreadNumber() % shard_count_;
  StandIn* const stand_in = &stand_ins_[home];
  uint8_t index = stand_in->shard.load(std::memory_order_relaxed);
  if (index != home && Breaker::Clock::now().time_since_epoch().count() >=
                           stand_in->until.load(std::memory_order_relaxed)) {
    index = static_cast<uint8_t>(home);
    stand_in->shard.store(index, std::memory_order_relaxed);
  }
  return shards_[index].get();
}

AsyncShard* UringEngine::ReplaceMyShard() {
  if (!MyShard()->refused()) {
    return nullptr;
  }
  std::array<uint8_t, kShardsMax> serving;
  size_t count = 0;
  for (size_t i = 0; i < shard_count_; ++i) {
    if (shards_[i]->has_ring()) {
      serving[count++] = static_cast<uint8_t>(i);
    }
  }
  if (count == 0) {
    return nullptr;
  }
  const size_t home = ThreadNumber() % shard_count_;
  // Several refused shards spread over those that have rings.
  const uint8_t chosen = serving[home % count];
  const auto until = Breaker::Clock::now() + Breaker::kCreatePause;
  stand_ins_[home].until.store(until.time_since_epoch().count(),
                               std::memory_order_relaxed);
  stand_ins_[home].shard.store(chosen, std::memory_order_relaxed);
  return shards_[chosen].get();
}

size_t UringEngine::Submit(IoOp* const* ops, size_t count) {
  const bool syncs = std::any_of(
      ops, ops + count, [](const IoOp* op) { return ReportsWriteErrors(*op); });
  if (forked() || (syncs && !RingsDoSyncs())) {
    return 0;
  }
  const size_t taken = MyShard()->Submit(ops, count);
  if (taken > 0 || count == 0) {
    return taken;
  }
  AsyncShard* const stand_in = ReplaceMyShard();
  return stand_in != nullptr ? stand_in->Submit(ops, count) : 0;
}

bool UringEngine::Wait(IoOp* op, uint64_t timeout_us) {
  if (op->completed()) {
    return true;
  }
  if (forked() && op->state() != IoState::kIdle) {
    // The parent's ring completes the parent's copy; ours is done here.
    op->result = posix_.Finish(*op, 0);
    op->path = IoPath::kPosix;
    CompleteAll(op, 1);
    return true;
  }
  return shards_[op->shard]->Wait(op, timeout_us);
}

void UringEngine::WaitAll(IoOp* const* ops, size_t count) {
  if (forked()) {
    IoEngine::WaitAll(ops, count);
    return;
  }
  // Piece by piece, in memory that needs not be had.
  constexpr size_t kPiece = 64;
  for (; count > 0;
       ops += std::min(count, kPiece), count -= std::min(count, kPiece)) {
    IoOp* const* const end = ops + std::min(count, kPiece);
    for (size_t i = 0; i < shard_count_; ++i) {
      IoOp* here[kPiece];
      IoOp** const here_end = std::copy_if(
          ops, end, here, [i](const IoOp* op) { return op->shard == i; });
      shards_[i]->WaitAll(here, static_cast<size_t>(here_end - here));
    }
  }
}

size_t UringEngine::Poll() {
  size_t completed = 0;
  for (size_t i = 0; i < shard_count_ && !forked(); ++i) {
    completed += shards_[i]->Poll();
  }
  return completed;
}

void UringEngine::Cancel(IoOp* op) {
  if (!forked() && !op->completed() && op->state() != IoState::kIdle) {
    shards_[op->shard]->Cancel(op);
  }
}

bool UringEngine::TryRing() {
  std::unique_ptr<Ring> ring = pool_.Lease();
  if (ring == nullptr) {
    return false;
  }
  // A ring that can be made may still take no request.
  RingFeatures refusal;
  if (!TestRing(ring.get(), &refusal)) {
    if (refusal.error.ok()) {
      refusal.error = Errno::FromErrno(EIO);
    }
    pool_.Retire(std::move(ring), "io_uring_enter", refusal.error);
    return false;
  }
  pool_.Return(std::move(ring));
  return true;
}

bool UringEngine::asynchronous() { return !forked() && breaker_.MayAllow(); }

}  // namespace rocksdb_uring
