// The part of the file system that is configured: from the environment, a URI
// or RocksDB's option strings.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>

#include "env/file/rocksdb_compat.h"
#include "env/fs/options.h"

namespace rocksdb_uring {

// Collects and checks options; nothing is opened or started before all of them
// are accepted, and then by Start. From then on only settings can change
// (settings.h), while files are open. A base class, and not a member, because
// RocksDB configures an object through its virtual functions.
class ConfiguredFileSystem : public VersionedFileSystem {
 public:
  // Configures a new object: with the options of the environment
  // (ROCKSDB_URING, ROCKSDB_URING_OPTIONS), overridden by those of `text`, in
  // any form that ParseOptionText accepts. If `ready`, also prepares it;
  // otherwise more options may follow. Needs Env::Default(), as every parser of
  // RocksDB's options does.
  // REQUIRES: external synchronization, and no other call before it.
  rocksdb::Status Configure(const std::string& text, bool ready);

  // Options take effect here: calls Start, except while a configuration is
  // incomplete.
  rocksdb::Status PrepareOptions(const rocksdb::ConfigOptions& config) override;

 protected:
  explicit ConfiguredFileSystem(
      const std::shared_ptr<rocksdb::FileSystem>& base);

  const FileSystemOptions& options() const { return options_; }
  FileSystemOptions* mutable_options() { return &options_; }

  // Does what the options say. May be called more than once.
  virtual rocksdb::Status Start() = 0;
  // Changes settings of the file system after Start: all of them or none.
  // InvalidArgument if one of them is no setting. Safe for concurrent use.
  virtual rocksdb::Status ChangeSettings(
      const std::unordered_map<std::string, std::string>& values) = 0;

  // Rejects text that names no option; RocksDB would ignore it.
  rocksdb::Status ParseStringOptions(const rocksdb::ConfigOptions& config,
                                     const std::string& text) override;
  rocksdb::Status ConfigureOptions(
      const rocksdb::ConfigOptions& config,
      const std::unordered_map<std::string, std::string>& options,
      std::unordered_map<std::string, std::string>* unused) override;
  rocksdb::Status ParseOption(const rocksdb::ConfigOptions& config,
                              const rocksdb::OptionTypeInfo& info,
                              const std::string& name, const std::string& value,
                              void* address) override;

 private:
  rocksdb::Status ConfigureFromText(const rocksdb::ConfigOptions& config,
                                    const std::string& text);
  rocksdb::Status ChangeInUse(
      std::unordered_map<std::string, std::string> options);
  rocksdb::Status ConfigureFromEnvironment(
      const rocksdb::ConfigOptions& config);

  FileSystemOptions options_;
  // Options are being set; preparing must wait.
  bool configuring_ = false;
  // Since the first Start that succeeded: files may be open.
  std::atomic<bool> in_use_{false};
};

}  // namespace rocksdb_uring
