/* Writes three pieces of memory as one, and reads them back into two.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "rocksdb_uring/engine_c.h"

int main(int argc, char** argv) {
  char one[] = "one ";
  char two[] = "two ";
  char three[] = "three";
  const struct iovec out[] = {{one, 4}, {two, 4}, {three, 5}};
  char first[7] = {0};
  char rest[16] = {0};
  const struct iovec in[] = {{first, 6}, {rest, 15}};
  rocksdb_uring_operation_t* operation;
  rocksdb_uring_engine_t* engine;
  char* error = NULL;
  int64_t read;
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
  rocksdb_uring_operation_writev(operation, fd, out, 3, 0);
  rocksdb_uring_engine_run(engine, &operation, 1);
  printf("wrote %lld bytes\n",
         (long long)rocksdb_uring_operation_result(operation));
  /* The file has fewer bytes than there is room for. */
  rocksdb_uring_operation_readv(operation, fd, in, 2, 0);
  rocksdb_uring_engine_run(engine, &operation, 1);
  read = rocksdb_uring_operation_result(operation);
  rocksdb_uring_operation_destroy(operation);
  rocksdb_uring_engine_destroy(engine);
  close(fd);
  printf("read %lld bytes: %s%s\n", (long long)read, first, rest);
  return read == 13 ? 0 : 1;
}
