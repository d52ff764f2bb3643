// What FileSystem::Default() returns under the preload, and why.
//
// SPDX-License-Identifier: Apache-2.0
#include "plugin/default_file_system.h"

#include <utility>

#include "plugin/preload_hooks.h"

namespace rocksdb_uring {

using rocksdb::FileLock;
using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSDirectory;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSRandomRWFile;
using rocksdb::FSSequentialFile;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Logger;
using rocksdb::MemoryMappedFileBuffer;
using rocksdb::Status;

namespace {

FileOptions WithoutMmapWrites(const FileOptions& options) {
  FileOptions copy = options;
  copy.use_mmap_writes = false;
  return copy;
}

std::shared_ptr<FileSystem> Base(DefaultFunction real) {
  // Never destroyed, like the default file system that it replaces.
  static const auto* base =
      new std::shared_ptr<FileSystem>(std::make_shared<BaseFileSystem>(real()));
  return *base;
}

std::shared_ptr<FileSystem> Default(DefaultFunction real) {
  // A library of the same name may be another version, with other object
  // layouts.
  if (rocksdb::GetRocksVersionAsString(false) != RocksDBVersionOfHeaders()) {
    return real();
  }
  static const auto* file_system =
      new std::shared_ptr<FileSystem>(std::make_shared<DefaultFileSystem>(
          std::make_shared<UringFileSystem>(Base(real))));
  return *file_system;
}

}  // namespace

IOStatus BaseFileSystem::NewWritableFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  return target()->NewWritableFile(name, WithoutMmapWrites(options), result,
                                   dbg);
}

IOStatus BaseFileSystem::ReopenWritableFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  return target()->ReopenWritableFile(name, WithoutMmapWrites(options), result,
                                      dbg);
}

IOStatus BaseFileSystem::ReuseWritableFile(
    const std::string& name, const std::string& old_name,
    const FileOptions& options, std::unique_ptr<FSWritableFile>* result,
    IODebugContext* dbg) {
  return target()->ReuseWritableFile(name, old_name, WithoutMmapWrites(options),
                                     result, dbg);
}

Status DefaultFileSystem::Ready() const {
  std::call_once(once_,
                 [this] { status_ = uring_->Configure("", /*ready=*/true); });
  return status_;
}

IOStatus DefaultFileSystem::ReadyToOpen() const {
  return rocksdb::status_to_io_status(Ready());
}

IOStatus DefaultFileSystem::NewSequentialFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSSequentialFile>* result, IODebugContext* dbg) {
  const IOStatus ready = ReadyToOpen();
  return ready.ok() ? target()->NewSequentialFile(name, options, result, dbg)
                    : ready;
}

IOStatus DefaultFileSystem::NewRandomAccessFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSRandomAccessFile>* result, IODebugContext* dbg) {
  const IOStatus ready = ReadyToOpen();
  return ready.ok() ? target()->NewRandomAccessFile(name, options, result, dbg)
                    : ready;
}

IOStatus DefaultFileSystem::NewWritableFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  const IOStatus ready = ReadyToOpen();
  return ready.ok() ? target()->NewWritableFile(name, options, result, dbg)
                    : ready;
}

IOStatus DefaultFileSystem::ReopenWritableFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  const IOStatus ready = ReadyToOpen();
  return ready.ok() ? target()->ReopenWritableFile(name, options, result, dbg)
                    : ready;
}

IOStatus DefaultFileSystem::ReuseWritableFile(
    const std::string& name, const std::string& old_name,
    const FileOptions& options, std::unique_ptr<FSWritableFile>* result,
    IODebugContext* dbg) {
  const IOStatus ready = ReadyToOpen();
  return ready.ok()
             ? target()->ReuseWritableFile(name, old_name, options, result, dbg)
             : ready;
}

IOStatus DefaultFileSystem::NewRandomRWFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSRandomRWFile>* result, IODebugContext* dbg) {
  const IOStatus ready = ReadyToOpen();
  return ready.ok() ? target()->NewRandomRWFile(name, options, result, dbg)
                    : ready;
}

IOStatus DefaultFileSystem::NewMemoryMappedFileBuffer(
    const std::string& name, std::unique_ptr<MemoryMappedFileBuffer>* result) {
  const IOStatus ready = ReadyToOpen();
  return ready.ok() ? target()->NewMemoryMappedFileBuffer(name, result) : ready;
}

IOStatus DefaultFileSystem::NewDirectory(const std::string& name,
                                         const IOOptions& options,
                                         std::unique_ptr<FSDirectory>* result,
                                         IODebugContext* dbg) {
  const IOStatus ready = ReadyToOpen();
  return ready.ok() ? target()->NewDirectory(name, options, result, dbg)
                    : ready;
}

IOStatus DefaultFileSystem::NewLogger(const std::string& name,
                                      const IOOptions& options,
                                      std::shared_ptr<Logger>* result,
                                      IODebugContext* dbg) {
  const IOStatus ready = ReadyToOpen();
  return ready.ok() ? target()->NewLogger(name, options, result, dbg) : ready;
}

IOStatus DefaultFileSystem::LockFile(const std::string& name,
                                     const IOOptions& options, FileLock** lock,
                                     IODebugContext* dbg) {
  const IOStatus ready = ReadyToOpen();
  return ready.ok() ? target()->LockFile(name, options, lock, dbg) : ready;
}

}  // namespace rocksdb_uring

extern "C" const rocksdb_uring::PreloadHooks rocksdb_uring_preload_hooks = {
    rocksdb_uring::PreloadHooks::kVersion, rocksdb_uring::Default,
    rocksdb_uring::Base};
