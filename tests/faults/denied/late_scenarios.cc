// Refusals that come while the plugin is at work.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/base/file_descriptor.h"
#include "env/file/rocksdb_compat.h"
#include "tests/faults/denied/scenarios.h"
#include "tests/faults/denied/seccomp_filter.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

using rocksdb::Env;
using rocksdb::FileOptions;
using rocksdb::IOStatus;

namespace {

// While there is one, the process gets no further descriptor.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(next);
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none = {static_cast<rlim_t>(next), before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptorsLeft() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
  NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;

 private:
  rlimit before_ = {};
};

// Threads that do one thing over and over, before something happens and
// after it.
class Rounds {
 public:
  static constexpr int kRounds = 4;

  Rounds(size_t threads, std::function<void(size_t thread, int round)> round) {
    for (size_t thread = 0; thread < threads; ++thread) {
      threads_.Start([this, thread, round] {
        int after = 0;
        for (int number = 0; after < kRounds; ++number) {
          after += happened_ ? 1 : 0;
          round(thread, number);
          ++done_;
        }
      });
    }
    // The event comes in the midst of somebody's round.
    while (done_ < threads * kRounds) {
      std::this_thread::yield();
    }
  }
  // It has happened. The destructor waits until each thread has gone on.
  void Happened() { happened_ = true; }

 private:
  std::atomic<bool> happened_{false};
  std::atomic<size_t> done_{0};
  Threads threads_;
};

// Asynchronous reads of a file with known contents.
class ReadsInFlight {
 public:
  static constexpr size_t kCount = 32;
  static constexpr size_t kBytes = 64 << 10;

  ReadsInFlight(rocksdb::FileSystem* file_system, uint64_t seed,
                Findings* findings)
      : file_system_(file_system),
        findings_(findings),
        model_(RandomBytes(kCount * kBytes, seed)),
        buffer_(model_.size(), 4096) {
    std::ofstream("in_flight.sst") << model_;
    FileOptions options;
    options.use_direct_reads = true;
    const IOStatus opened = file_system->NewRandomAccessFile(
        "in_flight.sst", options, &file_, nullptr);
    if (!findings->Check(opened.ok(), "in_flight.sst: " + opened.ToString())) {
      return;
    }
    for (size_t i = 0; i < kCount; ++i) {
      Start(i);
    }
  }

  // All are delivered, with the right bytes.
  void Finish() {
    std::vector<void*> handles;
    for (const auto& handle : handles_) {
      handles.push_back(handle.first);
    }
    const IOStatus polled = file_system_->Poll(handles, handles.size());
    findings_->Check(polled.ok(), "Poll: " + polled.ToString());
    for (const auto& handle : handles_) {
      handle.second(handle.first);
    }
    findings_->Check(callbacks_ == kCount,
                     std::to_string(callbacks_) + " callbacks");
    findings_->Check(memcmp(buffer_.data(), model_.data(), model_.size()) == 0,
                     "wrong bytes of reads in flight");
  }

 private:
  void Start(size_t i) {
    rocksdb::FSReadRequest request;
    request.offset = i * kBytes;
    request.len = kBytes;
    request.scratch = buffer_.data() + i * kBytes;
    void* handle = nullptr;
    rocksdb::IOHandleDeleter deleter = nullptr;
    const IOStatus status = file_->ReadAsync(
        request, rocksdb::IOOptions(),
        [this](const rocksdb::FSReadRequest& answer, void*) {
          ++callbacks_;
          findings_->Check(answer.status.ok() && answer.result.size() == kBytes,
                           "a read in flight: " + answer.status.ToString());
        },
        nullptr, &handle, &deleter, nullptr);
    findings_->Check(status.ok() && handle != nullptr,
                     "ReadAsync: " + status.ToString());
    if (handle != nullptr) {
      handles_.emplace_back(handle, std::move(deleter));
    }
  }

