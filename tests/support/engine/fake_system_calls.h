// The POSIX path's system calls with faults: interruptions, short transfers,
// errors at the Nth call; and counters of them all.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "env/engine/system_calls.h"
#include "tests/support/engine/test_counts.h"

namespace rocksdb_uring {

// Safe for concurrent use once it is set up.
class FakeSystemCalls final : public SystemCalls {
 public:
  enum Call : size_t {
    kPread,
    kPreadNoWait,
    kPreadv,
    kPwrite,
    kPwritev,
    kFsync,
    kFdatasync,
    kSyncFileRange,
    kFallocate,
    kFtruncate,
    kFileSize,
    kWillNeed,
    kCallCount,
  };
  static constexpr char kPoison = '\x5b';
  static constexpr uint64_t kAlways = std::numeric_limits<uint64_t>::max();

  // How often it was called, failures included.
  uint64_t count(Call call) const { return states_[call].count; }
  uint64_t total() const {
    uint64_t sum = 0;
    for (const State& state : states_) {
      sum += state.count;
    }
    return sum;
  }

  // The `nth` call from now (1 is the next), or all with kAlways, does nothing
  // but return `error`, a negated errno.
  void Fail(Call call, uint64_t nth, int error) {
    states_[call].error = error;
    states_[call].fail_at =
        nth == kAlways ? kAlways : states_[call].count + nth;
  }
  // The same for the `nth` call of any kind; 0 ends it. faults_given() says
  // whether it has come to that.
  void FailAny(uint64_t nth, int error) {
    any_error_ = error;
    fail_any_at_ = nth == 0 ? 0 : any_count_ + nth;
  }
  // Calls that did not do what they were asked for.
  uint64_t faults_given() const { return faults_given_; }
  // Of the call that FailAny made fail; to be asked when nobody calls.
  Call failed_call() const { return failed_call_; }
  int failed_descriptor() const { return failed_descriptor_; }
  // Every `n`th call of any kind that may block is interrupted, but for syncs,
  // of which an interruption is a failure; n > 1.
  void InterruptEvery(uint64_t n) { interrupt_every_ = n; }
  // Reads that must not wait find everything, on filesystems too that never
  // answer them. Before the first call.
  void CacheEverything() { all_cached_ = true; }
  // fsync and fdatasync succeed and do nothing. Before the first call.
  void SkipSyncs() { skip_syncs_ = true; }
  // Transfers move at most so many bytes.
  void set_bytes_max(size_t bytes_max) { bytes_max_ = bytes_max; }
  // The `nth` transfer from now, or all with kAlways, is carried out but
  // reports at most so many bytes, and what a read does not report is
  // overwritten: short transfers of direct I/O, which takes no odd lengths.
  void ReportAtMost(uint64_t nth, size_t bytes_max) {
    report_max_ = bytes_max;
    report_at_ = nth == kAlways ? kAlways : transfers_ + nth;
  }

  int64_t Pread(int fd, void* buffer, size_t size, uint64_t offset) override {
    const int64_t fault = Enter(kPread, fd);
    return fault != 0
               ? fault
               : Reported(SystemCalls::Pread(fd, buffer, Shorten(size), offset),
                          buffer);
  }
  int64_t PreadNoWait(int fd, void* buffer, size_t size,
                      uint64_t offset) override {
    const int64_t fault = Enter(kPreadNoWait, fd);
    if (fault != 0) {
      return fault;
    }
    return all_cached_
               ? SystemCalls::Pread(fd, buffer, Shorten(size), offset)
               : SystemCalls::PreadNoWait(fd, buffer, Shorten(size), offset);
  }
  int64_t Preadv(int fd, const iovec* iov, int count,
                 uint64_t offset) override {
    const int64_t fault = Enter(kPreadv, fd);
    const std::vector<iovec> some = Shorten(iov, count);
    return fault != 0
               ? fault
               : Reported(SystemCalls::Preadv(fd, some.data(), count, offset),
                          nullptr);
  }
  int64_t Pwrite(int fd, const void* buffer, size_t size,
                 uint64_t offset) override {
    const int64_t fault = Enter(kPwrite, fd);
    return fault != 0 ? fault
                      : Reported(SystemCalls::Pwrite(fd, buffer, Shorten(size),
                                                     offset),
                                 nullptr);
  }
  int64_t Pwritev(int fd, const iovec* iov, int count,
                  uint64_t offset) override {
    const int64_t fault = Enter(kPwritev, fd);
    const std::vector<iovec> some = Shorten(iov, count);
    return fault != 0
               ? fault
               : Reported(SystemCalls::Pwritev(fd, some.data(), count, offset),
                          nullptr);
  }
  int64_t Fsync(int fd) override {
    const int64_t fault = Enter(kFsync, fd);
    return fault != 0 || skip_syncs_ ? fault : SystemCalls::Fsync(fd);
  }
  int64_t Fdatasync(int fd) override {
    const int64_t fault = Enter(kFdatasync, fd);
    return fault != 0 || skip_syncs_ ? fault : SystemCalls::Fdatasync(fd);
  }
  int64_t SyncFileRange(int fd, uint64_t offset, uint64_t length,
                        uint32_t flags) override {
    const int64_t fault = Enter(kSyncFileRange, fd);
    return fault != 0 ? fault
                      : SystemCalls::SyncFileRange(fd, offset, length, flags);
  }
  int64_t Fallocate(int fd, uint32_t mode, uint64_t offset,
                    uint64_t length) override {
    const int64_t fault = Enter(kFallocate, fd);
    return fault != 0 ? fault
                      : SystemCalls::Fallocate(fd, mode, offset, length);
  }
  int64_t Ftruncate(int fd, uint64_t size) override {
    const int64_t fault = Enter(kFtruncate, fd);
    return fault != 0 ? fault : SystemCalls::Ftruncate(fd, size);
  }
  int64_t FileSize(int fd) override {
    const int64_t fault = Enter(kFileSize, fd);
    return fault != 0 ? fault : SystemCalls::FileSize(fd);
  }
  int64_t WillNeed(int fd, uint64_t offset, uint64_t length) override {
    const int64_t fault = Enter(kWillNeed, fd);
    return fault != 0 ? fault : SystemCalls::WillNeed(fd, offset, length);
  }

