// Registers `uring` for file systems and environments.
//
// SPDX-License-Identifier: Apache-2.0
#include "plugin/registration.h"

#include <memory>
#include <unordered_map>
#include <utility>

#include "env/fs/uring_file_system.h"
#include "rocksdb/env.h"
#include "rocksdb/utilities/object_registry.h"

namespace rocksdb_uring {

namespace {

using rocksdb::ConfigOptions;
using rocksdb::Env;
using rocksdb::FileSystem;
using rocksdb::ObjectLibrary;
using rocksdb::Status;

// What an Env URI names: the default Env on a uring file system, whose options
// it accepts. Not a CompositeEnvWrapper, which cannot forward them.
class UringEnv final : public rocksdb::EnvWrapper {
 public:
  explicit UringEnv(std::shared_ptr<UringFileSystem> file_system)
      : EnvWrapper(rocksdb::NewCompositeEnv(file_system)),
        uring_(std::move(file_system)) {
    // Without these RocksDB would use Env's older interface, which has no
    // asynchronous reads.
    file_system_ = uring_;
    system_clock_ = target()->GetSystemClock();
  }

  static const char* kClassName() { return "UringEnv"; }
  const char* Name() const override { return kClassName(); }
  const char* NickName() const override { return UringFileSystem::kNickName(); }
  std::string GetId() const override { return UringFileSystem::kNickName(); }
  Status PrepareOptions(const ConfigOptions& config) override {
    const Status status = uring_->PrepareOptions(config);
    return status.ok() ? EnvWrapper::PrepareOptions(config) : status;
  }

 protected:
  Status ConfigureOptions(
      const ConfigOptions& config,
      const std::unordered_map<std::string, std::string>& options,
      std::unordered_map<std::string, std::string>* unused) override {
    ConfigOptions not_yet = config;
    not_yet.invoke_prepare_options = false;
    if (!options.empty()) {
      const Status status = uring_->ConfigureFromMap(not_yet, options, unused);
      if (!status.ok()) {
        return status;
      }
    }
    return EnvWrapper::ConfigureOptions(config, {}, unused);
  }

 private:
  const std::shared_ptr<UringFileSystem> uring_;
};

// RocksDB itself configures and prepares an object that it requests by a bare
// name; a URI contains its options. Returns null and sets `*error` on failure.
std::unique_ptr<UringFileSystem> CreateForUri(const std::string& uri,
                                              std::string* error) {
  std::unique_ptr<UringFileSystem> file_system;
  const bool ready = uri.find("://") != std::string::npos;
  const Status status =
      UringFileSystem::Create(ready ? uri : "", ready, &file_system);
  if (!status.ok()) {
    *error = status.ToString();
  }
  return file_system;
}

FileSystem* FileSystemFactory(const std::string& uri,
                              std::unique_ptr<FileSystem>* guard,
                              std::string* error) {
  *guard = CreateForUri(uri, error);
  return guard->get();
}

Env* EnvFactory(const std::string& uri, std::unique_ptr<Env>* guard,
                std::string* error) {
  std::shared_ptr<UringFileSystem> file_system = CreateForUri(uri, error);
  if (file_system != nullptr) {
    *guard = std::make_unique<UringEnv>(std::move(file_system));
  }
  return guard->get();
}

// Matches `uring`, `uring://...`, and the class name that Name() returns.
ObjectLibrary::PatternEntry Pattern(const char* class_name) {
  return ObjectLibrary::PatternEntry(UringFileSystem::kNickName(), true)
      .AddSeparator("://", false)
      .AnotherName(class_name);
}

}  // namespace

}  // namespace rocksdb_uring

namespace ROCKSDB_NAMESPACE {

int RegisterUringFileSystem(ObjectLibrary& library,
                            const std::string& /*arg*/) {
  library.AddFactory<FileSystem>(
      rocksdb_uring::Pattern(rocksdb_uring::UringFileSystem::kClassName()),
      rocksdb_uring::FileSystemFactory);
  library.AddFactory<Env>(
      rocksdb_uring::Pattern(rocksdb_uring::UringEnv::kClassName()),
      rocksdb_uring::EnvFactory);
  return 2;
}

}  // namespace ROCKSDB_NAMESPACE