  rocksdb::FileSystem* const file_system_;
  Findings* const findings_;
  const std::string model_;
  const AlignedBuffer buffer_;
  std::unique_ptr<rocksdb::FSRandomAccessFile> file_;
  std::vector<std::pair<void*, rocksdb::IOHandleDeleter>> handles_;
  size_t callbacks_ = 0;
};

constexpr size_t kThreads = 3;

}  // namespace

void Scenarios::RefuseEnter() {
  RefusedCall call;
  call.name = "io_uring_enter";
  call.error = EPERM;
  const std::string why = Refuse(call, FilterScope::kProcess);
  findings_.Check(why.empty(), why);
  Note("refused");
}

void Scenarios::UntilARingServes(CheckedDatabase* database) {
  const uint64_t before = RingOperations();
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  for (uint64_t seed = 0;
       RingOperations() == before && std::chrono::steady_clock::now() < end;) {
    database->CheckMultiGet(database->RandomKeys(100, ++seed), false);
  }
}

void Scenarios::EnterBetween() {
  if (!OpenFileSystem("")) {
    return;
  }
  const std::unique_ptr<Env> env = rocksdb::NewCompositeEnv(file_system_);
  CheckedDatabase direct(env.get(), "direct", true, seed_, &findings_);
  if (!direct.Open()) {
    return;
  }
  direct.Fill();
  direct.CheckReads(1);
  RefuseEnter();
  direct.CheckReads(2);
  direct.Write(600);
  direct.Flush();
  direct.Compact();
  direct.CheckReads(3);
  TryRequire();
  direct.Close();
  if (direct.Open()) {
    direct.CheckReads(4);
  }
  RunDatabase("buffered", "reads=uring;writes=uring;syncs=uring", false);
}

void Scenarios::EnterReads() {
  if (!OpenFileSystem("")) {
    return;
  }
  const std::unique_ptr<Env> env = rocksdb::NewCompositeEnv(file_system_);
  CheckedDatabase database(env.get(), "db", true, seed_, &findings_);
  if (!database.Open()) {
    return;
  }
  database.Fill();
  {
    Rounds rounds(kThreads, [&database](size_t thread, int round) {
      const auto seed = static_cast<uint64_t>(round) * kThreads + thread;
      database.CheckMultiGet(database.RandomKeys(100, seed), round % 2 == 0);
      database.CheckForward(database.RandomKeys(1, seed)[0], round % 2 == 1);
    });
    ReadsInFlight reads(file_system_.get(), seed_, &findings_);
    RefuseEnter();
    rounds.Happened();
    reads.Finish();
  }
  database.CheckReads(1);
  TryRequire();
}

void Scenarios::EnterWrites() {
  if (!OpenFileSystem("writes=uring;syncs=uring")) {
    return;
  }
  const std::string model = RandomBytes(4 << 20, seed_);
  FileOptions options;
  options.use_direct_writes = true;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  const IOStatus opened =
      file_system_->NewWritableFile("in_flight.sst", options, &file, nullptr);
  if (!findings_.Check(opened.ok(), "in_flight.sst: " + opened.ToString())) {
    return;
  }
  AlignedBuffer piece(256 << 10, 4096);
  const auto append = [&](size_t from) {
    memcpy(piece.data(), model.data() + from, piece.size());
    const IOStatus status =
        file->PositionedAppend(rocksdb::Slice(piece.data(), piece.size()), from,
                               rocksdb::IOOptions(), nullptr);
    findings_.Check(status.ok(), "append: " + status.ToString());
  };
  const std::unique_ptr<Env> env = rocksdb::NewCompositeEnv(file_system_);
  CheckedDatabase database(env.get(), "db", true, seed_, &findings_);
  if (!database.Open()) {
    return;
  }
  {
    Rounds rounds(1, [&database](size_t /*thread*/, int /*round*/) {
      database.Write(500);
      database.Flush();
    });
    for (size_t from = 0; from < model.size() / 2; from += piece.size()) {
      append(from);
    }
    RefuseEnter();
    rounds.Happened();
    for (size_t from = model.size() / 2; from < model.size();
         from += piece.size()) {
      append(from);
    }
  }
  const IOStatus synced = file->Fsync(rocksdb::IOOptions(), nullptr);
  findings_.Check(synced.ok(), "sync: " + synced.ToString());
  const IOStatus closed = file->Close(rocksdb::IOOptions(), nullptr);
  findings_.Check(closed.ok(), "close: " + closed.ToString());
  std::ifstream read("in_flight.sst", std::ios::binary);
  findings_.Check(
      std::string(std::istreambuf_iterator<char>(read), {}) == model,
      "wrong bytes of writes in flight");
  database.Compact();
  database.CheckReads(1);
  database.Close();
  if (database.Open()) {
    database.CheckReads(2);
  }
  TryRequire();
}

