// The file systems that replace FileSystem::Default() under the preload.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "env/file/rocksdb_compat.h"
#include "env/fs/uring_file_system.h"

namespace rocksdb_uring {

// RocksDB's default file system while FileSystem::Default() returns another
// one. PosixFileSystem asserts that it is the default (in 7.8, when it may map
// a file for writing), so this class switches mapped writes off. Reports the
// names of the file system below it. Safe for concurrent use.
class BaseFileSystem final : public VersionedFileSystem {
 public:
  explicit BaseFileSystem(const std::shared_ptr<rocksdb::FileSystem>& real)
      : VersionedFileSystem(real) {}

  const char* Name() const override { return target()->Name(); }
  bool IsInstanceOf(const std::string& name) const override {
    return target()->IsInstanceOf(name);
  }

  rocksdb::IOStatus NewWritableFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReopenWritableFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReuseWritableFile(
      const std::string& name, const std::string& old_name,
      const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* dbg) override;
};

// What FileSystem::Default() returns under the preload: a uring file system
// that reads its options from the environment when the first file is opened. It
// cannot do so earlier: parsing options needs Env::Default(), whose constructor
// needs this object. From then on a bad option, or a fallback=require that
// cannot be met, is the status of every open. Safe for concurrent use.
class DefaultFileSystem final : public VersionedFileSystem {
 public:
  // `uring` must not have been configured yet.
  explicit DefaultFileSystem(const std::shared_ptr<UringFileSystem>& uring)
      : VersionedFileSystem(uring), uring_(uring) {}

  const char* Name() const override { return UringFileSystem::kClassName(); }
  const char* NickName() const override { return UringFileSystem::kNickName(); }
  // Also matches all names of the file system that it replaces: a caller that
  // looks for one of those wants the default. Does not match the class name of
  // the wrapped file system, so that CheckedCast finds the wrapped one.
  bool IsInstanceOf(const std::string& name) const override {
    return name == UringFileSystem::kNickName() ||
           uring_->target()->IsInstanceOf(name);
  }
  // Serialised as the name of the default, as without the preload. With options
  // the string would describe a second object on top of this one.
  std::string GetId() const override { return kDefaultName(); }
  std::string SerializeOptions(const rocksdb::ConfigOptions& /*config*/,
                               const std::string& /*prefix*/) const override {
    return GetId();
  }
  // Configures first, so that the wrapped file system has its options.
  const rocksdb::Customizable* Inner() const override {
    Ready().PermitUncheckedError();
    return VersionedFileSystem::Inner();
  }
  rocksdb::Status PrepareOptions(
      const rocksdb::ConfigOptions& /*config*/) override {
    return Ready();
  }
  // Of the wrapped file system.
  rocksdb::Status GetOption(const rocksdb::ConfigOptions& config,
                            const std::string& name,
                            std::string* value) const override {
    const rocksdb::Status ready = Ready();
    return ready.ok() ? uring_->GetOption(config, name, value) : ready;
  }

  rocksdb::IOStatus NewSequentialFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSSequentialFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomAccessFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewWritableFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReopenWritableFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReuseWritableFile(
      const std::string& name, const std::string& old_name,
      const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomRWFile(
      const std::string& name, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSRandomRWFile>* result,
      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewMemoryMappedFileBuffer(
      const std::string& name,
      std::unique_ptr<rocksdb::MemoryMappedFileBuffer>* result) override;
  rocksdb::IOStatus NewDirectory(const std::string& name,
                                 const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewLogger(const std::string& name,
                              const rocksdb::IOOptions& options,
                              std::shared_ptr<rocksdb::Logger>* result,
                              rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus LockFile(const std::string& name,
                             const rocksdb::IOOptions& options,
                             rocksdb::FileLock** lock,
                             rocksdb::IODebugContext* dbg) override;

  // The answer depends on the options.
  std::optional<bool> ReadsAsynchronously() override {
    return Ready().ok() ? uring_->ReadsAsynchronously() : false;
  }

 protected:
  // Changes settings of the wrapped file system, which is in use.
  rocksdb::Status ConfigureOptions(
      const rocksdb::ConfigOptions& config,
      const std::unordered_map<std::string, std::string>& options,
      std::unordered_map<std::string, std::string>* unused) override {
    const rocksdb::Status ready = Ready();
    return ready.ok() && !options.empty()
               ? uring_->ConfigureFromMap(config, options, unused)
               : ready;
  }

 private:
  // Configures the file system inside, once.
  rocksdb::Status Ready() const;
  rocksdb::IOStatus ReadyToOpen() const;

  const std::shared_ptr<UringFileSystem> uring_;
  mutable std::once_flag once_;
  mutable rocksdb::Status status_;
};

}  // namespace rocksdb_uring
