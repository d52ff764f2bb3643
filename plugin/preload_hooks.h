// What librocksdb_uring_preload.so asks librocksdb_uring.so for. The shim finds
// the one symbol below with dlsym, so that it needs neither this library nor
// RocksDB's to be loaded itself.
#pragma once

#include <cstdint>
#include <memory>

#include "rocksdb/rocksdb_namespace.h"

namespace ROCKSDB_NAMESPACE {
class FileSystem;
}  // namespace ROCKSDB_NAMESPACE

namespace rocksdb_uring {

// FileSystem::Default() of a librocksdb, called past the shim.
using DefaultFunction = std::shared_ptr<ROCKSDB_NAMESPACE::FileSystem> (*)();

struct PreloadHooks {
  static constexpr uint32_t kVersion = 1;

  // The shim uses the hooks of its own version only.
  uint32_t version;
  // What everyone gets for FileSystem::Default(). Always the same object; it is
  // never destroyed. `real` gives the one that it replaces. Safe for concurrent
  // use, also while Env::Default() is under construction.
  std::shared_ptr<ROCKSDB_NAMESPACE::FileSystem> (*default_file_system)(
      DefaultFunction real);
  // What the plugin itself gets: the replaced one, so that no file system of
  // ours ever sits on another. Otherwise as above.
  std::shared_ptr<ROCKSDB_NAMESPACE::FileSystem> (*base_file_system)(
      DefaultFunction real);
};

}  // namespace rocksdb_uring

extern "C" __attribute__((visibility("default")))
const rocksdb_uring::PreloadHooks rocksdb_uring_preload_hooks;
