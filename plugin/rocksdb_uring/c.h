/* rocksdb-uring for RocksDB's C API, and for every language that calls it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ROCKSDB_URING_C_H_
#define ROCKSDB_URING_C_H_

#include "rocksdb/c.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Creates an environment that reads and writes through io_uring, for
 * rocksdb_options_set_env. `options` is NULL, empty, "option=value;..." or a
 * URI such as "uring://?queue_depth=128"; plugin/README.md lists the options.
 *
 * The caller owns the result and frees it with rocksdb_env_destroy. It must
 * outlive every database opened with it. It shares the thread pools of the
 * default environment.
 *
 * On failure returns NULL and stores a message in `*errptr` that says what to
 * change. As in all of RocksDB's C API, the message is allocated with malloc,
 * and an earlier message is freed. On success leaves `*errptr` unchanged.
 * Safe for concurrent use.
 *
 * REQUIRES: `errptr` is not NULL, and `*errptr` is NULL or from malloc. */
__attribute__((visibility("default"))) rocksdb_env_t* rocksdb_uring_create_env(
    const char* options, char** errptr);

/* Changes settings of `env`, which rocksdb_uring_create_env made or which is
 * the default one under the preload, while databases are open on it:
 * "share=5;reads=auto". All of them or, with a message in `*errptr`, none.
 * plugin/README.md ("Canary and live control") lists them. Safe for concurrent
 * use. */
__attribute__((visibility("default"))) void rocksdb_uring_change_settings(
    rocksdb_env_t* env, const char* settings, char** errptr);

/* Returns the statistics of `env`, which rocksdb_uring_create_env made or which
 * is the default one under the preload: as JSON, in the format of the
 * statistics file, and in the text format of Prometheus. The caller frees the
 * result with free(). On failure as above. Safe for concurrent use. */
__attribute__((visibility("default"))) char* rocksdb_uring_statistics_json(
    rocksdb_env_t* env, char** errptr);
__attribute__((visibility("default"))) char*
rocksdb_uring_statistics_prometheus(rocksdb_env_t* env, char** errptr);

#ifdef __cplusplus
}
#endif

#endif /* ROCKSDB_URING_C_H_ */
