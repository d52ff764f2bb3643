// Opens files, and answers Poll and AbortIO.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/uring_file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cinttypes>
#include <utility>
#include <vector>

#include "env/base/file_descriptor.h"
#include "env/base/version.h"
#include "env/file/async_read.h"
#include "env/file/directory.h"
#include "env/file/io_status.h"
#include "env/file/random_access_file.h"
#include "env/file/random_rw_file.h"
#include "env/file/sequential_file.h"
#include "env/file/writable_file.h"
#include "rocksdb/env.h"

namespace rocksdb_uring {

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
using rocksdb::Status;

namespace {

// The engine's answer, for the status of an open.
IOStatus ToIOStatus(const Status& status) {
  return rocksdb::status_to_io_status(Status(status));
}

// Pipes, terminals and devices have no offsets to read or write at. Checked
// before the file is opened, because opening a pipe twice loses its writer.
bool IsSpecialFile(const std::string& name) {
  struct stat attributes = {};
  return stat(name.c_str(), &attributes) == 0 && !S_ISREG(attributes.st_mode) &&
         !S_ISDIR(attributes.st_mode);
}

// For the log: features and bugs of io_uring depend on the release.
std::string KernelRelease() {
  utsname names = {};
  return uname(&names) == 0 ? names.release : "of an unknown release";
}

}  // namespace

UringFileSystem::UringFileSystem(const std::shared_ptr<FileSystem>& base)
    : ConfiguredFileSystem(base != nullptr ? base : FileSystem::Default()),
      engine_(mutable_options()) {}

Status UringFileSystem::Create(const std::string& text, bool ready,
                               std::unique_ptr<UringFileSystem>* result) {
  auto self = std::make_unique<UringFileSystem>(nullptr);
  Status status = self->Configure(text, ready);
  if (status.ok()) {
    *result = std::move(self);
  }
  return status;
}

Status UringFileSystem::Start() {
  const Status status = CheckBase();
  return status.ok() ? engine_.Start() : status;
}

Status UringFileSystem::CheckBase() const {
  if (target()->CheckedCast<UringFileSystem>() != nullptr) {
    return Status::InvalidArgument(
        std::string("target=") + target()->Name() +
            ": the file system below is already a uring file system",
        "remove target=");
  }
  if (target()->IsInstanceOf("posix") ||
      target()->IsInstanceOf(FileSystem::kDefaultName())) {
    return Status::OK();
  }
  return Status::InvalidArgument(
      std::string("target=") + target()->Name() +
          ": the uring file system opens files itself and would bypass the "
          "file system below it",
      "put the uring file system on the default one, and the other above it");
}

IOStatus UringFileSystem::Context(FileContext* context) {
  Status status;
  context->engine = engine_.Get(&status);
  context->policy = options().policy;
  context->write_out_bytes = options().write_out_bytes;
  return ToIOStatus(status);
}

template <typename Open>
IOStatus UringFileSystem::OpenWith(const Open& open) {
  FileContext context;
  IOStatus status = Context(&context);
  if (status.ok()) {
    status = open(context);
  }
  if (status.ok()) {
    context.engine->CountOpen();
  }
  return status;
}

IOStatus UringFileSystem::NewSequentialFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSSequentialFile>* result, IODebugContext* dbg) {
  if (switched_off() || IsSpecialFile(name)) {
    return target()->NewSequentialFile(name, options, result, dbg);
  }
  result->reset();
  std::shared_ptr<const OpenFile> file;
  const IOStatus status = OpenWith([&](const FileContext& context) {
    return OpenForReading(name, options,
                          "While opening a file for sequentially reading",
                          context, &file);
  });
  if (status.ok()) {
    *result = std::make_unique<UringSequentialFile>(std::move(file));
  }
  return status;
}

IOStatus UringFileSystem::NewRandomAccessFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSRandomAccessFile>* result, IODebugContext* dbg) {
  if (switched_off() || options.use_mmap_reads || IsSpecialFile(name)) {
    return target()->NewRandomAccessFile(name, options, result, dbg);
  }
  result->reset();
  std::shared_ptr<const OpenFile> file;
  const IOStatus status = OpenWith([&](const FileContext& context) {
    return OpenForReading(name, options, "While open a file for random read",
                          context, &file);
  });
  if (status.ok()) {
    struct stat attributes = {};
    // A size of 0 only switches the read-ahead off.
    (void)fstat(file->fd.get(), &attributes);
    *result = std::make_unique<UringRandomAccessFile>(
        std::move(file), static_cast<uint64_t>(attributes.st_size));
  }
  return status;
}

