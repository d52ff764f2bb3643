// A program that is linked with the shared librocksdb and knows nothing of the
// plugin: what a user starts under the preload. One task a run, given on the
// command line; prints one `name=value` a line. With LOAD_TEST_LINKED it is
// linked with the plugin, too.
//
// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/env_encryption.h"
#include "rocksdb/file_system.h"
#include "rocksdb/options.h"
#ifdef LOAD_TEST_LINKED
#include "rocksdb_uring/uring.h"
#endif
#include "tests/databases/load/program_database.h"

namespace {

using load_test::Chain;
using load_test::Check;
using load_test::CountKeys;
using load_test::Fill;
using load_test::MakeOptions;
using load_test::Open;
using load_test::Print;
using load_test::RoundTrip;
using rocksdb::ConfigOptions;
using rocksdb::DB;
using rocksdb::Env;
using rocksdb::EnvWrapper;
using rocksdb::FileSystem;
using rocksdb::FileSystemWrapper;
using rocksdb::Options;
using rocksdb::Status;

using Arguments = std::vector<std::string>;

// The files of the plugin that the process has.
std::string PluginFiles() {
  std::ifstream maps("/proc/self/maps");
  std::set<std::string> paths;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/librocksdb_uring.so") != std::string::npos) {
      paths.insert(line.substr(line.find('/')));
    }
  }
  std::string all;
  for (const std::string& path : paths) {
    all += (all.empty() ? "" : " ") + path;
  }
  return all;
}

// What FileSystem::Default() is.
// What a program may change of the default file system.
int Settings(const Arguments& /*arguments*/) {
  const std::shared_ptr<FileSystem> file_system = FileSystem::Default();
  Print(
      "share_status",
      file_system->ConfigureFromString(ConfigOptions(), "share=5").ToString());
  Print("depth_status",
        file_system->ConfigureFromString(ConfigOptions(), "queue_depth=32")
            .ToString());
  std::string share;
  Print("option_status",
        file_system->GetOption(ConfigOptions(), "share", &share).ToString());
  Print("share", share);
  return 0;
}

int Identity(const Arguments& /*arguments*/) {
  const std::shared_ptr<FileSystem> file_system = FileSystem::Default();
  Print("name", file_system->Name());
  for (const char* name :
       {"posix", "PosixFileSystem", "DefaultFileSystem", "uring", "other"}) {
    Print(std::string("is_") + name,
          file_system->IsInstanceOf(name) ? "1" : "0");
    std::shared_ptr<FileSystem> created;
    ConfigOptions config;
    config.ignore_unsupported_options = false;
    const Status status = FileSystem::CreateFromString(config, name, &created);
    Print(std::string("create_") + name,
          created == file_system ? "default" : status.ToString());
  }
  Print("same_again", FileSystem::Default() == file_system ? "1" : "0");
  std::shared_ptr<FileSystem> copy;
  Print("string_status",
        FileSystem::CreateFromString(
            ConfigOptions(), file_system->ToString(ConfigOptions()), &copy)
            .ToString());
  Print("same_by_string", copy == file_system ? "1" : "0");
  Print("same_in_env",
        Env::Default()->GetFileSystem() == file_system ? "1" : "0");
  return 0;
}

// The first calls come from many threads at once.
int Threads(const Arguments& /*arguments*/) {
  constexpr size_t kThreads = 16;
  std::vector<FileSystem*> seen(kThreads);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&seen, i] {
      seen[i] = i % 2 == 0 ? FileSystem::Default().get()
                           : Env::Default()->GetFileSystem().get();
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  Print("objects",
        std::to_string(std::set<FileSystem*>(seen.begin(), seen.end()).size()));
  return 0;
}

// With `direct` as the second argument, through direct I/O.
int RoundTripTask(const Arguments& arguments) {
  Options options = MakeOptions(Env::Default());
  options.use_direct_reads = arguments.size() > 1 && arguments[1] == "direct";
  Print("status", RoundTrip(options, arguments[0]).ToString());
  return 0;
}

