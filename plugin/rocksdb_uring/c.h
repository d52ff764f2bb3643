/* rocksdb-uring for RocksDB's C API, and for all that is built on it. */
#ifndef ROCKSDB_URING_C_H_
#define ROCKSDB_URING_C_H_

#include "rocksdb/c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes an environment that reads and writes through io_uring, for
 * rocksdb_options_set_env. `options` is NULL, empty, "option=value;..." or a
 * URI such as "uring://?queue_depth=128"; README.md has the table.
 *
 * The caller owns the result, which must outlive every database opened with it
 * and is freed with rocksdb_env_destroy. It shares the thread pools of the
 * default environment.
 *
 * On failure returns NULL and puts a message that says what to change into
 * `*errptr`, as all of RocksDB's C API does: allocated with malloc, and an
 * earlier message there is freed. Otherwise leaves `*errptr` alone.
 * Safe for concurrent use.
 *
 * REQUIRES: `errptr` is not NULL, and `*errptr` is NULL or from malloc. */
__attribute__((visibility("default"))) rocksdb_env_t* rocksdb_uring_create_env(
    const char* options, char** errptr);

#ifdef __cplusplus
}
#endif

#endif /* ROCKSDB_URING_C_H_ */
