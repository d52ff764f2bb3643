// Whether this thread reads asynchronously in bursts, so that a read may be
// kept back until others go with it in the same system call.
//
// A coroutine MultiGet calls ReadAsync for tens of blocks and then Poll once;
// an iterator calls it once or twice, computes for a while, and calls Poll. To
// keep back what an iterator starts would cost it all that it gains. So only a
// thread whose recent bursts were large keeps reads back, and never for long: a
// burst that has grown to four times the size of those before it is not what
// was foreseen.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "env/engine/io_engine.h"

namespace rocksdb_uring {

class ReadBurst {
 public:
  // Calls of ReadAsync between two of Poll that make a burst.
  static constexpr uint32_t kReadsMin = 4;
  // So many times the size of recent bursts, and no more is kept back.
  static constexpr uint32_t kGrowthMax = 4;
  // So many start together at most. The first ones start in smaller groups (1,
  // 1, 2), because the device waits for them. A buffered read costs more to
  // start than the system call, so that the device would wait for every group
  // (measured: env/README.md).
  static constexpr uint32_t kDirectGroup = 4;
  static constexpr uint32_t kBufferedGroup = 2;

  // Costs one load, as ThreadNumber.
  static ReadBurst* OfThisThread() {
    [[gnu::tls_model("initial-exec")]] static thread_local ReadBurst burst;
    return &burst;
  }

  // Counts a read that is about to start. True if it may be kept back; if not,
  // its submission starts the others, too.
  bool KeepsNextBack(bool direct) {
    ++reads_;
    const uint32_t group = direct ? kDirectGroup : kBufferedGroup;
    const bool power_of_two = (reads_ & (reads_ - 1)) == 0;
    const bool ends_group =
        reads_ % group == 0 || (reads_ < group && power_of_two);
    kept_back_ = !ends_group && recent_ >= kReadsMin &&
                 reads_ <= kGrowthMax * uint64_t{recent_};
    return kept_back_;
  }
  // The thread polls or aborts, which starts what it has kept back. A single
  // small burst between large ones does not count for much.
  void End() {
    if (reads_ > 0) {
      recent_ = std::max(reads_, recent_ / 2);
      reads_ = 0;
    }
    kept_back_ = false;
  }
  // The thread is about to do something that takes its time; true if reads
  // are to be started first.
  bool TakeKeptBack() { return std::exchange(kept_back_, false); }

 private:
  uint32_t reads_ = 0;
  uint32_t recent_ = 0;
  bool kept_back_ = false;
};

// To be called before the thread reads synchronously.
inline void StartKeptBackReads(IoEngine* engine) {
  if (ReadBurst::OfThisThread()->TakeKeptBack()) {
    engine->Flush();
  }
}

}  // namespace rocksdb_uring
