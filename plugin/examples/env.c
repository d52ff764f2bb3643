/* A database on io_uring, in C.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "rocksdb_uring/c.h"

static int Fail(const char* what, char* error) {
  fprintf(stderr, "%s: %s\n", what, error);
  free(error);
  return 1;
}

int main(int argc, char** argv) {
  char* error = NULL;
  if (argc != 2) {
    fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  rocksdb_env_t* const env = rocksdb_uring_create_env("queue_depth=64", &error);
  if (error != NULL) {
    return Fail("rocksdb_uring_create_env", error);
  }
  rocksdb_options_t* const options = rocksdb_options_create();
  rocksdb_options_set_create_if_missing(options, 1);
  rocksdb_options_set_env(options, env);
  rocksdb_t* const db = rocksdb_open(options, argv[1], &error);
  if (error != NULL) {
    return Fail("rocksdb_open", error);
  }
  rocksdb_writeoptions_t* const write = rocksdb_writeoptions_create();
  rocksdb_readoptions_t* const read = rocksdb_readoptions_create();
  size_t size = 0;
  rocksdb_put(db, write, "greeting", 8, "hello", 5, &error);
  char* const value = rocksdb_get(db, read, "greeting", 8, &size, &error);
  if (error != NULL) {
    return Fail("rocksdb_put or rocksdb_get", error);
  }
  printf("%.*s\n", (int)size, value);
  rocksdb_free(value);
  rocksdb_readoptions_destroy(read);
  rocksdb_writeoptions_destroy(write);
  rocksdb_close(db);
  rocksdb_options_destroy(options);
  rocksdb_env_destroy(env); /* after the last database on it */
  return 0;
}
