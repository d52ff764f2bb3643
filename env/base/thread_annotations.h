// Clang's thread-safety attributes under the names that Abseil and LevelDB
// use. They expand to nothing with other compilers; the clang build checks
// them with -Werror=thread-safety.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#if defined(__clang__)
#define ROCKSDB_URING_ATTRIBUTE(x) __attribute__((x))
#else
#define ROCKSDB_URING_ATTRIBUTE(x)
#endif

#define URING_CAPABILITY(x) ROCKSDB_URING_ATTRIBUTE(capability(x))
#define URING_SCOPED_CAPABILITY ROCKSDB_URING_ATTRIBUTE(scoped_lockable)
#define URING_GUARDED_BY(x) ROCKSDB_URING_ATTRIBUTE(guarded_by(x))
#define URING_PT_GUARDED_BY(x) ROCKSDB_URING_ATTRIBUTE(pt_guarded_by(x))
#define URING_REQUIRES(...) \
  ROCKSDB_URING_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define URING_EXCLUDES(...) ROCKSDB_URING_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define URING_ACQUIRE(...) \
  ROCKSDB_URING_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define URING_RELEASE(...) \
  ROCKSDB_URING_ATTRIBUTE(release_capability(__VA_ARGS__))
#define URING_TRY_ACQUIRE(...) \
  ROCKSDB_URING_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define URING_NO_THREAD_SAFETY_ANALYSIS \
  ROCKSDB_URING_ATTRIBUTE(no_thread_safety_analysis)
