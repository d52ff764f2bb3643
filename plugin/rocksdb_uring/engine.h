// The I/O engine of rocksdb-uring for programs without RocksDB: reads, writes
// and syncs of files, alone or in batches, through io_uring where the kernel
// allows it and through POSIX where it does not. Needs no RocksDB; the same
// engine serves librocksdb_uring.so.
//
//   std::string error;
//   std::shared_ptr<Engine> engine = Engine::Create(EngineConfig(), &error);
//   Operation read;
//   read.Read(fd, buffer, 4096, 0);
//   engine->Run(&read);
//   // read.result(): bytes, or a negated errno.
//
// Programs in plugin/examples/engine/ show callbacks, waits with a timeout,
// batches, vectors and syncs. No function prints or aborts; those that make
// something (constructors, Create, texts, statistics) throw std::bad_alloc
// where memory is short, all others throw nothing.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#define ROCKSDB_URING_ENGINE_EXPORT __attribute__((visibility("default")))

namespace rocksdb_uring {

// What the kernel allows this process now.
struct EngineSupport {
  bool rings = false;
  // Why there are none, and what to change: a sentence each, empty with rings.
  std::string reason;
  std::string remedy;
};
// Makes a ring and tries it; takes some hundred microseconds. Any thread.
ROCKSDB_URING_ENGINE_EXPORT EngineSupport DetectEngineSupport();

// Which side spends processor time to look for work. Off by default.
enum class EnginePolling : uint8_t {
  kOff,
  // A kernel thread takes the requests of all rings, and a submission is no
  // system call. Takes a processor while there is work, and is not used with
  // fewer than four.
  kSubmission,
  // Run of several direct reads asks the poll queues of their device for
  // completions, without interrupts. Not used on devices without any.
  kDevice,
};

// Engines of one process share limits, buffers and statistics: they are one
// engine. What is not set here is as it runs already, or has its default.
struct ROCKSDB_URING_ENGINE_EXPORT EngineConfig {
  // Entries of a ring: requests of one batch in flight. 8 to 4096, default 64.
  std::optional<uint32_t> queue_depth;
  // Rings for batches at the same time. 1 to 1024, default 8 for each
  // processor, at least 64. A ring of 64 entries takes 8 KiB when it is first
  // needed.
  std::optional<uint32_t> rings_max;
  // Bytes of all buffers of AllocateBuffer. 0 to 1T, default a 64th of the
  // memory, 32M to 256M.
  std::optional<uint64_t> buffer_bytes;
  // Bytes for reads of RunUntil, those included that were abandoned. 0 to 1T,
  // default 64M.
  std::optional<uint64_t> deadline_buffer_bytes;
  // With so many abandoned reads RunUntil begins no other. 1 to 65536, default
  // 64.
  std::optional<uint32_t> abandoned_max;
  // Default kOff; as text off, submission, device. Where it cannot be, the
  // statistics tell why.
  std::optional<EnginePolling> polling;
  // Create fails where no ring can be had; else POSIX serves.
  bool require_rings = false;