 private:
  struct State {
    std::atomic<uint64_t> count{0};
    std::atomic<uint64_t> fail_at{0};
    std::atomic<int> error{0};
  };

  // Counts the call; the fault that it is to give, or 0.
  int64_t Enter(Call call, int fd) {
    const int64_t fault = Fault(call, fd);
    if (fault != 0) {
      ++faults_given_;
      CountFaults();
    }
    return fault;
  }

  int64_t Fault(Call call, int fd) {
    State& state = states_[call];
    const uint64_t ordinal = ++state.count;
    const uint64_t fail_at = state.fail_at;
    if (fail_at == kAlways || (fail_at != 0 && fail_at == ordinal)) {
      return state.error;
    }
    if (++any_count_ == fail_any_at_) {
      failed_call_ = call;
      failed_descriptor_ = fd;
      return any_error_;
    }
    const uint64_t every = interrupt_every_;
    const bool may_block = call != kPreadNoWait && call != kWillNeed &&
                           call != kFsync && call != kFdatasync &&
                           call != kSyncFileRange;
    return every != 0 && may_block && ++interruptible_ % every == 0 ? -EINTR
                                                                    : 0;
  }

  int64_t Reported(int64_t result, void* buffer) {
    const uint64_t report_at = report_at_;
    const uint64_t ordinal = ++transfers_;
    const auto most = static_cast<int64_t>(report_max_);
    if ((report_at != kAlways && report_at != ordinal) || result <= most) {
      return result;
    }
    CountFaults();
    if (buffer != nullptr) {
      memset(static_cast<char*>(buffer) + most, kPoison,
             static_cast<size_t>(result - most));
    }
    return most;
  }
  size_t Shorten(size_t size) const {
    const size_t bytes_max = bytes_max_;
    CountFaults(size > bytes_max ? 1 : 0);
    return size < bytes_max ? size : bytes_max;
  }
  std::vector<iovec> Shorten(const iovec* iov, int count) const {
    CountFaults(bytes_max_ != std::numeric_limits<size_t>::max() ? 1 : 0);
    std::vector<iovec> some(iov, iov + count);
    size_t room = bytes_max_;
    for (iovec& piece : some) {
      piece.iov_len = piece.iov_len < room ? piece.iov_len : room;
      room -= piece.iov_len;
    }
    return some;
  }

  std::array<State, kCallCount> states_;
  bool all_cached_ = false;
  bool skip_syncs_ = false;
  std::atomic<uint64_t> any_count_{0};
  std::atomic<uint64_t> fail_any_at_{0};
  std::atomic<int> any_error_{0};
  std::atomic<uint64_t> faults_given_{0};
  std::atomic<Call> failed_call_{kCallCount};
  std::atomic<int> failed_descriptor_{-1};
  std::atomic<uint64_t> transfers_{0};
  std::atomic<uint64_t> report_at_{0};
  std::atomic<size_t> report_max_{std::numeric_limits<size_t>::max()};
  std::atomic<uint64_t> interrupt_every_{0};
  std::atomic<uint64_t> interruptible_{0};
  std::atomic<size_t> bytes_max_{std::numeric_limits<size_t>::max()};
};

}  // namespace rocksdb_uring
