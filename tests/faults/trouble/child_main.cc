// Programs that end, fork or become daemons while I/O runs. One task a run,
// given on the command line; the file system that it makes is the plugin's, and
// prints nothing by itself: what a task finds goes to standard output.
//
// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plugin/open_database.h"
#include "rocksdb/db.h"
#include "rocksdb_uring/uring.h"
#include "tests/faults/trouble/round_trip.h"
#include "tests/faults/trouble/traffic.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileSystem;

std::shared_ptr<FileSystem> MakeFileSystem(const std::string& more) {
  std::shared_ptr<FileSystem> file_system;
  const rocksdb::Status status = NewUringFileSystem(
      kAllOnRings + (more.empty() ? more : ";" + more), &file_system);
  if (!status.ok()) {
    printf("%s\n", status.ToString().c_str());
    exit(3);
  }
  return file_system;
}

int Say(const std::string& what, const std::string& mistake) {
  printf("%s: %s\n", what.c_str(), mistake.empty() ? "OK" : mistake.c_str());
  fflush(stdout);
  return mistake.empty() ? 0 : 1;
}

// Ends while the traffic goes on; nothing of it is ever destroyed.
int EndUnderLoad(const std::string& how, const std::string& directory,
                 const std::string& stats_file) {
  auto* const traffic =
      new Traffic(MakeFileSystem("stats_file=" + stats_file), directory);
  traffic->Start();
  traffic->AwaitRounds(10);
  const std::string mistake = traffic->Mistake();
  if (!mistake.empty()) {
    return Say("traffic", mistake);
  }
  if (how == "quick_exit") {
    std::quick_exit(0);
  }
  if (how == "_exit") {
    _exit(0);
  }
  if (how == "exit_from_thread") {
    std::thread([] { exit(0); }).join();
  }
  // From main: its caller calls exit.
  return 0;
}

// As a server ends: five threads work on a database when SIGTERM comes, and the
// thread that waits for it stops them, closes the database and exits. The
// database stays, for the next run.
int EndAfterSignal(const std::string& directory,
                   const std::string& stats_file) {
  // For all threads that there will be.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const std::unique_ptr<rocksdb::Env> env =
      rocksdb::NewCompositeEnv(MakeFileSystem("stats_file=" + stats_file));
  const std::string path = directory + "/served";
  const bool is_new = access((path + "/CURRENT").c_str(), F_OK) != 0;
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::Status status = OpenDatabase(env.get(), path, &db);
  if (status.ok() && is_new) {
    status = FillDatabase(db.get());
  }
  if (!status.ok()) {
    return Say("open", status.ToString());
  }
  std::atomic<bool> stop{false};
  std::atomic<int> rounds{0};
  std::atomic<bool> wrong{false};
  std::vector<std::thread> threads;
  for (int number = 0; number < 5; ++number) {
    threads.emplace_back([&, number] {
      for (bool first = true; !stop && !wrong; first = false) {
        std::string mistake;
        if (number == 0) {
          const rocksdb::Status filled = FillDatabase(db.get());
          mistake = filled.ok() ? "" : filled.ToString();
        } else {
          mistake = number < 4 ? ReadBatches(db.get()) : ScanDatabase(db.get());
        }
        if (!mistake.empty()) {
          Say("thread " + std::to_string(number), mistake);
          wrong = true;
        }
        rounds += first ? 1 : 0;
      }
    });
  }
  std::thread server([&] {
    int received = 0;
    sigwait(&signals, &received);
    stop = true;
    for (std::thread& thread : threads) {
      thread.join();
    }
    const rocksdb::Status closed = db->Close();
    if (!closed.ok()) {
      Say("close", closed.ToString());
    }
    db.reset();
    exit(closed.ok() && !wrong ? 0 : 1);
  });
  while (rounds < 5 && !wrong) {
    std::this_thread::yield();
  }
  kill(getpid(), SIGTERM);
  // It ends the process.
  server.join();
  return 1;
}

// What a program keeps in a static object: used and closed after main.
class Kept {
 public:
  ~Kept() {
    if (traffic == nullptr) {
      return;
    }
    traffic->Stop();
    Say("traffic in a destructor", traffic->Mistake());
    Say("I/O in a destructor", traffic->RunOnce("late"));
    traffic.reset();
    Say("database in a destructor", RoundTrip(env.get(), path));
    const rocksdb::Status status = db->Close();
    Say("closing in a destructor", status.ok() ? "" : status.ToString());
  }
  std::string path;
  std::unique_ptr<rocksdb::Env> env;
  std::unique_ptr<rocksdb::DB> db;
  std::unique_ptr<Traffic> traffic;
};

