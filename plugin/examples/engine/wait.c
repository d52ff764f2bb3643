/* Waits for a read with a timeout, and ends one at its deadline.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "rocksdb_uring/engine_c.h"

int main(int argc, char** argv) {
  char* error = NULL;
  rocksdb_uring_engine_t* engine;
  rocksdb_uring_operation_t* read;
  rocksdb_uring_buffer_t* buffer;
  int64_t result;
  int fd;
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  engine = rocksdb_uring_engine_create("queue_depth=64", &error);
  fd = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (engine == NULL || fd < 0) {
    fprintf(stderr, "%s\n", error != NULL ? error : argv[1]);
    return 1;
  }
  read = rocksdb_uring_operation_create();
  buffer = rocksdb_uring_buffer_create(engine, 4096);
  if (read == NULL || buffer == NULL) {
    fprintf(stderr, "not enough memory\n");
    return 1;
  }

  /* A wait that ends does not end the read. */
  rocksdb_uring_operation_read(read, fd, rocksdb_uring_buffer_data(buffer),
                               4096, 0);
  if (rocksdb_uring_engine_submit(engine, &read, 1) == 1) {
    while (!rocksdb_uring_engine_wait(engine, read, 1000)) {
      printf("still reading\n");
    }
  } else {
    rocksdb_uring_engine_run(engine, &read, 1);
  }
  result = rocksdb_uring_operation_result(read);
  printf("read %lld bytes\n", (long long)result);

  /* A deadline does: buffer and descriptor are ours again in any case. */
  rocksdb_uring_operation_read(read, fd, rocksdb_uring_buffer_data(buffer),
                               4096, 0);
  if (rocksdb_uring_engine_run_until(engine, &read, 1, 1000000)) {
    printf("in time: %lld bytes\n",
           (long long)rocksdb_uring_operation_result(read));
  } else if (rocksdb_uring_operation_state(read) == rocksdb_uring_abandoned) {
    printf("the device does not answer\n");
  }
  rocksdb_uring_buffer_destroy(buffer);
  rocksdb_uring_operation_destroy(read);
  rocksdb_uring_engine_destroy(engine);
  close(fd);
  return result < 0 ? 1 : 0;
}