int MappedWrites(const Arguments& arguments) {
  Env* env = Env::Default();
  std::shared_ptr<Env> guard;
  Status status;
  if (arguments.size() > 1) {
    status =
        Env::CreateFromUri(ConfigOptions(), "", arguments[1], &env, &guard);
  }
  if (status.ok()) {
    Options options = MakeOptions(env);
    options.allow_mmap_writes = true;
    options.allow_mmap_reads = true;
    options.recycle_log_file_num = 2;
    status = RoundTrip(options, arguments[0]);
  }
  Print("status", status.ToString());
  return 0;
}

class PlainWrapper final : public FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "PlainWrapper"; }
};

class PlainEnv final : public EnvWrapper {
 public:
  using EnvWrapper::EnvWrapper;
};

Status RoundTripOn(const std::shared_ptr<FileSystem>& file_system,
                   const std::string& path) {
  const std::unique_ptr<Env> env = rocksdb::NewCompositeEnv(file_system);
  return RoundTrip(MakeOptions(env.get()), path);
}

Status RoundTripOnString(const std::string& value, const std::string& path) {
  ConfigOptions config;
  config.ignore_unsupported_options = false;
  std::shared_ptr<FileSystem> file_system;
  const Status status =
      FileSystem::CreateFromString(config, value, &file_system);
  if (status.ok() && file_system == nullptr) {
    return Status::Corruption("OK, and no file system", value);
  }
  if (status.ok()) {
    Print("chain", Chain(file_system.get()));
  }
  return status.ok() ? RoundTripOn(file_system, path) : status;
}

Status RoundTripEncrypted(const std::string& path) {
  std::shared_ptr<rocksdb::EncryptionProvider> provider;
  const Status status = rocksdb::EncryptionProvider::CreateFromString(
      ConfigOptions(), "1://test", &provider);
  return status.ok() ? RoundTripOn(rocksdb::NewEncryptedFS(
                                       FileSystem::Default(), provider),
                                   path)
                     : status;
}

// One that sits on the default file system or Env; by a string of RocksDB's, if
// it is none of those here.
Status RoundTripOnLayer(const std::string& layer, const std::string& path) {
  if (layer == "timed_env") {
    const std::unique_ptr<Env> env(rocksdb::NewTimedEnv(Env::Default()));
    return RoundTrip(MakeOptions(env.get()), path);
  }
  if (layer == "mem_env") {
    const std::unique_ptr<Env> env(rocksdb::NewMemEnv(Env::Default()));
    return RoundTrip(MakeOptions(env.get()), path);
  }
  if (layer == "env_wrapper") {
    PlainEnv env(Env::Default());
    return RoundTrip(MakeOptions(&env), path);
  }
  if (layer == "wrapper") {
    return RoundTripOn(std::make_shared<PlainWrapper>(FileSystem::Default()),
                       path);
  }
  return layer == "encrypted" ? RoundTripEncrypted(path)
                              : RoundTripOnString(layer, path);
}

int Layer(const Arguments& arguments) {
  Print("status", RoundTripOnLayer(arguments[1], arguments[0]).ToString());
  return 0;
}

// What URIs for a file system and for an Env give; with a fourth argument a
// database on the default Env beside it.
int Uri(const Arguments& arguments) {
  Env* env = Env::Default();
  std::shared_ptr<Env> guard;
  ConfigOptions config;
  const bool for_env = arguments[1] == "env";
  const Status status =
      Env::CreateFromUri(config, for_env ? arguments[2] : "",
                         for_env ? "" : arguments[2], &env, &guard);
  Print("created", status.ToString());
  if (status.ok() && env->GetFileSystem() != nullptr) {
    Print("chain", Chain(env->GetFileSystem().get()));
    Print("status", RoundTrip(MakeOptions(env), arguments[0]).ToString());
  }
  if (arguments.size() > 3) {
    Print("default",
          RoundTrip(MakeOptions(Env::Default()), arguments[3]).ToString());
  }
  Print("plugins", PluginFiles());
  return 0;
}

