// One ring from its creation to its end: permission, memory, log, how it has
// fared, and why it was given up. The pool and the shards own rings as these.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "env/base/errno_code.h"
#include "env/base/memory_account.h"
#include "env/engine/breaker.h"
#include "env/engine/completion.h"
#include "env/engine/statistics.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

// What all rings of an engine share. The pointers are not owned and must
// outlive the rings.
struct RingEnvironment {
  RingFactory factory;
  Breaker* breaker;
  Statistics* statistics;
  MemoryAccount* account;
};

// REQUIRES: external synchronization.
class LiveRing {
 public:
  struct Request {
    RingOptions ring;
    // Who wants it, for the debug log. Short, so that it needs no memory.
    std::string user;
    // After so many refusals in a row, without a success between, a ring that
    // has worked is given up; one that never has, with the first.
    size_t refusals_max = 1;
  };
  // Makes the tables that go with a new ring; false if there is no memory.
  using Prepare = std::function<bool(const Ring& ring)>;

  // Asks the kernel. Null if it refuses, or if memory is short; the breaker
  // has been told then. REQUIRES: the breaker allowed it, and a creation.
  // `environment` is not owned and must outlive the ring.
  static std::unique_ptr<LiveRing> Make(const RingEnvironment& environment,
                                        const Request& request,
                                        const Prepare& prepare = nullptr);
  // REQUIRES: no request is in flight.
  ~LiveRing();
  LiveRing(const LiveRing&) = delete;
  LiveRing& operator=(const LiveRing&) = delete;

  // Whether the breaker allows new requests on it now. As for Breaker::Allow,
  // the answer true may make the caller the trial.
  bool Allow();
  // What completions of this ring have shown: a success that the breaker waits
  // for, or refusals, of which enough give the ring up.
  void Judge(const RingEvidence& seen);
  // Gives the ring up; the first reason counts. `call` and `error` as for the
  // breaker.
  void Fail(const char* call, Errno error);
  // It was given up: it takes no more requests, and goes once it is empty.
  bool failed() const { return failed_; }

  Ring* ring() const { return ring_.get(); }
  // Tells a batch from those that used the ring before.
  uint32_t NextBatch() { return ++batches_; }
  // Tells it from all others of the process, those that are gone included.
  uint64_t number() const { return number_; }

 private:
  LiveRing(const RingEnvironment& environment, const Request& request,
           std::unique_ptr<Ring> ring);
  static void CountRefusal(const RingEnvironment& environment,
                           const Request& request, Errno error);

  const RingEnvironment& environment_;
  const Request request_;
  const uint64_t number_;
  std::unique_ptr<Ring> ring_;
  // A request has come back from it since it was made, or since the breaker
  // allowed it as a trial: it works.
  bool proven_ = false;
  bool failed_ = false;
  size_t refusals_in_a_row_ = 0;
  uint32_t batches_ = 0;
  // The next one of a list of idle rings: to give a ring back takes no memory.
  friend class RingPool;
  std::unique_ptr<LiveRing> next_idle_;
};

}  // namespace rocksdb_uring