// RocksDB's own static objects must be there still when a database is used:
// whoever keeps one in a static object makes it after RocksDB was first used.
int StaticObjects(const std::string& directory) {
  std::unique_ptr<rocksdb::Env> env;
  rocksdb::Options options;
  options.create_if_missing = true;
  if (!NewUringEnv(kAllOnRings, &env).ok()) {
    return 3;
  }
  options.env = env.get();
  std::unique_ptr<rocksdb::DB> db;
  const rocksdb::Status status =
      rocksdb::DB::Open(options, directory + "/kept", DatabaseOut(&db));
  if (!status.ok()) {
    return Say("open", status.ToString());
  }
  static Kept kept;
  kept.path = directory + "/late";
  kept.env = std::move(env);
  kept.db = std::move(db);
  kept.traffic =
      std::make_unique<Traffic>(kept.env->GetFileSystem(), directory);
  kept.traffic->Start();
  kept.traffic->AwaitRounds(3);
  return 0;
}

// Descriptors of rings that this process has.
size_t RingDescriptors() {
  size_t count = 0;
  DIR* const directory = opendir("/proc/self/fd");
  while (const dirent* const entry = readdir(directory)) {
    char target[256] = {};
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    if (readlink(path.c_str(), target, sizeof(target) - 1) > 0 &&
        std::string(target).find("io_uring") != std::string::npos) {
      ++count;
    }
  }
  closedir(directory);
  return count;
}

// What daemons do with all that they have inherited.
void CloseDescriptorsFrom(unsigned first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) {
    return;
  }
#endif
  const long end = sysconf(_SC_OPEN_MAX);
  for (long fd = first; fd < end; ++fd) {
    close(static_cast<int>(fd));
  }
}

// Works, then becomes a daemon and works on, with a database. With
// `close_inherited` nothing is left of the file system that it had but its
// memory.
int Daemon(const std::string& directory, bool close_inherited) {
  std::shared_ptr<FileSystem> file_system = MakeFileSystem("");
  {
    Traffic traffic(file_system, directory);
    traffic.Start();
    traffic.AwaitRounds(5);
    traffic.Stop();
    Say("before", traffic.Mistake());
  }
  printf("rings before: %s\n", RingDescriptors() > 0 ? "some" : "none");
  fflush(stdout);
  if (fork() != 0) {
    _exit(0);
  }
  setsid();
  if (fork() != 0) {
    _exit(0);
  }
  if (close_inherited) {
    CloseDescriptorsFrom(3);
    printf("rings left: %s\n", RingDescriptors() > 0 ? "some" : "none");
  } else {
    Traffic inherited(file_system, directory);
    Say("inherited file system", inherited.RunOnce("inherited"));
  }
  std::unique_ptr<rocksdb::Env> env;
  if (!NewUringEnv(kAllOnRings, &env).ok()) {
    return 3;
  }
  Say("own database", RoundTrip(env.get(), directory + "/db"));
  // If its descriptors were closed, their numbers are others' by now.
  file_system.reset();
  Traffic own(env->GetFileSystem(), directory);
  own.Start();
  own.AwaitRounds(5);
  own.Stop();
  Say("own file system", own.Mistake());
  std::map<std::string, uint64_t> statistics;
  GetUringStatistics(env->GetFileSystem().get(), &statistics)
      .PermitUncheckedError();
  printf("own ring reads: %s\n",
         statistics["ops.multi_read.ring.count"] > 0 ? "some" : "none");
  return 0;
}

int Run(const std::string& task, const std::string& directory,
        const std::string& stats_file) {
  if (task == "rings") {
    return static_cast<int>(RingDescriptors());
  }
  if (task == "daemon" || task == "closing_daemon") {
    return Daemon(directory, task == "closing_daemon");
  }
  if (task == "sigterm") {
    return EndAfterSignal(directory, stats_file);
  }
  if (task == "static") {
    return StaticObjects(directory);
  }
  return EndUnderLoad(task, directory, stats_file);
}

}  // namespace
}  // namespace rocksdb_uring

int main(int argc, char** argv) {
  const auto argument = [&](int i) {
    return i < argc ? std::string(argv[i]) : std::string();
  };
  return rocksdb_uring::Run(argument(1), argument(2), argument(3));
}
