/* Reads a file with callbacks: each takes the next block, until all are read.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rocksdb_uring/engine_c.h"

enum { kBlock = 4096, kDepth = 16 };

struct scan {
  uint64_t bytes;
  int at_end;
  int failed;
};

struct slot {
  rocksdb_uring_operation_t* operation;
  int running;
  char buffer[kBlock];
};

/* Runs inside wait, poll or run of any thread; here there is one. Does little:
   other completions wait for it. */
static void done(rocksdb_uring_operation_t* operation, void* context) {
  struct scan* scan = context;
  int64_t result = rocksdb_uring_operation_result(operation);
  if (result <= 0) {
    scan->at_end = 1;
    scan->failed |= result < 0;
  } else {
    scan->bytes += (uint64_t)result;
  }
}

int main(int argc, char** argv) {
  static struct slot slots[kDepth];
  struct scan scan = {0, 0, 0};
  rocksdb_uring_engine_t* engine;
  struct slot* running;
  char* error = NULL;
  uint64_t next = 0;
  int fd;
  int i;
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  engine = rocksdb_uring_engine_create(NULL, &error);
  fd = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (engine == NULL || fd < 0) {
    fprintf(stderr, "%s\n", error != NULL ? error : argv[1]);
    return 1;
  }
  for (i = 0; i < kDepth; ++i) {
    slots[i].operation = rocksdb_uring_operation_create();
    rocksdb_uring_operation_set_callback(slots[i].operation, done, &scan);
  }
  do {
    running = NULL;
    for (i = 0; i < kDepth; ++i) {
      struct slot* slot = &slots[i];
      slot->running =
          slot->running && rocksdb_uring_operation_state(slot->operation) <
                               rocksdb_uring_completed;
      if (!slot->running && !scan.at_end) {
        rocksdb_uring_operation_read(slot->operation, fd, slot->buffer, kBlock,
                                     next);
        next += kBlock;
        slot->running =
            rocksdb_uring_engine_submit(engine, &slot->operation, 1) == 1;
        if (!slot->running) {
          /* No room, or no ring: read here. */
          rocksdb_uring_engine_run(engine, &slot->operation, 1);
        }
      }
      running = slot->running ? slot : running;
    }
    if (running != NULL) {
      rocksdb_uring_engine_wait(engine, running->operation,
                                ROCKSDB_URING_NO_TIMEOUT);
    }
  } while (running != NULL || !scan.at_end);
  for (i = 0; i < kDepth; ++i) {
    rocksdb_uring_operation_destroy(slots[i].operation);
  }
  rocksdb_uring_engine_destroy(engine);
  close(fd);
  printf("read %llu bytes\n", (unsigned long long)scan.bytes);
  return scan.failed;
}