IOStatus UringFileSystem::NewWritableFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  if (!ServesWritesOf(options) || IsSpecialFile(name)) {
    return target()->NewWritableFile(name, options, result, dbg);
  }
  result->reset();
  std::shared_ptr<OpenFile> file;
  const IOStatus status = OpenWith([&](const FileContext& context) {
    return OpenForWriting(name, options, ExistingFile::kTruncate, context,
                          &file);
  });
  if (status.ok()) {
    *result = std::make_unique<UringWritableFile>(std::move(file), options, 0);
  }
  return status;
}

IOStatus UringFileSystem::ReopenWritableFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  if (!ServesWritesOf(options) || IsSpecialFile(name)) {
    return target()->ReopenWritableFile(name, options, result, dbg);
  }
  result->reset();
  std::shared_ptr<OpenFile> file;
  const IOStatus status = OpenWith([&](const FileContext& context) {
    return OpenForWriting(name, options, ExistingFile::kKeep, context, &file);
  });
  if (!status.ok()) {
    return status;
  }
  struct stat attributes = {};
  if (fstat(file->fd.get(), &attributes) != 0) {
    // Without its size an append would overwrite the file.
    return MakeIOStatus("While fstat a file for appending", name,
                        Errno::FromErrno(errno));
  }
  *result = std::make_unique<UringWritableFile>(
      std::move(file), options, static_cast<uint64_t>(attributes.st_size));
  return status;
}

IOStatus UringFileSystem::ReuseWritableFile(
    const std::string& name, const std::string& old_name,
    const FileOptions& options, std::unique_ptr<FSWritableFile>* result,
    IODebugContext* dbg) {
  if (!ServesWritesOf(options)) {
    return target()->ReuseWritableFile(name, old_name, options, result, dbg);
  }
  result->reset();
  std::shared_ptr<OpenFile> file;
  const IOStatus status = OpenWith([&](const FileContext& context) {
    return OpenForReuse(name, old_name, options, context, &file);
  });
  if (status.ok()) {
    *result = std::make_unique<UringWritableFile>(std::move(file), options, 0);
  }
  return status;
}

IOStatus UringFileSystem::NewRandomRWFile(
    const std::string& name, const FileOptions& options,
    std::unique_ptr<FSRandomRWFile>* result, IODebugContext* dbg) {
  if (switched_off() || IsSpecialFile(name)) {
    return target()->NewRandomRWFile(name, options, result, dbg);
  }
  result->reset();
  std::shared_ptr<OpenFile> file;
  const IOStatus status = OpenWith([&](const FileContext& context) {
    return OpenForReadingAndWriting(name, options, context, &file);
  });
  if (status.ok()) {
    *result = std::make_unique<UringRandomRWFile>(std::move(file));
  }
  return status;
}

IOStatus UringFileSystem::NewDirectory(const std::string& name,
                                       const IOOptions& options,
                                       std::unique_ptr<FSDirectory>* result,
                                       IODebugContext* dbg) {
  if (switched_off()) {
    return target()->NewDirectory(name, options, result, dbg);
  }
  result->reset();
  FileContext context;
  IOStatus status = Context(&context);
  if (status.ok()) {
    status = UringDirectory::Open(name, context, result);
  }
  return status;
}

IOStatus UringFileSystem::DeleteFile(const std::string& name,
                                     const IOOptions& options,
                                     IODebugContext* dbg) {
  const FileKind kind = ClassifyFile(name);
  const bool large = kind == FileKind::kTable || kind == FileKind::kBlob;
  const auto remove = [&] { return target()->DeleteFile(name, options, dbg); };
  const FilePolicy& policy = *this->options().policy;
  if (switched_off() || !large ||
      !MayUseRings(policy.writes(HundredthOf(name)))) {
    return remove();
  }
  bool deferred = false;
  const IOStatus status = removed_.Remove(name, remove, &deferred);
  Status ignored;
  const std::shared_ptr<SharedEngine> engine = engine_.Get(&ignored);
  if (deferred && engine != nullptr) {
    engine->statistics()->Count(StatEvent::kRemovalDeferred);
  }
  return status;
}

