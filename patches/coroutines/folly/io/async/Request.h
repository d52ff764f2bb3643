// What belongs to a request and follows it from thread to thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace folly {
inline namespace without_folly {

// The name of one kind of data. Tokens of equal names are equal.
class RequestToken {
 public:
  explicit RequestToken(std::string name) : name_(std::move(name)) {}

  friend bool operator==(const RequestToken& left, const RequestToken& right) {
    return left.name_ == right.name_;
  }

 private:
  std::string name_;
};

namespace detail {

// What RequestData declares. A class of its own because RocksDB declares
// folly::RequestData outside the inline namespace: a class there should have as
// few symbols as possible that a linked folly might have, too.
class RequestDataBase {
 public:
  RequestDataBase() = default;
  RequestDataBase(const RequestDataBase&) = delete;
  RequestDataBase& operator=(const RequestDataBase&) = delete;
  virtual ~RequestDataBase() = default;

  // Whether the next two are to be called.
  virtual bool hasCallback() = 0;
  // Called on a thread that begins to run the request, and on one that stops
  // running it, before anything else there sees the change.
  virtual void onSet() {}
  virtual void onUnset() {}
};

}  // namespace detail
}  // namespace without_folly

// Data of a request.
class RequestData : public detail::RequestDataBase {};

inline namespace without_folly {

// The data of one request. A thread has one context at a time, or none. Each
// coroutine keeps the one that was current when it was suspended, and has it
// again when it is resumed.
// REQUIRES: external synchronization while it is changed; afterwards safe for
// concurrent use.
class RequestContext {
 public:
  RequestContext() = default;

  // The context of this thread; null if it has none.
  static RequestContext* try_get() noexcept { return Current().get(); }
  static std::shared_ptr<RequestContext> saveContext() noexcept {
    return Current();
  }

  // Makes `context`, which may be null, that of this thread, and returns the
  // one before.
  static std::shared_ptr<RequestContext> setContext(
      std::shared_ptr<RequestContext> context) {
    std::shared_ptr<RequestContext>& current = Current();
    if (context == current) {
      return context;
    }
    RequestContext* const next = context.get();
    if (current != nullptr) {
      current->ForEachMissingIn(next,
                                [](RequestData& data) { data.onUnset(); });
    }
    current.swap(context);
    if (next != nullptr) {
      next->ForEachMissingIn(context.get(),
                             [](RequestData& data) { data.onSet(); });
    }
    return context;
  }

  // The data under the token Traits::kToken; null if there is none.
  template <typename Traits>
  RequestData* getThreadCachedContextData() const noexcept {
    for (const Entry& entry : entries_) {
      if (entry.token == Traits::kToken) {
        return entry.data.get();
      }
    }
    return nullptr;
  }

  // A copy of `from`, which may be null, with other data under `token`.
  static std::shared_ptr<RequestContext> CopyWith(
      const RequestContext* from, const RequestToken& token,
      std::unique_ptr<RequestData> data) {
    auto copy = std::make_shared<RequestContext>();
    if (from != nullptr) {
      for (const Entry& entry : from->entries_) {
        if (!(entry.token == token)) {
          copy->entries_.push_back(entry);
        }
      }
    }
    copy->entries_.push_back({token, std::move(data)});
    return copy;
  }

 private:
  struct Entry {
    RequestToken token;
    std::shared_ptr<RequestData> data;
  };

  // Calls `function` with the data that has callbacks and that `other` has not.
  template <typename Function>
  void ForEachMissingIn(const RequestContext* other,
                        const Function& function) const {
    for (const Entry& entry : entries_) {
      if (entry.data->hasCallback() &&
          (other == nullptr || !other->Has(*entry.data))) {
        function(*entry.data);
      }
    }
  }
  bool Has(const RequestData& data) const noexcept {
    for (const Entry& entry : entries_) {
      if (entry.data.get() == &data) {
        return true;
      }
    }
    return false;
  }

  static std::shared_ptr<RequestContext>& Current() noexcept {
    static thread_local std::shared_ptr<RequestContext> current;
    return current;
  }

  std::vector<Entry> entries_;
};

// The thread has another context for as long as the object exists. Without an
// argument a new, empty one.
class RequestContextScopeGuard {
 public:
  RequestContextScopeGuard()
      : RequestContextScopeGuard(std::make_shared<RequestContext>()) {}
  explicit RequestContextScopeGuard(std::shared_ptr<RequestContext> context)
      : before_(RequestContext::setContext(std::move(context))) {}
  RequestContextScopeGuard(const RequestContextScopeGuard&) = delete;
  RequestContextScopeGuard& operator=(const RequestContextScopeGuard&) = delete;
  ~RequestContextScopeGuard() {
    RequestContext::setContext(std::move(before_));
  }

 private:
  std::shared_ptr<RequestContext> before_;
};

}  // namespace without_folly

// The thread's context, copied and with other data under `token`, for as long
// as the object exists. Outside the inline namespace because RocksDB declares
// it there.
struct ShallowCopyRequestContextScopeGuard {
 public:
  [[gnu::always_inline]] ShallowCopyRequestContextScopeGuard(
      const RequestToken& token, std::unique_ptr<RequestData> data)
      : guard_(RequestContext::CopyWith(RequestContext::try_get(), token,
                                        std::move(data))) {}

 private:
  RequestContextScopeGuard guard_;
};

}  // namespace folly
