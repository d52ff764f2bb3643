// The option `polling`: a kernel thread that polls for requests, or waiters
// that poll the device. Off by default: both spend processor time to save
// latency.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/base/mutex.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

enum class Polling : uint8_t {
  kOff,
  // One kernel thread takes the requests of all rings: no system call for a
  // submission.
  kSubmission,
  // Batches of direct reads ask the device's poll queues for completions: no
  // interrupts.
  kDevice,
};
// "off", "submission", "device".
const char* PollingName(Polling polling);

// Whether it is in use, or was when it could be last, and if not, why not.
struct PollingState {
  bool active = false;
  // Empty where it is active and where it was not asked for; else one sentence
  // each, without a full stop.
  std::string reason;
  std::string remedy;
};

// Makes the rings of an engine share one kernel thread that polls. Safe for
// concurrent use.
class SubmissionPoller {
 public:
  // With fewer processors the thread takes one from those whom it serves: on
  // two of them 0.78 to 1.07 of the reads (env/MEASUREMENTS.md).
  static constexpr size_t kCpusMin = 4;

  // `make` makes the rings; `cpus` are those that the process may use.
  SubmissionPoller(RingFactory make, size_t cpus);

  // As CreateRing; without a poller where there can be none.
  RingOrError Make(const RingOptions& options) URING_EXCLUDES(mutex_);
  PollingState state() URING_EXCLUDES(mutex_);

 private:
  // The descriptor of the ring whose thread serves all; -1 without one.
  int Poller() URING_EXCLUDES(mutex_);
  void Refuse(Errno error) URING_REQUIRES(mutex_);

  const RingFactory make_;
  Mutex mutex_;
  // Takes no requests: it keeps the thread, while other rings come and go.
  std::unique_ptr<Ring> keeper_ URING_GUARDED_BY(mutex_);
  PollingState state_ URING_GUARDED_BY(mutex_);
};

// What makes an engine's rings: `make`, or the poller if there is one.
RingFactory FactoryWith(const std::shared_ptr<SubmissionPoller>& poller,
                        RingFactory make);

// Rings that poll a device have failed in `call`.
PollingState FailedPolling(const char* call, Errno error);

// Whether a block device has poll queues. One look at sysfs, some microseconds.
// `sysfs` is where it is mounted, for tests.
PollingState PollingOfDevice(dev_t device, const std::string& sysfs = "/sys");

// The same of files, with each device asked for once. Safe for concurrent use.
class DevicePolling {
 public:
  bool Polls(int fd) URING_EXCLUDES(mutex_);
  // Of the device that was asked for last.
  PollingState state() URING_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  // A few.
  std::vector<std::pair<dev_t, PollingState>> devices_ URING_GUARDED_BY(mutex_);
  PollingState state_ URING_GUARDED_BY(mutex_);
};

}  // namespace rocksdb_uring