IOStatus UringFileSystem::NewLogger(const std::string& name,
                                    const IOOptions& options,
                                    std::shared_ptr<Logger>* result,
                                    IODebugContext* dbg) {
  const IOStatus status = target()->NewLogger(name, options, result, dbg);
  if (!status.ok()) {
    return status;
  }
  // A new logger accepts only errors; RocksDB sets its level later.
  Logger* const logger = result->get();
  const rocksdb::InfoLogLevel level = logger->GetInfoLogLevel();
  logger->SetInfoLogLevel(rocksdb::InfoLogLevel::INFO_LEVEL);
  LogPath(logger);
  LogPolling(name, logger);
  LogSettings(logger);
  logger->SetInfoLogLevel(level);
  auto reported = std::make_shared<ReportedLogger>(std::move(*result));
  engine_.control()->AddLogger(reported);
  *result = std::move(reported);
  return status;
}

void UringFileSystem::LogPath(Logger* logger) {
  Status ignored;
  const std::shared_ptr<SharedEngine> engine = engine_.Get(&ignored);
  const FallbackState fallback = engine_.WhyPosix(engine.get());
  if (fallback.active) {
    rocksdb::Log(rocksdb::InfoLogLevel::WARN_LEVEL, logger,
                 "uring file system: rocksdb-uring %s, POSIX in use, Linux %s: "
                 "%s; remedy: %s",
                 kVersion, KernelRelease().c_str(), fallback.reason.c_str(),
                 fallback.remedy.c_str());
  } else if (engine != nullptr) {
    rocksdb::Log(rocksdb::InfoLogLevel::INFO_LEVEL, logger,
                 "uring file system: rocksdb-uring %s, io_uring in use, Linux "
                 "%s, queue depth %" PRIu32 ", at most %" PRIu32 " rings",
                 kVersion, KernelRelease().c_str(),
                 engine->options().queue_depth, engine->options().rings_max);
  }
}

// Of the device that the log is on, as its database most often is.
void UringFileSystem::LogPolling(const std::string& name, Logger* logger) {
  Status ignored;
  const std::shared_ptr<SharedEngine> engine = engine_.Get(&ignored);
  if (engine == nullptr || engine->options().polling == Polling::kOff) {
    return;
  }
  const FileDescriptor file(open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.valid()) {
    (void)engine->PollsDevice(file.get());
  }
  const PollingState state = engine->polling();
  if (state.active) {
    rocksdb::Log(rocksdb::InfoLogLevel::INFO_LEVEL, logger,
                 "uring file system: polling=%s in use",
                 PollingName(engine->options().polling));
  } else if (!state.reason.empty()) {
    rocksdb::Log(rocksdb::InfoLogLevel::WARN_LEVEL, logger,
                 "uring file system: no polling: %s; remedy: %s",
                 state.reason.c_str(), state.remedy.c_str());
  }
}

// The control file was read before there was a log to report it to.
void UringFileSystem::LogSettings(Logger* logger) {
  const ControlReport control = engine_.control()->report();
  if (control.settings.share == FileSettings::kShareMax &&
      control.file.empty()) {
    return;
  }
  rocksdb::Log(rocksdb::InfoLogLevel::INFO_LEVEL, logger,
               "uring file system: share %" PRIu32
               " of 100 files, control file '%s' applied %" PRIu64 " times",
               control.settings.share, control.file.c_str(), control.applied);
  if (!control.error.empty()) {
    rocksdb::Log(rocksdb::InfoLogLevel::WARN_LEVEL, logger,
                 "uring file system: %s; nothing of it was applied",
                 control.error.c_str());
  }
}

IOStatus UringFileSystem::Poll(std::vector<void*>& handles,
                               size_t min_completions) {
  if (switched_off()) {
    return target()->Poll(handles, min_completions);
  }
  AsyncRead::WaitAndDeliver(handles.data(), handles.size());
  return IOStatus::OK();
}

IOStatus UringFileSystem::AbortIO(std::vector<void*>& handles) {
  if (switched_off()) {
    return target()->AbortIO(handles);
  }
  // Cancels all before it waits for the first, so that they end together. Then
  // callbacks run as in Poll: the comment in file_system.h of 7.8 says that
  // they do not, but RocksDB frees its state of a read in the callback.
  for (void* handle : handles) {
    if (handle != nullptr) {
      static_cast<AsyncRead*>(handle)->Cancel();
    }
  }
  std::vector<void*> all = handles;
  return Poll(all, all.size());
}

std::optional<bool> UringFileSystem::ReadsAsynchronously() {
  if (switched_off()) {
    return std::nullopt;
  }
  // The first file to be in a share.
  constexpr uint8_t kFirst = 0;
  return MayUseRings(options().policy->reads(kFirst)) && engine_.asynchronous();
}

}  // namespace rocksdb_uring