  // What is wrong with it: names the field, its value and the range. Empty if
  // nothing is.
  std::string Validate() const;
  // Reads `name=value` pairs with semicolons between, such as
  // "queue_depth=128;require_rings=1"; numbers may end in K, M, G or T. False
  // with `*error` for what it does not know, and nothing is changed.
  bool Parse(const std::string& text, std::string* error);
};

enum class OperationState : uint8_t {
  kIdle,       // the caller's
  kQueued,     // waits for room in a ring
  kSubmitted,  // the kernel has it
  kCompleted,  // the caller's again, as all below: with a result, or an error
  kCancelled,  // by Cancel; result() is -ECANCELED
  kTimedOut,   // by RunUntil; result() is -ETIMEDOUT
  kAbandoned,  // the same, and the kernel goes on with it in a buffer of the
               // engine
  kRefused,    // not begun by RunUntil because of a limit; -ETIMEDOUT
};

// How soon an operation is wanted. All but the first wait behind the first for
// room in a ring, until a thread waits for them, and leave half of it free.
enum class OperationPriority : uint8_t {
  kForeground,  // now
  kAhead,       // later
  // Later, and its request has the lowest level of the best-effort class in the
  // kernel (ioprio_set(2)), or the idle class. Reads and writes only; POSIX
  // serves them with the priority of the thread. What it means is the I/O
  // scheduler's affair.
  kBackground,
  kIdle,
};

// One read, write or sync. Lives in the caller's memory. Between Submit and
// its completion neither it nor what it points to may move or go away, the
// descriptor included. Used by one thread at a time, but for state().
class ROCKSDB_URING_ENGINE_EXPORT Operation {
 public:
  // Called once, by the thread that takes the completion off a ring (inside
  // Run, Submit, Wait, WaitAll, WaitAny, Poll, Cancel), with no lock held. It
  // may reuse or destroy the operation, and submit others; then the operation
  // is not to be waited for. It may still run on its thread when a Wait of
  // another returns.
  using Callback = void (*)(Operation* operation, void* context);

  Operation();
  // REQUIRES: it is not in flight.
  ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // What to do next; each makes a completed operation idle again. Lengths and
  // offsets are bytes. A read gives the bytes up to the end of the file, a
  // write all of them or an error: neither stops short. `pieces` must stay as
  // long as the operation is not complete.
  void Read(int fd, void* buffer, uint64_t length, uint64_t offset);
  void Write(int fd, const void* buffer, uint64_t length, uint64_t offset);
  void Readv(int fd, const iovec* pieces, int count, uint64_t offset);
  void Writev(int fd, const iovec* pieces, int count, uint64_t offset);
  // Covers what was complete before it is handed over. Never repeated by the
  // engine: the kernel reports an error of write-out once.
  void Fsync(int fd);
  void Fdatasync(int fd);
  // `flags` as for sync_file_range(2), `mode` as for fallocate(2).
  void SyncFileRange(int fd, uint64_t offset, uint64_t length, uint32_t flags);
  void Fallocate(int fd, uint32_t mode, uint64_t offset, uint64_t length);

  // Of a descriptor that was opened with O_DIRECT: the alignment of its
  // buffers, offsets and lengths, a power of two. 0, the default: buffered.
  void set_direct(uint32_t alignment);
  // kForeground is the default. Stays until it is set again.
  void set_priority(OperationPriority priority);
  // Null, the default: none. `context` is the caller's.
  void set_callback(Callback callback, void* context);

  // Any thread. After a state from kCompleted on, result() is there.
  OperationState state() const;
  bool completed() const { return state() >= OperationState::kCompleted; }
  // Bytes of a transfer, 0 of others, or a negated errno.
  int64_t result() const;
  // Whether a ring did it.
  bool on_ring() const;

 private:
  friend class Engine;
  struct Body;

  void Prepare(int fd);

  const std::unique_ptr<Body> body_;
};

// Memory for direct I/O, aligned to a page and not inherited by a forked child,
// where the kernel could else write to a page that two processes share. Goes
// back to its engine when it is destroyed, which it keeps alive.
class ROCKSDB_URING_ENGINE_EXPORT EngineBuffer {
 public:
  EngineBuffer();
  ~EngineBuffer();
  EngineBuffer(EngineBuffer&& other) noexcept;
  EngineBuffer& operator=(EngineBuffer&& other) noexcept;

  // Null if there is none.
  char* data() const;
  size_t size() const;