// The Env of the URI in argument number `at`, from NewUringEnv in a program
// that is linked with the plugin; the default one if there is no such argument.
Status MakeEnv(const Arguments& arguments, size_t at, Env** env,
               std::shared_ptr<Env>* guard) {
  *env = Env::Default();
  if (arguments.size() <= at) {
    return Status::OK();
  }
#ifdef LOAD_TEST_LINKED
  std::unique_ptr<Env> made;
  const Status status = rocksdb_uring::NewUringEnv(arguments[at], &made);
  *env = made.get();
  *guard = std::move(made);
#else
  const Status status =
      Env::CreateFromUri(ConfigOptions(), arguments[at], "", env, guard);
#endif
  if (status.ok()) {
    Print("chain", Chain((*env)->GetFileSystem().get()));
  }
  return status;
}

// Writes keys FIRST to END; the part that follows decides how it ends.
int Write(const Arguments& arguments) {
  const std::string& how = arguments[3];
  Env* env = nullptr;
  std::shared_ptr<Env> guard;
  std::unique_ptr<DB> db;
  Status status = MakeEnv(arguments, 4, &env, &guard);
  if (status.ok()) {
    status = Open(MakeOptions(env), arguments[0], &db);
  }
  if (status.ok()) {
    status =
        Fill(db.get(), std::stoull(arguments[1]), std::stoull(arguments[2]));
  }
  Print("status", status.ToString());
  if (how == "leak") {
    new std::shared_ptr<Env>(guard);
    (void)db.release();
  }
  return 0;
}

// Writes keys from FIRST on until it is killed. Reports how many there are
// after each one that is acknowledged.
int WriteOn(const Arguments& arguments) {
  std::unique_ptr<DB> db;
  Status status = Open(MakeOptions(Env::Default()), arguments[0], &db);
  uint64_t keys = std::stoull(arguments[1]);
  while (status.ok()) {
    status = Fill(db.get(), keys, keys + 1);
    if (status.ok()) {
      Print("acknowledged", std::to_string(++keys));
    }
  }
  Print("status", status.ToString());
  return 1;
}

// Checks keys 0 to END, or to as many as there are.
int Read(const Arguments& arguments) {
  std::unique_ptr<DB> db;
  Status status = Open(MakeOptions(Env::Default()), arguments[0], &db);
  uint64_t keys = 0;
  if (status.ok() && arguments.size() > 1) {
    keys = std::stoull(arguments[1]);
  } else if (status.ok()) {
    status = CountKeys(db.get(), &keys);
  }
  if (status.ok()) {
    status = Check(db.get(), keys);
  }
  Print("status", status.ToString());
  Print("keys", std::to_string(keys));
  return 0;
}

// A database that is still open when main returns, as a static object has it.
struct AtExit {
  explicit AtExit(std::unique_ptr<DB> opened) : db(std::move(opened)) {}
  ~AtExit() {
    Print("at_exit", Check(db.get(), 2000).ToString());
    Print("same_default", FileSystem::Default().get() == before ? "1" : "0");
  }
  std::unique_ptr<DB> db;
  FileSystem* const before = FileSystem::Default().get();
};

// Goes after all that was made in main, RocksDB's static objects too.
std::shared_ptr<Env> static_env;

int ExitWithStatic(const Arguments& arguments) {
  Env* env = nullptr;
  std::unique_ptr<DB> db;
  Status status = MakeEnv(arguments, 1, &env, &static_env);
  if (status.ok()) {
    status = Open(MakeOptions(env), arguments[0], &db);
  }
  if (status.ok()) {
    status = Fill(db.get(), 0, 2000);
  }
  if (status.ok()) {
    status = db->Flush(rocksdb::FlushOptions());
  }
  Print("status", status.ToString());
  // What is made last goes first: RocksDB's own static objects must be there
  // still when the database is closed.
  static AtExit last(std::move(db));
  return 0;
}

