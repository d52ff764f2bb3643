// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/power/recording_ring.h"

#include <sys/uio.h>

#include <utility>

#include "tests/support/engine/decorated_rings.h"

namespace rocksdb_uring {

namespace {

// False for what changes nothing.
bool ToEntry(const RingRequest& request, LogEntry* entry) {
  entry->offset = request.offset;
  entry->length = request.length;
  entry->flags = request.flags;
  switch (request.opcode) {
    case RingOpcode::kWrite:
      entry->op = LogOp::kWrite;
      entry->data.assign(static_cast<const char*>(request.address),
                         request.length);
      return true;
    case RingOpcode::kWritev: {
      entry->op = LogOp::kWrite;
      const auto* iov = static_cast<const iovec*>(request.address);
      for (uint64_t i = 0; i < request.length; ++i) {
        entry->data.append(static_cast<const char*>(iov[i].iov_base),
                           iov[i].iov_len);
      }
      return true;
    }
    case RingOpcode::kFsync:
      entry->op =
          request.flags == kRingFsyncDataOnly ? LogOp::kDataSync : LogOp::kSync;
      return true;
    case RingOpcode::kSyncFileRange:
      entry->op = LogOp::kRangeSync;
      return true;
    case RingOpcode::kFallocate:
      entry->op = LogOp::kAllocate;
      return true;
    case RingOpcode::kNop:
    case RingOpcode::kRead:
    case RingOpcode::kReadv:
    case RingOpcode::kCancel:
      return false;
  }
  return false;
}

}  // namespace

RingFactory RecordingRing::Factory() { return DecoratedRings<RecordingRing>(); }

bool RecordingRing::Prepare(const RingRequest& request) {
  if (!ForwardingRing::Prepare(request)) {
    return false;
  }
  MutexLock lock(&mutex_);
  Prepared prepared;
  prepared.request = request;
  prepared_.push_back(prepared);
  return true;
}

int RecordingRing::Submit() {
  BeforeSubmit();
  const int consumed = ForwardingRing::Submit();
  AfterSubmit(consumed);
  return consumed;
}

int RecordingRing::SubmitAndWait(unsigned count) {
  BeforeSubmit();
  const int consumed = ForwardingRing::SubmitAndWait(count);
  AfterSubmit(consumed);
  return consumed;
}

void RecordingRing::BeforeSubmit() {
  MutexLock lock(&mutex_);
  for (Prepared& prepared : prepared_) {
    if (prepared.submitted) {
      Recorder::Instance()->BeginAgain(prepared.entry);
      continue;
    }
    LogEntry entry;
    if (ToEntry(prepared.request, &entry)) {
      prepared.entry =
          Recorder::Instance()->Begin(prepared.request.fd, std::move(entry));
    }
    prepared.submitted = true;
    in_flight_.emplace(prepared.request.user_data, prepared.entry);
  }
}

void RecordingRing::AfterSubmit(int consumed) {
  MutexLock lock(&mutex_);
  for (int i = 0; i < consumed && !prepared_.empty(); ++i) {
    prepared_.pop_front();
  }
}

unsigned RecordingRing::Reap(RingCompletion* completions, unsigned max) {
  const unsigned count = ForwardingRing::Reap(completions, max);
  MutexLock lock(&mutex_);
  for (unsigned i = 0; i < count; ++i) {
    const auto found = in_flight_.find(completions[i].user_data);
    if (found != in_flight_.end()) {
      Recorder::Instance()->End(found->second, completions[i].result);
      in_flight_.erase(found);
    }
  }
  return count;
}

}  // namespace rocksdb_uring
