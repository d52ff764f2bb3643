// The C functions of the engine, by those in C++.
//
// SPDX-License-Identifier: Apache-2.0
#include "rocksdb_uring/engine_c.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "env/base/clock.h"
#include "env/base/small_vector.h"
#include "rocksdb_uring/engine.h"

using rocksdb_uring::Engine;
using rocksdb_uring::EngineBuffer;
using rocksdb_uring::EngineConfig;
using rocksdb_uring::EngineStatistics;
using rocksdb_uring::EngineSupport;
using rocksdb_uring::Operation;
using rocksdb_uring::OperationState;

struct rocksdb_uring_engine_t {
  std::shared_ptr<Engine> engine;
};

struct rocksdb_uring_operation_t : public Operation {
  void (*callback)(rocksdb_uring_operation_t*, void*) = nullptr;
  void* context = nullptr;
};

struct rocksdb_uring_buffer_t {
  EngineBuffer buffer;
};

namespace {

static_assert(static_cast<int>(OperationState::kSubmitted) ==
                      rocksdb_uring_submitted &&
                  static_cast<int>(OperationState::kCompleted) ==
                      rocksdb_uring_completed &&
                  static_cast<int>(OperationState::kRefused) ==
                      rocksdb_uring_refused,
              "the states have the same numbers in C");

void SetText(const std::string& text, char** result) {
  if (result != nullptr) {
    *result = strdup(text.c_str());
  }
}

// Calls `function` with the operations of the list, some at a time, until it
// returns false.
template <typename Function>
void InPieces(rocksdb_uring_operation_t* const* operations, size_t count,
              const Function& function) {
  rocksdb_uring::SmallVector<Operation*, 64> piece(count);
  for (size_t done = 0; done < count; done += piece.size()) {
    piece.clear();
    const size_t size = std::min(count - done, piece.capacity());
    for (size_t i = 0; i < size; ++i) {
      piece.push_back(operations[done + i]);
    }
    if (!function(piece.data(), size)) {
      return;
    }
  }
}

}  // namespace

