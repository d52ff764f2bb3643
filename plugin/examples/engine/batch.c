/* A batch of writes, then a batch of reads, each with one call.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rocksdb_uring/engine_c.h"

enum { kCount = 32, kBlock = 4096 };

int main(int argc, char** argv) {
  static char out[kCount][kBlock];
  static char in[kCount][kBlock];
  rocksdb_uring_operation_t* operations[kCount];
  rocksdb_uring_engine_statistics_t statistics;
  rocksdb_uring_engine_t* engine;
  char* error = NULL;
  int right = 0;
  int fd;
  int i;
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  engine = rocksdb_uring_engine_create("queue_depth=32;rings_max=8", &error);
  fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (engine == NULL || fd < 0) {
    fprintf(stderr, "%s\n", error != NULL ? error : argv[1]);
    return 1;
  }
  for (i = 0; i < kCount; ++i) {
    operations[i] = rocksdb_uring_operation_create();
    memset(out[i], 'a' + i % 26, kBlock);
    rocksdb_uring_operation_write(operations[i], fd, out[i], kBlock,
                                  (uint64_t)i * kBlock);
  }
  rocksdb_uring_engine_run(engine, operations, kCount);
  for (i = 0; i < kCount; ++i) {
    rocksdb_uring_operation_read(operations[i], fd, in[i], kBlock,
                                 (uint64_t)i * kBlock);
  }
  rocksdb_uring_engine_run(engine, operations, kCount);
  for (i = 0; i < kCount; ++i) {
    right += rocksdb_uring_operation_result(operations[i]) == kBlock &&
             memcmp(in[i], out[i], kBlock) == 0;
    rocksdb_uring_operation_destroy(operations[i]);
  }
  rocksdb_uring_engine_statistics(engine, &statistics);
  rocksdb_uring_engine_destroy(engine);
  close(fd);
  printf("%d of %d blocks are right\n", right, kCount);
  return right == kCount && statistics.operations >= 2 * kCount ? 0 : 1;
}
