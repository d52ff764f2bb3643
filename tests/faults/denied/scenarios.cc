// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/denied/scenarios.h"

#include <fstream>
#include <map>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/file/rocksdb_compat.h"
#include "plugin/open_database.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

using rocksdb::DB;
using rocksdb::Env;
using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::IOStatus;

namespace {

constexpr char kMounted[] = "mounted/";

// All that can differ between two statuses.
std::string Whole(const IOStatus& status) {
  return status.ToString() + " code " + std::to_string(status.code()) +
         " subcode " + std::to_string(status.subcode()) +
         (status.GetRetryable() ? " retryable" : "") +
         (status.GetDataLoss() ? " data loss" : "");
}

FileOptions DirectOptions() {
  FileOptions options;
  options.use_direct_reads = true;
  options.use_direct_writes = true;
  return options;
}

// How opening a file for direct I/O ends, in each way of opening one.
std::vector<std::string> DirectOpens(FileSystem* file_system,
                                     const std::string& path) {
  const FileOptions options = DirectOptions();
  std::unique_ptr<rocksdb::FSRandomAccessFile> random_access;
  std::unique_ptr<rocksdb::FSSequentialFile> sequential;
  std::unique_ptr<rocksdb::FSWritableFile> writable;
  std::vector<std::string> ends;
  ends.push_back(Whole(file_system->NewRandomAccessFile(
      path, options, &random_access, nullptr)));
  ends.push_back(Whole(
      file_system->NewSequentialFile(path, options, &sequential, nullptr)));
  ends.push_back(Whole(
      file_system->NewWritableFile(path + "1", options, &writable, nullptr)));
  ends.push_back(Whole(
      file_system->ReopenWritableFile(path, options, &writable, nullptr)));
  ends.push_back(Whole(file_system->ReuseWritableFile(path + "2", path, options,
                                                      &writable, nullptr)));
  return ends;
}

}  // namespace

bool Scenarios::OpenFileSystem(const std::string& options) {
  const rocksdb::Status status =
      NewUringFileSystem("stats_file=stats.json;" + options, &file_system_);
  findings_.Check(status.ok(), "file system: " + status.ToString());
  if (status.ok()) {
    Note("open");
  }
  return status.ok();
}

void Scenarios::TryRequire() {
  std::shared_ptr<FileSystem> required;
  const rocksdb::Status status =
      NewUringFileSystem("fallback=require", &required);
  findings_.Check((required != nullptr) == status.ok(),
                  "fallback=require: a file system with " + status.ToString());
  report_["require"] = status.ToString();
}

Scenarios::Json Scenarios::Statistics() {
  std::string json;
  const rocksdb::Status status =
      GetUringStatisticsJson(file_system_.get(), &json);
  findings_.Check(status.ok(), "statistics: " + status.ToString());
  return Json::parse(json);
}

void Scenarios::Note(const std::string& moment) {
  report_["moments"][moment] = Statistics();
}

uint64_t Scenarios::RingOperations() {
  uint64_t count = 0;
  const Json statistics = Statistics();
  for (const auto& operations : statistics["ops"].items()) {
    count += operations.value()["ring"]["count"].get<uint64_t>();
  }
  return count;
}

void Scenarios::RunDatabase(const std::string& name, const std::string& options,
                            bool direct) {
  std::shared_ptr<FileSystem> own = file_system_;
  if (!options.empty()) {
    const rocksdb::Status status = NewUringFileSystem(options, &own);
    findings_.Check(status.ok(), options + ": " + status.ToString());
  }
  const std::unique_ptr<Env> env = rocksdb::NewCompositeEnv(own);
  const Json fallback = Statistics()["fallback"];
  CheckedDatabase database(env.get(), name, direct, seed_, &findings_);
  database.RunAll();
  report_["logs"].push_back(
      {{"fallback", fallback}, {"text", database.first_log()}});
}