// A thread goes on reading batches from a file while the process ends.
int ExitWithThread(const Arguments& arguments) {
  rocksdb::FileOptions options;
  std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  const rocksdb::IOStatus status = FileSystem::Default()->NewRandomAccessFile(
      arguments[0], options, &file, nullptr);
  Print("status", status.ToString());
  if (!status.ok()) {
    return 1;
  }
  std::atomic<int> rounds{0};
  std::thread([&rounds, reader = file.release()] {
    static char scratch[8][512];
    for (;;) {
      rocksdb::FSReadRequest requests[8];
      for (size_t i = 0; i < 8; ++i) {
        requests[i].offset = i * 512;
        requests[i].len = 512;
        requests[i].scratch = scratch[i];
      }
      reader->MultiRead(requests, 8, rocksdb::IOOptions(), nullptr)
          .PermitUncheckedError();
      rounds.fetch_add(1);
    }
  }).detach();
  while (rounds.load() < 10) {
    std::this_thread::yield();
  }
  // Not past the end of `rounds`.
  std::exit(0);
}

// A daemon, which forks after the plugin was loaded and used. No database
// before: RocksDB's own threads do not survive a fork.
int Fork(const Arguments& arguments) {
  const std::shared_ptr<FileSystem> file_system = FileSystem::Default();
  std::string own;
  Status status =
      rocksdb::ReadFileToString(file_system.get(), "/proc/self/exe", &own);
  Print("before", status.ToString());
  const pid_t child = fork();
  const std::string path = arguments[0] + (child == 0 ? "/child" : "/parent");
  status = RoundTrip(MakeOptions(Env::Default()), path);
  Print(child == 0 ? "child" : "parent", status.ToString());
  int ended = 0;
  return child == 0 || (waitpid(child, &ended, 0) == child && ended == 0) ? 0
                                                                          : 1;
}

// A database that is opened before main, by the initialiser of a static object.
const std::string early = [] {
  const char* const path = std::getenv("LOAD_TEST_EARLY");
  return path == nullptr
             ? std::string()
             : RoundTrip(MakeOptions(Env::Default()), path).ToString();
}();

int Early(const Arguments& /*arguments*/) {
  Print("status", early);
  return 0;
}

// A library that has a RocksDB of its own, loaded beside the shared one.
// Loads a library that needs RocksDB, which nobody has used before.
int Initialiser(const Arguments& arguments) {
  void* const library = dlopen(arguments[0].c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    Print("dlopen", dlerror());
    return 1;
  }
  const auto ready =
      reinterpret_cast<bool (*)()>(dlsym(library, "initialiser_ready"));
  Print("ready", ready() ? "1" : "0");
  // A thread that hangs would hang the end of the process.
  fflush(stdout);
  _exit(0);
}

int Bundled(const Arguments& arguments) {
  void* const library = dlopen(arguments[0].c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    Print("dlopen", dlerror());
    return 1;
  }
  const auto version = reinterpret_cast<const char* (*)()>(
      dlsym(library, "bundled_default_version"));
  Print("bundled", version());
  Print("shared", FileSystem::Default()->Name());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  struct Task {
    const char* name;
    int arguments_min;
    int (*run)(const Arguments&);
  };
  const Task tasks[] = {{"identity", 0, Identity},
                        {"settings", 0, Settings},
                        {"threads", 0, Threads},
                        {"round_trip", 1, RoundTripTask},
                        {"mmap", 1, MappedWrites},
                        {"layer", 2, Layer},
                        {"uri", 3, Uri},
                        {"write", 4, Write},
                        {"write_on", 2, WriteOn},
                        {"read", 1, Read},
                        {"fork", 1, Fork},
                        {"early", 0, Early},
                        {"exit_static", 1, ExitWithStatic},
                        {"exit_thread", 1, ExitWithThread},
                        {"bundled", 1, Bundled},
                        {"initialiser", 1, Initialiser}};
  for (const Task& task : tasks) {
    if (argc >= task.arguments_min + 2 && task.name == std::string(argv[1])) {
      return task.run(Arguments(argv + 2, argv + argc));
    }
  }
  return 2;
}
