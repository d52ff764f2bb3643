// What the tests of the coroutines share.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "folly/coro/BlockingWait.h"
#include "folly/coro/Collect.h"
#include "folly/coro/Task.h"

namespace rocksdb_uring {

namespace coro = folly::coro;
using coro::Task;
using Handle = coro::impl::coroutine_handle<>;

// An executor as RocksDB's SingleThreadExecutor with its AsyncFileReader: the
// first add() runs the queue, and when that is empty, what was begun completes
// all at once. Reads are named by numbers. Not safe for concurrent use.
class ReadingExecutor final : public folly::Executor {
 public:
  // A read, made as RocksDB's ReadOperation is.
  class Read {
   public:
    Read(ReadingExecutor* executor, int name)
        : executor_(executor), name_(name) {}

    auto viaIfAsync(folly::Executor::KeepAlive<> executor) const {
      return coro::co_viaIfAsync(std::move(executor),
                                 Awaiter{executor_, name_});
    }

   private:
    struct Awaiter {
      ReadingExecutor* executor;
      int name;

      bool await_ready() noexcept { return false; }
      bool await_suspend(Handle handle) noexcept {
        executor->log.push_back(name);
        executor->reads_.push_back(handle);
        return true;
      }
      void await_resume() noexcept { executor->log.push_back(-name); }
    };

    ReadingExecutor* executor_;
    int name_;
  };

  Read BeginRead(int name) { return Read(this, name); }

  void add(folly::Func function) override {
    ++adds;
    queue_.push(std::move(function));
    if (queue_.size() != 1 || waiting_) {
      return;
    }
    while (!queue_.empty()) {
      queue_.front()();
      queue_.pop();
      if (queue_.empty()) {
        waiting_ = true;
        Wait();
        waiting_ = false;
      }
    }
  }

  std::vector<int> log;  // names of reads as they begin; negative: go on
  int adds = 0;
  int waits = 0;  // that had something to wait for

 private:
  void Wait() {
    std::vector<Handle> completed;
    completed.swap(reads_);
    waits += completed.empty() ? 0 : 1;
    for (const Handle handle : completed) {
      handle.resume();
    }
  }

  std::queue<folly::Func> queue_;
  std::vector<Handle> reads_;
  bool waiting_ = false;
};

// An executor that runs functions when it is told to.
class ManualExecutor final : public folly::Executor {
 public:
  void add(folly::Func function) override {
    functions_.push_back(std::move(function));
  }

  void Run() {
    while (!functions_.empty()) {
      std::vector<folly::Func> running;
      running.swap(functions_);
      for (folly::Func& function : running) {
        function();
      }
    }
  }

 private:
  std::vector<folly::Func> functions_;
};

// Something to await that never completes by itself.
struct Suspended {
  Handle* handle = nullptr;  // where to put the handle that resumes

  bool await_ready() const noexcept { return false; }
  void await_suspend(Handle resumes) const noexcept {
    if (handle != nullptr) {
      *handle = resumes;
    }
  }
  void await_resume() const noexcept {}
};

// A coroutine that starts at once and is destroyed with the object, finished or
// not: with it a task can be left half-way.
class Started {
 public:
  struct promise_type {
    Started get_return_object() noexcept {
      return Started(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };

  Started(Started&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)) {}
  Started& operator=(Started&&) = delete;
  ~Started() {
    if (handle_) {
      handle_.destroy();
    }
  }
  bool done() const { return handle_.done(); }

 private:
  explicit Started(Handle handle) noexcept : handle_(handle) {}

  Handle handle_;
};

template <typename T>
Started Start(Task<T> task, folly::Executor* executor) {
  co_await std::move(task).scheduleOn(executor);
}

// Counts the objects of it that live.
class Counted {
 public:
  explicit Counted(int* living) : living_(living) { ++*living_; }
  Counted(const Counted& other) : living_(other.living_) { ++*living_; }
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --*living_; }

 private:
  int* living_;
};

}  // namespace rocksdb_uring
