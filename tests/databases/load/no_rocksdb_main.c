/* A program that is linked with no RocksDB.
 *   load_test_none                 does nothing
 *   load_test_none late DIRECTORY  loads the shared librocksdb and opens a
 *                                  database, as interpreters do
 *   load_test_none bundled FILE    loads a library with a RocksDB of its own
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rocksdb/c.h"

#define FIND(name) __typeof__(&name) name##_ = dlsym(library, #name)

static int PrintLibraries(void) {
  char line[4096];
  int shared = 0;
  int plugin = 0;
  FILE* const maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
    shared |= strstr(line, "/librocksdb.so") != NULL;
    plugin |= strstr(line, "/librocksdb_uring.so") != NULL;
  }
  if (maps != NULL) {
    fclose(maps);
  }
  printf("shared=%d\nplugin=%d\n", shared, plugin);
  return 0;
}

static int OpenLate(const char* path) {
  /* A preload named by a relative path is no longer where it was. */
  if (chdir("/") != 0) {
    return 1;
  }
  void* const library = dlopen(LOAD_TEST_ROCKSDB, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    printf("status=%s\n", dlerror());
    return 1;
  }
  FIND(rocksdb_options_create);
  FIND(rocksdb_options_set_create_if_missing);
  FIND(rocksdb_open);
  FIND(rocksdb_close);
  FIND(rocksdb_options_destroy);
  char* error = NULL;
  rocksdb_options_t* const options = rocksdb_options_create_();
  rocksdb_options_set_create_if_missing_(options, 1);
  rocksdb_t* const db = rocksdb_open_(options, path, &error);
  printf("status=%s\n", error == NULL ? "OK" : error);
  if (db != NULL) {
    rocksdb_close_(db);
  }
  rocksdb_options_destroy_(options);
  return 0;
}

static int LoadBundled(const char* path) {
  void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    printf("status=%s\n", dlerror());
    return 1;
  }
  const char* (*const version)(void) =
      (const char* (*)(void))dlsym(library, "bundled_default_version");
  printf("bundled=%s\n", version());
  return 0;
}

int main(int argc, char** argv) {
  int status = 0;
  if (argc == 3 && strcmp(argv[1], "late") == 0) {
    status = OpenLate(argv[2]);
  } else if (argc == 3 && strcmp(argv[1], "bundled") == 0) {
    status = LoadBundled(argv[2]);
  }
  PrintLibraries();
  return status;
}
