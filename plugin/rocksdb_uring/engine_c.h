/*
 * The I/O engine of rocksdb-uring in C: the functions of engine.h, with the
 * same meaning, threads and ownership. Needs no RocksDB.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

typedef struct rocksdb_uring_engine_t rocksdb_uring_engine_t;
typedef struct rocksdb_uring_operation_t rocksdb_uring_operation_t;
typedef struct rocksdb_uring_buffer_t rocksdb_uring_buffer_t;

/* As OperationState in engine.h. */
typedef enum {
  rocksdb_uring_idle = 0,
  rocksdb_uring_queued = 1,
  rocksdb_uring_submitted = 2,
  /* From here on the operation is the caller's again, and has a result. */
  rocksdb_uring_completed = 3,
  rocksdb_uring_cancelled = 4,
  rocksdb_uring_timed_out = 5,
  rocksdb_uring_abandoned = 6,
  rocksdb_uring_refused = 7
} rocksdb_uring_state_t;

/* As OperationPriority in engine.h. */
typedef enum {
  rocksdb_uring_foreground = 0,
  rocksdb_uring_ahead = 1,
  rocksdb_uring_background = 2,
  rocksdb_uring_idle_class = 3
} rocksdb_uring_priority_t;

/* Sums over all kinds and paths; what is in flight, and what the engine holds.
 */
typedef struct {
  uint64_t operations;
  uint64_t ring_operations;
  uint64_t bytes;
  uint64_t errors;
  uint64_t in_flight;
  uint64_t queued;
  uint64_t abandoned;
  uint64_t abandoned_bytes;
  uint64_t oldest_us;
  uint64_t rings;
  uint64_t memory_bytes;
  uint64_t background_requests;
  uint64_t polled_batches;
} rocksdb_uring_engine_statistics_t;

/* For timeouts: as long as it takes. */
#define ROCKSDB_URING_NO_TIMEOUT UINT64_MAX

/* 1 if rings can be had; else 0, and `*reason` and `*remedy`, if not null, are
   texts for free(3). */
int rocksdb_uring_engine_supported(char** reason, char** remedy);

/* `options` as for EngineConfig::Parse, or null. Null on failure; then
   `*error`, if `error` is not null, is a text for free(3). */
rocksdb_uring_engine_t* rocksdb_uring_engine_create(const char* options,
                                                    char** error);
void rocksdb_uring_engine_destroy(rocksdb_uring_engine_t* engine);
int rocksdb_uring_engine_has_rings(const rocksdb_uring_engine_t* engine);

/* Null without memory. To be destroyed when it is not in flight. */
rocksdb_uring_operation_t* rocksdb_uring_operation_create(void);
void rocksdb_uring_operation_destroy(rocksdb_uring_operation_t* operation);

void rocksdb_uring_operation_read(rocksdb_uring_operation_t* operation, int fd,
                                  void* buffer, uint64_t length,
                                  uint64_t offset);
void rocksdb_uring_operation_write(rocksdb_uring_operation_t* operation, int fd,
                                   const void* buffer, uint64_t length,
                                   uint64_t offset);
void rocksdb_uring_operation_readv(rocksdb_uring_operation_t* operation, int fd,
                                   const struct iovec* pieces, int count,
                                   uint64_t offset);
void rocksdb_uring_operation_writev(rocksdb_uring_operation_t* operation,
                                    int fd, const struct iovec* pieces,
                                    int count, uint64_t offset);
void rocksdb_uring_operation_fsync(rocksdb_uring_operation_t* operation,
                                   int fd);
void rocksdb_uring_operation_fdatasync(rocksdb_uring_operation_t* operation,
                                       int fd);
void rocksdb_uring_operation_sync_file_range(
    rocksdb_uring_operation_t* operation, int fd, uint64_t offset,
    uint64_t length, uint32_t flags);
void rocksdb_uring_operation_fallocate(rocksdb_uring_operation_t* operation,
                                       int fd, uint32_t mode, uint64_t offset,
                                       uint64_t length);
void rocksdb_uring_operation_set_direct(rocksdb_uring_operation_t* operation,
                                        uint32_t alignment);
void rocksdb_uring_operation_set_priority(rocksdb_uring_operation_t* operation,
                                          rocksdb_uring_priority_t priority);
/* The callback may not destroy the operation. Null: none. */
void rocksdb_uring_operation_set_callback(
    rocksdb_uring_operation_t* operation,
    void (*callback)(rocksdb_uring_operation_t* operation, void* context),
    void* context);
rocksdb_uring_state_t rocksdb_uring_operation_state(
    const rocksdb_uring_operation_t* operation);
int64_t rocksdb_uring_operation_result(
    const rocksdb_uring_operation_t* operation);
int rocksdb_uring_operation_on_ring(const rocksdb_uring_operation_t* operation);

void rocksdb_uring_engine_run(rocksdb_uring_engine_t* engine,
                              rocksdb_uring_operation_t* const* operations,
                              size_t count);
/* 1 if all are complete. */
int rocksdb_uring_engine_run_until(rocksdb_uring_engine_t* engine,
                                   rocksdb_uring_operation_t* const* operations,
                                   size_t count, uint64_t timeout_us);
size_t rocksdb_uring_engine_submit(rocksdb_uring_engine_t* engine,
                                   rocksdb_uring_operation_t* const* operations,
                                   size_t count);
/* 1 if it is, or all are, complete. */
int rocksdb_uring_engine_wait(rocksdb_uring_engine_t* engine,
                              rocksdb_uring_operation_t* operation,
                              uint64_t timeout_us);
int rocksdb_uring_engine_wait_all(rocksdb_uring_engine_t* engine,
                                  rocksdb_uring_operation_t* const* operations,
                                  size_t count, uint64_t timeout_us);
/* 1 if one of them is. */
int rocksdb_uring_engine_wait_any(rocksdb_uring_engine_t* engine,
                                  rocksdb_uring_operation_t* const* operations,
                                  size_t count, uint64_t timeout_us);
size_t rocksdb_uring_engine_poll(rocksdb_uring_engine_t* engine);
void rocksdb_uring_engine_cancel(rocksdb_uring_engine_t* engine,
                                 rocksdb_uring_operation_t* operation);

/* Null if the limit is reached or memory is short. */
rocksdb_uring_buffer_t* rocksdb_uring_buffer_create(
    rocksdb_uring_engine_t* engine, size_t size);
void rocksdb_uring_buffer_destroy(rocksdb_uring_buffer_t* buffer);
char* rocksdb_uring_buffer_data(const rocksdb_uring_buffer_t* buffer);
size_t rocksdb_uring_buffer_size(const rocksdb_uring_buffer_t* buffer);

/* All 0 if memory is short. */
void rocksdb_uring_engine_statistics(
    const rocksdb_uring_engine_t* engine,
    rocksdb_uring_engine_statistics_t* statistics);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
