// Memory that a test shares with the server of its filesystem: counts of
// requests, and faults to inject.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace rocksdb_uring {

// Requests that pass through FuseControl::Before.
enum class FuseRequest : uint8_t {
  kFsync,
  kFdatasync,
  kFsyncdir,
};
constexpr size_t kFuseRequestCount = 3;

class FuseControl {
 public:
  // For the test: fails the next `count` requests with `error`.
  void Fail(int error, uint32_t count);
  // For the test: reads of files wait from now on, or go on.
  void StallReads(bool stall) { stall_reads_ = stall; }
  // For the test: reads that wait.
  uint32_t stalled() const { return stalled_.load(); }
  // For the test: requests of this kind so far; injected failures so far.
  uint32_t seen(FuseRequest request) const {
    return seen_[static_cast<size_t>(request)].load();
  }
  uint32_t failed() const { return failed_.load(); }

  // For the server: called once for each request, before its execution. Returns
  // the errno to answer, or 0 to continue. It may block to stall a request,
  // since each request in progress has a thread of its own; the test cannot be
  // killed meanwhile, so a stall must end when the kernel interrupts the
  // request.
  int Before(FuseRequest request);
  // For the server: the same of a read. Waits while reads are stalled, and the
  // caller is not interrupted.
  void BeforeRead(const std::function<bool()>& interrupted);

 private:
  std::atomic<bool> stall_reads_{false};
  std::atomic<uint32_t> stalled_{0};
  std::atomic<uint32_t> seen_[kFuseRequestCount] = {};
  std::atomic<uint32_t> failed_{0};
  std::atomic<int> error_{0};
  std::atomic<uint32_t> failures_left_{0};
};

static_assert(std::atomic<uint32_t>::is_always_lock_free &&
                  std::atomic<int>::is_always_lock_free,
              "locks would belong to one process");

// Creates the file `path` with a new control block and maps it. Null, with
// errno, if that fails.
FuseControl* CreateFuseControl(const std::string& path);
// Maps an existing one.
FuseControl* OpenFuseControl(const std::string& path);
void UnmapFuseControl(FuseControl* control);

}  // namespace rocksdb_uring
