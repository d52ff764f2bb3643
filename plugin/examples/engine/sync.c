/* Makes a file durable: preallocates it, writes, starts the write-out early,
 * and syncs.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rocksdb_uring/engine_c.h"

enum { kBytes = 1 << 20 };

int main(int argc, char** argv) {
  static char data[kBytes];
  rocksdb_uring_operation_t* operation;
  rocksdb_uring_engine_t* engine;
  char* error = NULL;
  int64_t written;
  int64_t synced;
  int fd;
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  engine = rocksdb_uring_engine_create(NULL, &error);
  operation = rocksdb_uring_operation_create();
  fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (engine == NULL || operation == NULL || fd < 0) {
    fprintf(stderr, "%s\n", error != NULL ? error : argv[1]);
    return 1;
  }
  memset(data, 'x', sizeof(data));
  /* Not all filesystems preallocate: nothing depends on it. */
  rocksdb_uring_operation_fallocate(operation, fd, FALLOC_FL_KEEP_SIZE, 0,
                                    kBytes);
  rocksdb_uring_engine_run(engine, &operation, 1);
  rocksdb_uring_operation_write(operation, fd, data, kBytes, 0);
  rocksdb_uring_engine_run(engine, &operation, 1);
  written = rocksdb_uring_operation_result(operation);
  rocksdb_uring_operation_sync_file_range(operation, fd, 0, kBytes,
                                          SYNC_FILE_RANGE_WRITE);
  rocksdb_uring_engine_run(engine, &operation, 1);
  /* Durable, with its size. fsync is for the other attributes, too. */
  rocksdb_uring_operation_fdatasync(operation, fd);
  rocksdb_uring_engine_run(engine, &operation, 1);
  synced = rocksdb_uring_operation_result(operation);
  rocksdb_uring_operation_destroy(operation);
  rocksdb_uring_engine_destroy(engine);
  close(fd);
  printf("wrote %lld bytes, sync: %lld\n", (long long)written,
         (long long)synced);
  return written == kBytes && synced == 0 ? 0 : 1;
}
