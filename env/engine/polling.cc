// Who may poll, and in words why not.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/engine/polling.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <utility>

#include "env/base/debug_log.h"

namespace rocksdb_uring {

namespace {

// The least that the kernel gives.
constexpr unsigned kKeeperEntries = 8;

// The first word of a file; empty if it cannot be read.
std::string FirstWord(const std::string& path) {
  std::string word;
  std::ifstream(path) >> word;
  return word;
}

PollingState NoPolling(std::string reason, std::string remedy) {
  return {/*active=*/false, std::move(reason), std::move(remedy)};
}

}  // namespace

const char* PollingName(Polling polling) {
  switch (polling) {
    case Polling::kOff:
      return "off";
    case Polling::kSubmission:
      return "submission";
    case Polling::kDevice:
      return "device";
  }
  return "?";
}

SubmissionPoller::SubmissionPoller(RingFactory make, size_t cpus)
    : make_(std::move(make)) {
  if (cpus < kCpusMin) {
    MutexLock lock(&mutex_);
    state_ = NoPolling(
        "polling=submission takes a processor, and the process may use " +
            std::to_string(cpus),
        "give the process at least " + std::to_string(kCpusMin) +
            " processors, or use polling=off");
    DebugLog("%s", state_.reason.c_str());
  }
}

void SubmissionPoller::Refuse(Errno error) {
  state_ = NoPolling("polling=submission: io_uring_setup: " + error.message(),
                     "allow IORING_SETUP_SQPOLL in the security policy, or use "
                     "polling=off");
  DebugLog("%s", state_.reason.c_str());
}

int SubmissionPoller::Poller() {
  MutexLock lock(&mutex_);
  if (keeper_ == nullptr && state_.reason.empty()) {
    RingOptions options;
    options.entries = kKeeperEntries;
    options.polling = RingPolling::kSubmissions;
    RingOrError made = make_(options);
    if (made.ring == nullptr) {
      Refuse(made.error);
    } else {
      keeper_ = std::move(made.ring);
      state_.active = true;
    }
  }
  return keeper_ == nullptr ? -1 : keeper_->descriptor();
}

RingOrError SubmissionPoller::Make(const RingOptions& options) {
  RingOptions polled = options;
  polled.poller = Poller();
  if (polled.poller >= 0) {
    polled.polling = RingPolling::kSubmissions;
  }
  return make_(polled);
}

PollingState SubmissionPoller::state() {
  (void)Poller();
  MutexLock lock(&mutex_);
  return state_;
}

RingFactory FactoryWith(const std::shared_ptr<SubmissionPoller>& poller,
                        RingFactory make) {
  if (poller == nullptr) {
    return make;
  }
  return [poller](const RingOptions& options) { return poller->Make(options); };
}

PollingState FailedPolling(const char* call, Errno error) {
  return NoPolling(
      std::string("polling=device: ") + call + ": " + error.message(),
      "use a filesystem that polls, as ext4 and xfs do, or polling=off");
}

// Of a partition, the device that it is part of has the queues.
PollingState PollingOfDevice(dev_t device, const std::string& sysfs) {
  const std::string name =
      std::to_string(major(device)) + ":" + std::to_string(minor(device));
  const std::string base = sysfs + "/dev/block/" + name;
  std::string polls = FirstWord(base + "/queue/io_poll");
  if (polls.empty()) {
    polls = FirstWord(base + "/../queue/io_poll");
  }
  if (polls.empty()) {
    return NoPolling(
        "polling=device: the filesystem is on no block device of its own (" +
            name + ")",
        "use ext4 or xfs on a device with poll queues, or polling=off");
  }
  if (polls == "0") {
    return NoPolling(
        "polling=device: device " + name + " has no poll queues",
        "load its driver with some, as nvme.poll_queues=4 or "
        "virtio_blk.poll_queues=4 on the kernel's command line, or "
        "use polling=off");
  }
  return {/*active=*/true, "", ""};
}

bool DevicePolling::Polls(int fd) {
  struct stat attributes = {};
  if (fstat(fd, &attributes) != 0) {
    return false;
  }
  MutexLock lock(&mutex_);
  for (const auto& [device, state] : devices_) {
    if (device == attributes.st_dev) {
      return state.active;
    }
  }
  state_ = PollingOfDevice(attributes.st_dev);
  if (!state_.active) {
    DebugLog("%s", state_.reason.c_str());
  }
  devices_.emplace_back(attributes.st_dev, state_);
  return state_.active;
}

PollingState DevicePolling::state() {
  MutexLock lock(&mutex_);
  return state_;
}

}  // namespace rocksdb_uring