 private:
  friend class Engine;
  struct Body;
  std::unique_ptr<Body> body_;
};

struct EngineStatistics {
  // Operations of one kind by one path; kinds and paths that occurred.
  struct Row {
    // As in the statistics file: "read", "fsync", ...; "ring", "posix",
    // "page_cache".
    std::string kind;
    std::string path;
    uint64_t count = 0;
    uint64_t bytes = 0;
    uint64_t errors = 0;
    // Nanoseconds; wrong by at most 5 %. 0 if none was timed.
    uint64_t p50_ns = 0;
    uint64_t p99_ns = 0;
    uint64_t max_ns = 0;
  };
  std::vector<Row> rows;
  // At this moment.
  uint64_t in_flight = 0;
  uint64_t queued = 0;
  uint64_t abandoned = 0;
  uint64_t abandoned_bytes = 0;
  uint64_t oldest_us = 0;
  // Of the oldest operation in flight; -1 without one.
  int oldest_fd = -1;
  uint64_t oldest_offset = 0;
  uint64_t rings = 0;
  uint64_t memory_bytes = 0;
  // Requests of kBackground and kIdle so far.
  uint64_t background_requests = 0;
  // Batches of rings that poll their device.
  uint64_t polled_batches = 0;
  // Whether EngineConfig::polling is in use; why not, if it was asked for.
  bool polling_active = false;
  std::string polling_reason;
  std::string polling_remedy;
  // Why POSIX serves, or has at times; empty otherwise.
  std::string fallback_reason;
  std::string fallback_remedy;
};

// All functions are safe for concurrent use by any thread, for different
// operations. In a forked child an engine of the parent serves through POSIX;
// Create gives one of its own.
class ROCKSDB_URING_ENGINE_EXPORT Engine {
 public:
  static constexpr uint64_t kNoTimeout = UINT64_MAX;

  // Null with `*error` if the configuration is invalid or contradicts the one
  // that the process runs with, if rings are required and refused, or without
  // memory. Makes no ring that stays, and no thread.
  static std::shared_ptr<Engine> Create(const EngineConfig& config,
                                        std::string* error);
  ~Engine();

  // Whether the kernel allows rings: what they are refused for later shows in
  // the statistics.
  bool has_rings() const;

  // Runs operations, in any order and in parallel where that is faster, and
  // returns when all are complete. Blocks. The calling thread waits on a ring
  // of its own.
  void Run(Operation* const* operations, size_t count);
  int64_t Run(Operation* operation);

  // The same of reads (Read) without callback, until `timeout_us` microseconds
  // have passed: what is not complete then is kTimedOut or kAbandoned, and its
  // buffer and descriptor are the caller's at once. Returns whether all are
  // complete. Of a list with other operations than Read, -EINVAL. Without rings
  // the timeout is not kept.
  bool RunUntil(Operation* const* operations, size_t count,
                uint64_t timeout_us);

  // Starts operations. Returns how many of them, from the front, were taken;
  // the rest found no room, or no ring, and are idle: run them, or try again
  // after a Wait or Poll. Does not wait for the device.
  size_t Submit(Operation* const* operations, size_t count);
  bool Submit(Operation* operation) { return Submit(&operation, 1) == 1; }

  // Waits for submitted operations, at most `timeout_us` microseconds; returns
  // whether they are complete. Completes operations of others that it meets.
  bool Wait(Operation* operation, uint64_t timeout_us = kNoTimeout);
  bool WaitAll(Operation* const* operations, size_t count,
               uint64_t timeout_us = kNoTimeout);
  // Waits until one of them is complete, at most `timeout_us` microseconds;
  // returns whether one is. Idle ones are not waited for. The way to keep many
  // in flight: submit, wait for any, use and submit again those whose state()
  // says so.
  bool WaitAny(Operation* const* operations, size_t count,
               uint64_t timeout_us = kNoTimeout);
  // Completes what is there to be completed, without waiting; how many.
  size_t Poll();
  // Asks for a submitted operation to end early. It completes all the same,
  // as kCancelled or with its result, and must be waited for: until then the
  // kernel may use its buffer. Does not block.
  void Cancel(Operation* operation);

  // A buffer of at least `size` bytes; without data if the limit is reached or
  // memory is short.
  EngineBuffer AllocateBuffer(size_t size);

  EngineStatistics Statistics() const;

 private:
  struct Body;

  explicit Engine(std::unique_ptr<Body> body);

  const std::unique_ptr<Body> body_;
};

}  // namespace rocksdb_uring
