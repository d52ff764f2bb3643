// An open file and what every kind of file object needs to know of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "env/base/file_descriptor.h"
#include "env/engine/shared_engine.h"
#include "env/file/file_kind.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// Shared by the file object and by operations in flight, which keep the
// descriptor open when the file object goes first. Immutable.
struct OpenFile {
  std::string name;
  FileDescriptor fd;
  FileKind kind = FileKind::kOther;
  // Alignment that direct I/O needs, in bytes; 0 when the file is buffered.
  uint32_t alignment = 0;
  // Option `reads`.
  PathChoice reads = PathChoice::kAuto;
  std::shared_ptr<SharedEngine> engine;

  bool direct() const { return alignment != 0; }
};

// Opens a file for reading, as the default file system does: retried when a
// signal interrupts it, close-on-exec unless the options say otherwise, direct
// if they ask for it. `context` is the wording of a failure.
rocksdb::IOStatus OpenForReading(const std::string& name,
                                 const rocksdb::FileOptions& options,
                                 const std::string& context, PathChoice reads,
                                 std::shared_ptr<SharedEngine> engine,
                                 std::shared_ptr<const OpenFile>* result);

// Identity of the file behind the descriptor, byte for byte what the default
// file system gives: RocksDB builds cache keys of it. Returns its length, or 0
// if there is none or `max_size` is too small.
size_t GetUniqueIdOf(int fd, char* id, size_t max_size);

}  // namespace rocksdb_uring
