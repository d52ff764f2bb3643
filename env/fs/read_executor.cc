// Event bases on loops of the engine, and which of them runs a coroutine.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/read_executor.h"

#if ROCKSDB_URING_COROUTINES
#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "env/engine/ring_loop.h"

namespace rocksdb_uring {

// The functions that wait for one loop: those that its own thread has added,
// which is nearly all of them, take no lock.
class ReadExecutor::LoopEventBase final : public folly::EventBase,
                                          private RingLoop::Work {
 public:
  // Null if the engine gives no loop.
  static std::unique_ptr<LoopEventBase> Start(ReadExecutor* owner) {
    std::unique_ptr<LoopEventBase> self(new LoopEventBase(owner));
    self->loop_ = owner->engine_->StartLoop(self.get());
    return self->loop_ == nullptr ? nullptr : std::move(self);
  }
  ~LoopEventBase() override {
    RingLoop::End(std::move(loop_), owner_->engine_);
    if (current == this) {
      current = nullptr;
    }
  }

  void add(folly::Func function) override {
    if (current == this) {
      own_.push_back(std::move(function));
      return;
    }
    {
      MutexLock lock(&mutex_);
      others_.push_back(std::move(function));
      others_wait_.store(true);
    }
    loop_->Wake();
  }

  bool isInEventBaseThread() const noexcept override { return current == this; }
  ReadExecutor* owner() const { return owner_; }

  // That of this thread; null on others.
  static inline thread_local LoopEventBase* current = nullptr;

 private:
  explicit LoopEventBase(ReadExecutor* owner) : owner_(owner) {}

  bool RunWaiting() override {
    current = this;
    if (others_wait_.load()) {
      TakeOthers();
    }
    if (own_.empty()) {
      return false;
    }
    std::vector<folly::Func> running = std::move(spare_);
    running.swap(own_);
    for (folly::Func& function : running) {
      function();
      if (RingLoop::Current() == nullptr) {
        // The function has destroyed this object, or forked this process.
        return true;
      }
    }
    running.clear();
    spare_ = std::move(running);
    return true;
  }

  bool HasWaiting() override { return !own_.empty() || others_wait_.load(); }

  void TakeOthers() URING_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    if (own_.empty()) {
      own_.swap(others_);
    } else {
      std::move(others_.begin(), others_.end(), std::back_inserter(own_));
      others_.clear();
    }
    others_wait_.store(false);
  }

  ReadExecutor* const owner_;
  // Of the loop's thread.
  std::vector<folly::Func> own_;
  // The memory of the functions that ran last.
  std::vector<folly::Func> spare_;
  // Set after a function was added and before the loop is woken: the loop looks
  // at it before it sleeps.
  std::atomic<bool> others_wait_{false};
  Mutex mutex_{SharedBy::kShard};
  std::vector<folly::Func> others_ URING_GUARDED_BY(mutex_);
  std::unique_ptr<RingLoop> loop_;
};

ReadExecutor::ReadExecutor(std::shared_ptr<SharedEngine> engine)
    : engine_(std::move(engine)),
      executor_(static_cast<folly::EventBaseSource*>(this)) {}

ReadExecutor::~ReadExecutor() = default;

std::unique_ptr<ReadExecutor> ReadExecutor::Start(
    std::shared_ptr<SharedEngine> engine, size_t threads) {
  std::unique_ptr<ReadExecutor> self(new ReadExecutor(std::move(engine)));
  self->Grow(threads);
  return self->threads() == 0 ? nullptr : std::move(self);
}

void ReadExecutor::Grow(size_t threads) {
  MutexLock lock(&mutex_);
  const size_t wanted = std::min(threads, kThreadsMax);
  for (size_t count = this->threads(); count < wanted; ++count) {
    event_bases_[count] = LoopEventBase::Start(this);
    if (event_bases_[count] == nullptr) {
      return;
    }
    count_.store(count + 1, std::memory_order_release);
  }
}

folly::EventBase* ReadExecutor::PickEventBase() {
  LoopEventBase* const current = LoopEventBase::current;
  if (current != nullptr && current->owner() == this) {
    return current;
  }
  const uint32_t turn = next_.fetch_add(1, std::memory_order_relaxed);
  return event_bases_[turn % threads()].get();
}

}  // namespace rocksdb_uring
#endif  // ROCKSDB_URING_COROUTINES
