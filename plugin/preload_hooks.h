// The interface between librocksdb_uring_preload.so and librocksdb_uring.so.
// The preload library finds the one symbol below with dlsym, so it depends
// neither on the plugin nor on RocksDB.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "rocksdb/rocksdb_namespace.h"

namespace ROCKSDB_NAMESPACE {
class FileSystem;
}  // namespace ROCKSDB_NAMESPACE

namespace rocksdb_uring {

// FileSystem::Default() of a librocksdb, bypassing the preload library.
using DefaultFunction = std::shared_ptr<ROCKSDB_NAMESPACE::FileSystem> (*)();

struct PreloadHooks {
  static constexpr uint32_t kVersion = 1;

  // The preload library uses only hooks of its own version.
  uint32_t version;
  // Returns the file system that replaces FileSystem::Default(): always the
  // same object, never destroyed. `real` returns the replaced one. Safe for
  // concurrent use, also while Env::Default() is under construction.
  std::shared_ptr<ROCKSDB_NAMESPACE::FileSystem> (*default_file_system)(
      DefaultFunction real);
  // Returns what the plugin itself must use: the replaced file system, so that
  // no uring file system is ever stacked on another. Otherwise as above.
  std::shared_ptr<ROCKSDB_NAMESPACE::FileSystem> (*base_file_system)(
      DefaultFunction real);
};

}  // namespace rocksdb_uring

extern "C" __attribute__((visibility("default")))
const rocksdb_uring::PreloadHooks rocksdb_uring_preload_hooks;
