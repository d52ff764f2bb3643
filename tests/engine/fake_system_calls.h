// The POSIX path's system calls with faults: interruptions, short transfers,
// errors at the Nth call; and counters of them all.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "env/engine/system_calls.h"

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
    kWillNeed,
    kCallCount,
  };
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
  // Every `n`th call of any kind that may block is interrupted; n > 1.
  void InterruptEvery(uint64_t n) { interrupt_every_ = n; }
  // Transfers move at most so many bytes.
  void set_bytes_max(size_t bytes_max) { bytes_max_ = bytes_max; }

  int64_t Pread(int fd, void* buffer, size_t size, uint64_t offset) override {
    const int64_t fault = Enter(kPread);
    return fault != 0 ? fault
                      : SystemCalls::Pread(fd, buffer, Shorten(size), offset);
  }
  int64_t PreadNoWait(int fd, void* buffer, size_t size,
                      uint64_t offset) override {
    const int64_t fault = Enter(kPreadNoWait);
    return fault != 0
               ? fault
               : SystemCalls::PreadNoWait(fd, buffer, Shorten(size), offset);
  }
  int64_t Preadv(int fd, const iovec* iov, int count,
                 uint64_t offset) override {
    const int64_t fault = Enter(kPreadv);
    const std::vector<iovec> some = Shorten(iov, count);
    return fault != 0 ? fault
                      : SystemCalls::Preadv(fd, some.data(), count, offset);
  }
  int64_t Pwrite(int fd, const void* buffer, size_t size,
                 uint64_t offset) override {
    const int64_t fault = Enter(kPwrite);
    return fault != 0 ? fault
                      : SystemCalls::Pwrite(fd, buffer, Shorten(size), offset);
  }
  int64_t Pwritev(int fd, const iovec* iov, int count,
                  uint64_t offset) override {
    const int64_t fault = Enter(kPwritev);
    const std::vector<iovec> some = Shorten(iov, count);
    return fault != 0 ? fault
                      : SystemCalls::Pwritev(fd, some.data(), count, offset);
  }
  int64_t Fsync(int fd) override {
    const int64_t fault = Enter(kFsync);
    return fault != 0 ? fault : SystemCalls::Fsync(fd);
  }
  int64_t Fdatasync(int fd) override {
    const int64_t fault = Enter(kFdatasync);
    return fault != 0 ? fault : SystemCalls::Fdatasync(fd);
  }
  int64_t SyncFileRange(int fd, uint64_t offset, uint64_t length,
                        uint32_t flags) override {
    const int64_t fault = Enter(kSyncFileRange);
    return fault != 0 ? fault
                      : SystemCalls::SyncFileRange(fd, offset, length, flags);
  }
  int64_t Fallocate(int fd, uint32_t mode, uint64_t offset,
                    uint64_t length) override {
    const int64_t fault = Enter(kFallocate);
    return fault != 0 ? fault
                      : SystemCalls::Fallocate(fd, mode, offset, length);
  }
  int64_t Ftruncate(int fd, uint64_t size) override {
    const int64_t fault = Enter(kFtruncate);
    return fault != 0 ? fault : SystemCalls::Ftruncate(fd, size);
  }
  int64_t WillNeed(int fd, uint64_t offset, uint64_t length) override {
    const int64_t fault = Enter(kWillNeed);
    return fault != 0 ? fault : SystemCalls::WillNeed(fd, offset, length);
  }

 private:
  struct State {
    std::atomic<uint64_t> count{0};
    std::atomic<uint64_t> fail_at{0};
    std::atomic<int> error{0};
  };

  // Counts the call; the fault that it is to give, or 0.
  int64_t Enter(Call call) {
    State& state = states_[call];
    const uint64_t ordinal = ++state.count;
    const uint64_t fail_at = state.fail_at;
    if (fail_at == kAlways || (fail_at != 0 && fail_at == ordinal)) {
      return state.error;
    }
    const uint64_t every = interrupt_every_;
    const bool may_block = call != kPreadNoWait && call != kWillNeed;
    return every != 0 && may_block && ++interruptible_ % every == 0 ? -EINTR
                                                                    : 0;
  }

  size_t Shorten(size_t size) const {
    const size_t bytes_max = bytes_max_;
    return size < bytes_max ? size : bytes_max;
  }
  std::vector<iovec> Shorten(const iovec* iov, int count) const {
    std::vector<iovec> some(iov, iov + count);
    size_t room = bytes_max_;
    for (iovec& piece : some) {
      piece.iov_len = piece.iov_len < room ? piece.iov_len : room;
      room -= piece.iov_len;
    }
    return some;
  }

  std::array<State, kCallCount> states_;
  std::atomic<uint64_t> interrupt_every_{0};
  std::atomic<uint64_t> interruptible_{0};
  std::atomic<size_t> bytes_max_{std::numeric_limits<size_t>::max()};
};

}  // namespace rocksdb_uring
