// An open file and what every kind of file object needs to know of it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "env/base/file_descriptor.h"
#include "env/engine/io_engine.h"
#include "env/engine/shared_engine.h"
#include "env/file/file_kind.h"
#include "env/file/file_policy.h"
#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// Shared by the file object and by operations in flight, which keep the
// descriptor open when the file object goes first. Immutable, but for the
// descriptor of a file that is written, which its file object closes.
struct OpenFile {
  std::string name;
  FileDescriptor fd;
  FileKind kind = FileKind::kOther;
  // Alignment that direct I/O needs, in bytes; 0 when the file is buffered.
  uint32_t alignment = 0;
  // Reads may poll the device (RunOptions::polls).
  bool polls = false;
  std::shared_ptr<const FilePolicy> policy;
  uint8_t hundredth = 0;
  std::shared_ptr<SharedEngine> engine;
  // Step of EarlyWriteOut in bytes; 0: none.
  uint64_t write_out_bytes = 0;

  // The path of the next operation. To be asked once for each: the answer may
  // change at any moment.
  PathChoice reads() const { return policy->reads(hundredth); }
  PathChoice writes() const { return policy->writes(hundredth); }
  PathChoice syncs() const { return policy->syncs(hundredth); }
  // Serves operations that their caller waits for. What was submitted is waited
  // for in engine->engine() whatever the path is by then.
  IoEngine* EngineOf(PathChoice path) const {
    return path == PathChoice::kPlain ? engine->plain_engine()
                                      : engine->engine();
  }

  // Of a read.
  IoPriority PriorityOf(const rocksdb::IOOptions& options) const {
    return IsBackground(options) ? policy->background()
                                 : IoPriority::kForeground;
  }

  bool direct() const { return alignment != 0; }
  // The alignment in bytes that the file asks of RocksDB's buffers.
  size_t buffer_alignment() const {
    return direct() ? alignment : rocksdb::kDefaultPageSize;
  }
  // An operation on this file. `buffer` may be null for those without one.
  void Describe(IoKind io_kind, StatKind stat_kind, uint64_t offset,
                uint64_t length, char* buffer, IoOp* op,
                IoPriority priority = IoPriority::kForeground) const {
    op->kind = io_kind;
    op->stat_kind = stat_kind;
    op->fd = fd.get();
    op->alignment = alignment;
    op->offset = offset;
    op->length = length;
    op->buffer = buffer;
    op->priority = priority;
  }
  // Runs one operation and waits for it; returns its result.
  int64_t Run(IoOp* op, PathChoice path) const {
    RunOptions options;
    options.path = path;
    options.polls = polls && IsRead(*op);
    EngineOf(path)->Run(op, 1, options);
    return op->result;
  }
};

// What the files of one file system have in common.
struct FileContext {
  std::shared_ptr<const FilePolicy> policy;
  std::shared_ptr<SharedEngine> engine;
  uint64_t write_out_bytes = 0;
};

// Opens a file for reading, as the default file system does: retried when a
// signal interrupts it, close-on-exec unless the options say otherwise, direct
// if they ask for it. `what` is the wording of a failure.
rocksdb::IOStatus OpenForReading(const std::string& name,
                                 const rocksdb::FileOptions& options,
                                 const std::string& what,
                                 const FileContext& context,
                                 std::shared_ptr<const OpenFile>* result);

// What opening a file for writing does with one that exists.
enum class ExistingFile : uint8_t {
  kTruncate,
  kKeep,
};

// Opens a file for writing, makes it if it is not there; direct if the options
// ask for it. Never O_APPEND: with it Linux ignores the offset of a write.
rocksdb::IOStatus OpenForWriting(const std::string& name,
                                 const rocksdb::FileOptions& options,
                                 ExistingFile existing,
                                 const FileContext& context,
                                 std::shared_ptr<OpenFile>* result);

// Opens `old_name` for writing from its beginning, without giving up its
// blocks, and renames it to `name`.
rocksdb::IOStatus OpenForReuse(const std::string& name,
                               const std::string& old_name,
                               const rocksdb::FileOptions& options,
                               const FileContext& context,
                               std::shared_ptr<OpenFile>* result);

// Opens a file that exists for reading and writing, buffered.
rocksdb::IOStatus OpenForReadingAndWriting(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           const FileContext& context,
                                           std::shared_ptr<OpenFile>* result);

// Opens a directory or a file in order to sync it. `what` is the wording of a
// failure.
rocksdb::IOStatus OpenToSync(const std::string& name, const std::string& what,
                             const FileContext& context,
                             std::shared_ptr<OpenFile>* result);

// Identity of the file behind the descriptor, byte for byte what the default
// file system gives: RocksDB builds cache keys of it. Returns its length, or 0
// if there is none or `max_size` is too small.
size_t GetUniqueIdOf(int fd, char* id, size_t max_size);

}  // namespace rocksdb_uring
