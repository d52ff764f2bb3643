// How a ring begins, proves itself, and ends.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/live_ring.h"

#include <atomic>
#include <cerrno>
#include <new>
#include <utility>

#include "env/base/debug_log.h"

namespace rocksdb_uring {

namespace {

uint64_t NextNumber() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

std::unique_ptr<LiveRing> LiveRing::Make(const RingEnvironment& environment,
                                         const Request& request,
                                         const Prepare& prepare) {
  RingOrError made = environment.factory(request.ring);
  if (made.ring == nullptr) {
    CountRefusal(environment, request, made.error);
    return nullptr;
  }
  // A ring without its tables is no use, so that a lack of memory for them is
  // a lack of memory for the ring: the same pause, the same path to POSIX.
  std::unique_ptr<LiveRing> self;
  if (prepare == nullptr || prepare(*made.ring)) {
    self.reset(new (std::nothrow)
                   LiveRing(environment, request, std::move(made.ring)));
  }
  if (self == nullptr) {
    CountRefusal(environment, request, Errno::FromErrno(ENOMEM));
  }
  return self;
}

LiveRing::LiveRing(const RingEnvironment& environment, const Request& request,
                   std::unique_ptr<Ring> ring)
    : environment_(environment),
      request_(request),
      number_(NextNumber()),
      ring_(std::move(ring)) {
  DebugLog("ring for %s created: %u and %u entries, %zu bytes",
           request_.user.c_str(), ring_->submission_entries(),
           ring_->completion_entries(), ring_->memory_bytes());
  environment_.statistics->Count(StatEvent::kRingCreated);
  environment_.breaker->RingCreated();
  environment_.account->Add(ring_->memory_bytes());
}

LiveRing::~LiveRing() {
  environment_.account->Subtract(ring_->memory_bytes());
  // The kernel's memory first: who sees one ring less may make another.
  ring_.reset();
  environment_.breaker->RingDestroyed();
  if (failed_) {
    environment_.statistics->Count(StatEvent::kRingRetired);
  }
}

void LiveRing::CountRefusal(const RingEnvironment& environment,
                            const Request& request, Errno error) {
  DebugLog("ring for %s refused: %s", request.user.c_str(),
           error.text(Errno::Buffer()));
  environment.statistics->Count(StatEvent::kRingRefused);
  if (environment.breaker->RecordRefusal(error)) {
    environment.statistics->Count(StatEvent::kBreakerOpened);
  }
}

bool LiveRing::Allow() {
  if (!environment_.breaker->Allow()) {
    return false;
  }
  // The breaker is open and has allowed this one: a trial, in which what the
  // ring has done before counts for nothing.
  proven_ = proven_ && !environment_.breaker->open();
  return true;
}

void LiveRing::Judge(const RingEvidence& seen) {
  // Why a failed ring failed has been told; what it consumed before completes
  // all the same, and must not close the breaker again.
  if (failed_) {
    return;
  }
  if (seen.worked > 0) {
    refusals_in_a_row_ = 0;
    // Not when it is created: a ring that can be made may still take no
    // request. Nor again while the breaker is open: a ring that began before
    // says nothing about the trial.
    if (!proven_ || !environment_.breaker->open()) {
      environment_.breaker->RecordSuccess();
    }
    proven_ = true;
  }
  if (seen.refused == 0) {
    return;
  }
  // A mixture says that the kernel refuses some operations, not the ring: the
  // order within one harvest is not known, so that the whole of it either
  // breaks the row of refusals or prolongs it.
  if (seen.worked == 0) {
    refusals_in_a_row_ += seen.refused;
  }
  if (!proven_ || refusals_in_a_row_ >= request_.refusals_max) {
    Fail(kRingOperation, Errno::FromResult(seen.last_refusal));
  }
}

void LiveRing::Fail(const char* call, Errno error) {
  if (failed_) {
    return;
  }
  failed_ = true;
  DebugLog("ring for %s given up: %s: %s", request_.user.c_str(), call,
           error.text(Errno::Buffer()));
  if (environment_.breaker->RecordFailure(call, error)) {
    environment_.statistics->Count(StatEvent::kBreakerOpened);
  }
}

}  // namespace rocksdb_uring
