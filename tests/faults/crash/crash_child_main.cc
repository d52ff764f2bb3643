// A program that writes to a database through the plugin until it is killed.
// It tells the test in the ledger what the database has acknowledged, and
// prints nothing unless something fails, which also ends it.
//
// SPDX-License-Identifier: Apache-2.0
#include <gflags/gflags.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "env/base/mutex.h"
#include "env/engine/shared_engine.h"
#include "env/file/rocksdb_compat.h"
#include "plugin/open_database.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/listener.h"
#include "rocksdb_uring/uring.h"
#include "tests/faults/crash/batches.h"
#include "tests/faults/crash/crash_options.h"
#include "tests/faults/crash/delayed_ring.h"
#include "tests/faults/crash/ledger.h"
#include "tests/faults/crash/wal_file_system.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/sanitizers.h"

DEFINE_string(db, "", "directory of the database");
DEFINE_string(ledger, "", "file of the ledger");
DEFINE_string(options, "", "options of the file system");
DEFINE_uint64(seed, 0, "seed of what is written");
DEFINE_bool(direct, false, "tables with direct I/O");
DEFINE_uint32(recycle, 0, "recycle_log_file_num");
DEFINE_bool(delay_completions, false,
            "completions of the kernel's rings come late and out of order");
DEFINE_bool(
    delay_requests, false,
    "requests are carried out late, on rings that are not the kernel's");
DEFINE_string(mutant, "", "unflushed_wal: a Flush of the WAL does not wait");

namespace rocksdb_uring {
namespace {

// Writers that meet hand their batches to one of them, in ways that the thread
// sanitizer cannot see in a RocksDB built without it.
constexpr size_t kWriters = kThreadSanitizer ? 1 : Ledger::kThreads;

void EndUnless(const rocksdb::Status& status, const char* what) {
  if (!status.ok()) {
    fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
    _exit(1);
  }
}

// The ring seam below all file systems of this process, which never end.
class Seam {
 public:
  void Install(uint64_t seed) {
    EngineOptions options;
    if (FLAGS_delay_completions) {
      completions_ = std::make_unique<CompletionDelay>(seed);
      options.ring_factory = completions_->factory();
    } else if (FLAGS_delay_requests) {
      requests_.SetRequestScript([](const RingRequest& /*request*/,
                                    uint64_t ordinal) {
        FakeKernel::Verdict verdict;
        verdict.us_late = 100 + static_cast<unsigned>(ordinal * 7919 % 3000);
        return verdict;
      });
      options.ring_factory = requests_.factory();
    } else {
      return;
    }
    engine_ = std::make_shared<SharedEngine>(options, DetectRingFeatures());
    SharedEngine::InstallForTests(engine_);
  }

  uint64_t delays() const {
    return completions_ != nullptr ? completions_->count()
                                   : requests_.observations().requests;
  }

 private:
  std::unique_ptr<CompletionDelay> completions_;
  FakeKernel requests_;
  std::shared_ptr<SharedEngine> engine_;
};

class JobCounter final : public rocksdb::EventListener {
 public:
  explicit JobCounter(Ledger* ledger) : ledger_(ledger) {}
  void OnFlushCompleted(rocksdb::DB* /*db*/,
                        const rocksdb::FlushJobInfo& /*info*/) override {
    ++ledger_->seen.flushes;
  }
  // A late ring lets few of them end before the kill.
  void OnCompactionBegin(rocksdb::DB* /*db*/,
                         const rocksdb::CompactionJobInfo& /*info*/) override {
    ++ledger_->seen.compactions;
  }

 private:
  Ledger* const ledger_;
};

class Writer {
 public:
  Writer() : ledger_(MapLedger(FLAGS_ledger)) {
    seam_.Install(FLAGS_seed);
    EndUnless(NewUringFileSystem(FLAGS_options, &file_system_), "file system");
    std::shared_ptr<rocksdb::FileSystem> seen = file_system_;
    if (FLAGS_recycle > 0) {
      seen = WithUntrimmedWal(seen);
    }
    if (FLAGS_mutant == "unflushed_wal") {
      seen = WithUnflushedWal(seen);
    }
    env_ = rocksdb::NewCompositeEnv(seen);
  }

  void Run() {
    std::thread([this] { PublishForEver(); }).detach();
    rocksdb::Options options =
        CrashOptions(env_.get(), FLAGS_direct, FLAGS_recycle);
    options.listeners.push_back(std::make_shared<JobCounter>(ledger_.get()));
    std::unique_ptr<rocksdb::DB> db;
    EndUnless(rocksdb::DB::Open(options, FLAGS_db, DatabaseOut(&db)), "open");
    // The test may count on it from the first acknowledged write on.
    Publish();
    std::vector<std::thread> threads;
    for (size_t thread = 0; thread < kWriters; ++thread) {
      threads.emplace_back(
          [this, &db, thread] { WriteForEver(db.get(), thread); });
    }
    threads[0].join();
  }

 private:
  [[noreturn]] void WriteForEver(rocksdb::DB* db, size_t thread) {
    Ledger::Thread* const told = &ledger_->threads[thread];
    rocksdb::WriteOptions options;
    options.sync = false;
    for (uint64_t number = told->acknowledged + 1;; ++number) {
      rocksdb::WriteBatch batch = MakeBatch(FLAGS_seed, thread, number);
      told->begun = number;
      EndUnless(db->Write(options, &batch), "write");
      told->acknowledged = number;
    }
  }

  [[noreturn]] void PublishForEver() {
    for (;;) {
      Publish();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  void Publish() URING_EXCLUDES(mutex_) {
    // So that nobody puts older numbers over newer ones.
    MutexLock lock(&mutex_);
    std::map<std::string, uint64_t> statistics;
    EndUnless(GetUringStatistics(file_system_.get(), &statistics),
              "statistics");
    const std::string of_rings = ".ring.count";
    uint64_t ring_operations = 0;
    for (const auto& [name, number] : statistics) {
      if (name.size() > of_rings.size() &&
          name.substr(name.size() - of_rings.size()) == of_rings) {
        ring_operations += number;
      }
    }
    Ledger::Seen* const seen = &ledger_->seen;
    seen->opens = statistics["opens"];
    seen->ring_operations = ring_operations;
    seen->ring_writes = statistics["ops.write.ring.count"];
    seen->delays = seam_.delays();
  }

  Mutex mutex_;
  const LedgerPointer ledger_;
  Seam seam_;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace
}  // namespace rocksdb_uring

int main(int argc, char** argv) {
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  // It must not outlive a test that was killed itself.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (FLAGS_db.empty() || FLAGS_ledger.empty()) {
    fprintf(stderr, "--db and --ledger are needed\n");
    return 2;
  }
  rocksdb_uring::Writer().Run();
}