bool Scenarios::FillAndReopen(CheckedDatabase* database, Env* env) {
  if (!database->Open()) {
    return false;
  }
  database->Fill();
  database->Flush();
  database->Close();
  database->UseEnv(env);
  return database->Open();
}

void Scenarios::OneThread() {
  // Nothing is read ahead, so that no ring is made before the thread asks for
  // one.
  if (!OpenFileSystem("readahead_bytes=0")) {
    return;
  }
  const std::unique_ptr<Env> env = rocksdb::NewCompositeEnv(file_system_);
  CheckedDatabase database(Env::Default(), "db", true, seed_, &findings_);
  if (!FillAndReopen(&database, env.get())) {
    return;
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool given = false;
  Threads threads;
  std::atomic<bool> refused{false};
  threads.Start([&] {
    RefusedCall call;
    call.name = "io_uring_setup";
    call.error = EPERM;
    const std::string why = Refuse(call, FilterScope::kThread);
    findings_.Check(why.empty(), why);
    database.CheckReads(1);
    TryRequire();
    Note("refused");
    refused = true;
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return given; });
    database.CheckReads(2);
  });
  while (!refused) {
    std::this_thread::yield();
  }
  UntilARingServes(&database);
  Note("given");
  {
    const std::lock_guard<std::mutex> lock(mutex);
    given = true;
  }
  changed.notify_all();
  database.CheckReads(3);
  threads.Join();
  UntilARingServes(&database);
}

// Locked memory is one account for all that a user runs.
void Scenarios::NoMemory() {
  if (!OpenFileSystem("")) {
    return;
  }
  // The kernel takes that of the ring of detection off the account late.
  FileDescriptor taker;
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!taker.valid() && std::chrono::steady_clock::now() < end) {
    io_uring_params params = {};
    taker = FileDescriptor(
        static_cast<int>(syscall(__NR_io_uring_setup, 8, &params)));
  }
  findings_.Check(taker.valid(), "a ring that takes the memory");
  RunDatabases();
}

void Scenarios::FewDescriptors() {
  {
    const NoDescriptorsLeft none;
    if (!OpenFileSystem("")) {
      return;
    }
    TryRequire();
  }
  RunDatabase("direct", "", true);
}

void Scenarios::NoDescriptors() {
  // As in OneThread.
  if (!OpenFileSystem("readahead_bytes=0")) {
    return;
  }
  const std::unique_ptr<Env> env = rocksdb::NewCompositeEnv(file_system_);
  CheckedDatabase database(Env::Default(), "db", true, seed_, &findings_);
  if (!FillAndReopen(&database, env.get())) {
    return;
  }
  {
    const NoDescriptorsLeft none;
    database.CheckReads(1);
    TryRequire();
    Note("refused");
  }
  UntilARingServes(&database);
  Note("given");
  database.Write(300);
  database.Flush();
  database.CheckReads(2);
}

}  // namespace rocksdb_uring