void Scenarios::TryReadAsync() {
  std::ofstream("async.sst") << RandomBytes(8192, seed_);
  std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  const IOStatus opened = file_system_->NewRandomAccessFile(
      "async.sst", FileOptions(), &file, nullptr);
  findings_.Check(opened.ok(), "async.sst: " + opened.ToString());
  const AlignedBuffer buffer(4096, 4096);
  rocksdb::FSReadRequest request;
  request.offset = 0;
  request.len = buffer.size();
  request.scratch = buffer.data();
  int callbacks = 0;
  void* handle = nullptr;
  rocksdb::IOHandleDeleter deleter = nullptr;
  const IOStatus status = file->ReadAsync(
      request, rocksdb::IOOptions(),
      [&callbacks](const rocksdb::FSReadRequest&, void*) { ++callbacks; },
      nullptr, &handle, &deleter, nullptr);
  if (handle != nullptr) {
    std::vector<void*> handles = {handle};
    const IOStatus polled = file_system_->Poll(handles, 1);
    findings_.Check(polled.ok(), "Poll: " + polled.ToString());
    deleter(handle);
  }
  findings_.Check(callbacks == (status.ok() ? 1 : 0),
                  "ReadAsync: " + std::to_string(callbacks) +
                      " callbacks with " + status.ToString());
  report_["async"] = status.ToString();
}

void Scenarios::RunDatabases() {
  TryRequire();
  TryReadAsync();
  RunDatabase("buffered", "", false);
  RunDatabase("forced", "reads=uring;writes=uring;syncs=uring", false);
  RunDatabase("direct", "", true);
}

void Scenarios::Databases() {
  if (OpenFileSystem("")) {
    RunDatabases();
  }
}

void Scenarios::DirectRefused() {
  if (!OpenFileSystem("")) {
    return;
  }
  TryRequire();
  const std::string path = std::string(kMounted) + "000001.sst";
  std::ofstream(path) << RandomBytes(8192, seed_);
  const std::vector<std::string> ours = DirectOpens(file_system_.get(), path);
  const std::vector<std::string> theirs =
      DirectOpens(FileSystem::Default().get(), path);
  for (size_t i = 0; i < ours.size(); ++i) {
    findings_.Check(ours[i] == theirs[i],
                    "direct I/O: " + ours[i] + "; the default's: " + theirs[i]);
    findings_.Check(ours[i].find("Invalid argument") != std::string::npos,
                    "direct I/O was not refused: " + ours[i]);
  }
  std::vector<std::string> databases;
  const std::unique_ptr<Env> env = rocksdb::NewCompositeEnv(file_system_);
  for (Env* each : {env.get(), Env::Default()}) {
    std::unique_ptr<DB> db;
    databases.push_back(DB::Open(CheckedDatabase::MakeOptions(each, true),
                                 path + "_db", DatabaseOut(&db))
                            .ToString());
  }
  findings_.Check(databases[0] == databases[1] && databases[0] != "OK",
                  "a direct database: " + databases[0] +
                      "; the default's: " + databases[1]);
  RunDatabase(std::string(kMounted) + "buffered", "", false);
  RunDatabase(std::string(kMounted) + "forced",
              "reads=uring;writes=uring;syncs=uring", false);
}

bool Scenarios::Run(const std::string& name) {
  static const std::map<std::string, void (Scenarios::*)()> all = {
      {"databases", &Scenarios::Databases},
      {"direct_refused", &Scenarios::DirectRefused},
      {"no_memory", &Scenarios::NoMemory},
      {"few_descriptors", &Scenarios::FewDescriptors},
      {"no_descriptors", &Scenarios::NoDescriptors},
      {"enter_between", &Scenarios::EnterBetween},
      {"enter_reads", &Scenarios::EnterReads},
      {"enter_writes", &Scenarios::EnterWrites},
      {"one_thread", &Scenarios::OneThread}};
  const auto found = all.find(name);
  if (found == all.end()) {
    return false;
  }
  (this->*found->second)();
  return true;
}

nlohmann::json Scenarios::Report() {
  if (file_system_ != nullptr) {
    Note("end");
  }
  // Its end writes the statistics file.
  file_system_.reset();
  report_["verified"] = findings_.verified();
  report_["mistakes"] = findings_.mistakes();
  return report_;
}

}  // namespace rocksdb_uring