extern "C" {

int rocksdb_uring_engine_supported(char** reason, char** remedy) {
  const EngineSupport support = rocksdb_uring::DetectEngineSupport();
  if (!support.rings) {
    SetText(support.reason, reason);
    SetText(support.remedy, remedy);
  }
  return support.rings ? 1 : 0;
}

rocksdb_uring_engine_t* rocksdb_uring_engine_create(const char* options,
                                                    char** error) {
  try {
    EngineConfig config;
    std::string text;
    std::shared_ptr<Engine> engine;
    if (config.Parse(options == nullptr ? "" : options, &text)) {
      engine = Engine::Create(config, &text);
    }
    if (engine != nullptr) {
      return new rocksdb_uring_engine_t{std::move(engine)};
    }
    SetText(text, error);
  } catch (const std::bad_alloc&) {
    SetText("not enough memory for the engine", error);
  }
  return nullptr;
}

void rocksdb_uring_engine_destroy(rocksdb_uring_engine_t* engine) {
  delete engine;
}

int rocksdb_uring_engine_has_rings(const rocksdb_uring_engine_t* engine) {
  return engine->engine->has_rings() ? 1 : 0;
}

rocksdb_uring_operation_t* rocksdb_uring_operation_create(void) {
  try {
    return new rocksdb_uring_operation_t();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void rocksdb_uring_operation_destroy(rocksdb_uring_operation_t* operation) {
  delete operation;
}

void rocksdb_uring_operation_read(rocksdb_uring_operation_t* operation, int fd,
                                  void* buffer, uint64_t length,
                                  uint64_t offset) {
  operation->Read(fd, buffer, length, offset);
}

void rocksdb_uring_operation_write(rocksdb_uring_operation_t* operation, int fd,
                                   const void* buffer, uint64_t length,
                                   uint64_t offset) {
  operation->Write(fd, buffer, length, offset);
}

void rocksdb_uring_operation_readv(rocksdb_uring_operation_t* operation, int fd,
                                   const struct iovec* pieces, int count,
                                   uint64_t offset) {
  operation->Readv(fd, pieces, count, offset);
}

void rocksdb_uring_operation_writev(rocksdb_uring_operation_t* operation,
                                    int fd, const struct iovec* pieces,
                                    int count, uint64_t offset) {
  operation->Writev(fd, pieces, count, offset);
}

void rocksdb_uring_operation_fsync(rocksdb_uring_operation_t* operation,
                                   int fd) {
  operation->Fsync(fd);
}

void rocksdb_uring_operation_fdatasync(rocksdb_uring_operation_t* operation,
                                       int fd) {
  operation->Fdatasync(fd);
}

void rocksdb_uring_operation_sync_file_range(
    rocksdb_uring_operation_t* operation, int fd, uint64_t offset,
    uint64_t length, uint32_t flags) {
  operation->SyncFileRange(fd, offset, length, flags);
}

void rocksdb_uring_operation_fallocate(rocksdb_uring_operation_t* operation,
                                       int fd, uint32_t mode, uint64_t offset,
                                       uint64_t length) {
  operation->Fallocate(fd, mode, offset, length);
}

void rocksdb_uring_operation_set_direct(rocksdb_uring_operation_t* operation,
                                        uint32_t alignment) {
  operation->set_direct(alignment);
}

void rocksdb_uring_operation_set_priority(rocksdb_uring_operation_t* operation,
                                          rocksdb_uring_priority_t priority) {
  operation->set_priority(
      static_cast<rocksdb_uring::OperationPriority>(priority));
}

void rocksdb_uring_operation_set_callback(
    rocksdb_uring_operation_t* operation,
    void (*callback)(rocksdb_uring_operation_t*, void*), void* context) {
  operation->callback = callback;
  operation->context = context;
  if (callback == nullptr) {
    operation->set_callback(nullptr, nullptr);
    return;
  }
  operation->set_callback(
      [](Operation* done, void*) {
        auto* const own = static_cast<rocksdb_uring_operation_t*>(done);
        own->callback(own, own->context);
      },
      nullptr);
}

rocksdb_uring_state_t rocksdb_uring_operation_state(
    const rocksdb_uring_operation_t* operation) {
  return static_cast<rocksdb_uring_state_t>(operation->state());
}

int64_t rocksdb_uring_operation_result(
    const rocksdb_uring_operation_t* operation) {
  return operation->result();
}

int rocksdb_uring_operation_on_ring(
    const rocksdb_uring_operation_t* operation) {
  return operation->on_ring() ? 1 : 0;
}

void rocksdb_uring_engine_run(rocksdb_uring_engine_t* engine,
                              rocksdb_uring_operation_t* const* operations,
                              size_t count) {
  InPieces(operations, count, [engine](Operation** piece, size_t size) {
    engine->engine->Run(piece, size);
    return true;
  });
}

int rocksdb_uring_engine_run_until(rocksdb_uring_engine_t* engine,
                                   rocksdb_uring_operation_t* const* operations,
                                   size_t count, uint64_t timeout_us) {
  const rocksdb_uring::Deadline deadline =
      rocksdb_uring::Deadline::In(timeout_us);
  int complete = 1;
  InPieces(operations, count, [&](Operation** piece, size_t size) {
    complete &= engine->engine->RunUntil(piece, size, deadline.LeftUs());
    return true;
  });
  return complete;
}

size_t rocksdb_uring_engine_submit(rocksdb_uring_engine_t* engine,
                                   rocksdb_uring_operation_t* const* operations,
                                   size_t count) {
  size_t taken = 0;
  InPieces(operations, count, [&](Operation** piece, size_t size) {
    const size_t more = engine->engine->Submit(piece, size);
    taken += more;
    return more == size;
  });
  return taken;
}

int rocksdb_uring_engine_wait(rocksdb_uring_engine_t* engine,
                              rocksdb_uring_operation_t* operation,
                              uint64_t timeout_us) {
  return engine->engine->Wait(operation, timeout_us) ? 1 : 0;
}

int rocksdb_uring_engine_wait_all(rocksdb_uring_engine_t* engine,
                                  rocksdb_uring_operation_t* const* operations,
                                  size_t count, uint64_t timeout_us) {
  const rocksdb_uring::Deadline deadline =
      rocksdb_uring::Deadline::In(timeout_us);
  int complete = 1;
  InPieces(operations, count, [&](Operation** piece, size_t size) {
    complete &= engine->engine->WaitAll(piece, size, deadline.LeftUs());
    return true;
  });
  return complete;
}

int rocksdb_uring_engine_wait_any(rocksdb_uring_engine_t* engine,
                                  rocksdb_uring_operation_t* const* operations,
                                  size_t count, uint64_t timeout_us) {
  // Where memory is short, one of the first.
  rocksdb_uring::SmallVector<Operation*, 64> list(count);
  for (size_t i = 0; i < std::min(count, list.capacity()); ++i) {
    list.push_back(operations[i]);
  }
  return engine->engine->WaitAny(list.data(), list.size(), timeout_us);
}

size_t rocksdb_uring_engine_poll(rocksdb_uring_engine_t* engine) {
  return engine->engine->Poll();
}

void rocksdb_uring_engine_cancel(rocksdb_uring_engine_t* engine,
                                 rocksdb_uring_operation_t* operation) {
  engine->engine->Cancel(operation);
}

rocksdb_uring_buffer_t* rocksdb_uring_buffer_create(
    rocksdb_uring_engine_t* engine, size_t size) {
  EngineBuffer buffer = engine->engine->AllocateBuffer(size);
  return buffer.data() == nullptr
             ? nullptr
             : new (std::nothrow) rocksdb_uring_buffer_t{std::move(buffer)};
}

void rocksdb_uring_buffer_destroy(rocksdb_uring_buffer_t* buffer) {
  delete buffer;
}

char* rocksdb_uring_buffer_data(const rocksdb_uring_buffer_t* buffer) {
  return buffer->buffer.data();
}

size_t rocksdb_uring_buffer_size(const rocksdb_uring_buffer_t* buffer) {
  return buffer->buffer.size();
}

void rocksdb_uring_engine_statistics(
    const rocksdb_uring_engine_t* engine,
    rocksdb_uring_engine_statistics_t* statistics) {
  *statistics = {};
  EngineStatistics from;
  try {
    from = engine->engine->Statistics();
  } catch (const std::bad_alloc&) {
    return;
  }
  for (const EngineStatistics::Row& row : from.rows) {
    statistics->operations += row.count;
    statistics->ring_operations += row.path == "ring" ? row.count : 0;
    statistics->bytes += row.bytes;
    statistics->errors += row.errors;
  }
  statistics->in_flight = from.in_flight;
  statistics->queued = from.queued;
  statistics->abandoned = from.abandoned;
  statistics->abandoned_bytes = from.abandoned_bytes;
  statistics->oldest_us = from.oldest_us;
  statistics->background_requests = from.background_requests;
  statistics->polled_batches = from.polled_batches;
  statistics->rings = from.rings;
  statistics->memory_bytes = from.memory_bytes;
}

}  // extern "C"
