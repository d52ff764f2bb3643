// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/errors/injecting_ring.h"

#include <optional>
#include <utility>

#include "tests/faults/errors/injector.h"
#include "tests/support/engine/decorated_rings.h"

namespace rocksdb_uring {

namespace {

// Reads, cancellations and NOPs have no operation.
std::optional<Operation> OperationOf(const RingRequest& request) {
  switch (request.opcode) {
    case RingOpcode::kWrite:
    case RingOpcode::kWritev:
      return Operation::kAppend;
    case RingOpcode::kFsync:
      return request.flags == kRingFsyncDataOnly ? Operation::kDataSync
                                                 : Operation::kSync;
    case RingOpcode::kSyncFileRange:
      return Operation::kRangeSync;
    case RingOpcode::kFallocate:
      return Operation::kAllocate;
    case RingOpcode::kNop:
    case RingOpcode::kRead:
    case RingOpcode::kReadv:
    case RingOpcode::kCancel:
      break;
  }
  return std::nullopt;
}

// The engine tests with a sync of descriptor -1 whether rings can sync; that
// request must reach the kernel.
bool IsSync(const RingRequest& request) {
  return request.fd >= 0 && (request.opcode == RingOpcode::kFsync ||
                             request.opcode == RingOpcode::kSyncFileRange);
}

}  // namespace

RingFactory InjectingRing::Factory() { return DecoratedRings<InjectingRing>(); }

bool InjectingRing::Prepare(const RingRequest& request) {
  Injector* const injector = Injector::Instance();
  const std::optional<Operation> operation = OperationOf(request);
  const int error =
      operation ? injector->Take(*operation, request.fd, Seam::kRing) : 0;
  RingRequest sent = request;
  if (error != 0 || IsSync(request)) {
    sent = RingRequest();
    sent.user_data = request.user_data;
  }
  MutexLock lock(&mutex_);
  const bool prepared = ForwardingRing::Prepare(sent);
  if (error != 0 && prepared) {
    faults_[request.user_data] = error;
  } else if (error != 0) {
    injector->PutBack(Seam::kRing);
  }
  return prepared;
}

unsigned InjectingRing::Reap(RingCompletion* completions, unsigned max) {
  const unsigned count = ForwardingRing::Reap(completions, max);
  MutexLock lock(&mutex_);
  for (unsigned i = 0; i < count; ++i) {
    const auto found = faults_.find(completions[i].user_data);
    if (found != faults_.end()) {
      completions[i].result = -found->second;
      faults_.erase(found);
    }
  }
  return count;
}

}  // namespace rocksdb_uring
