// SPDX-License-Identifier: Apache-2.0

#include "tests/random/soak/soak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "env/ring/features.h"
#include "plugin/open_database.h"
#include "rocksdb/cache.h"
#include "rocksdb/table.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

using rocksdb::DB;
using rocksdb::Options;
using rocksdb::Status;

namespace {

constexpr uint64_t kRoundSecondsMax = 60;

uint64_t NowSeconds() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(
          std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

std::shared_ptr<SharedEngine> MakeSoakEngine(RareFaults* faults,
                                             FakeSystemCalls* calls) {
  EngineOptions options;
  options.ring_factory = faults->factory();
  options.system_calls = calls;
  return std::make_shared<SharedEngine>(options, DetectRingFeatures());
}

}  // namespace

Soak::Soak(const SoakOptions& options)
    : options_(options),
      faults_(options.fault_one_in, options.seed),
      engine_(MakeSoakEngine(&faults_, &calls_)),
      start_seconds_(NowSeconds()) {
  if (options.fault_one_in > 1) {
    calls_.InterruptEvery(options.fault_one_in);
    calls_.set_bytes_max(256 << 10);
  }
  SharedEngine::InstallForTests(engine_);
  for (unsigned share = 0; share < options.threads; ++share) {
    workers_.emplace_back(
        share, options.keys, options.seed * 1000 + share,
        options.directory + "/checkpoint" + std::to_string(share));
  }
}

Soak::~Soak() = default;

Options Soak::RoundOptions() const {
  Options options;
  options.env = env_.get();
  options.create_if_missing = true;
  options.use_direct_reads = options_.direct && round_ % 2 == 1;
  options.use_direct_io_for_flush_and_compaction =
      options_.direct && round_ % 4 >= 2;
  options.write_buffer_size = 1 << 20;
  options.target_file_size_base = 1 << 20;
  options.max_bytes_for_level_base = 4 << 20;
  options.level0_file_num_compaction_trigger = 3;
  options.max_background_jobs = 3;
  options.max_open_files = round_ % 3 == 0 ? 20 : -1;
  options.compression = rocksdb::kNoCompression;
  options.enable_blob_files = round_ % 5 >= 3;
  options.min_blob_size = 2000;
  options.enable_blob_garbage_collection = true;
  options.recycle_log_file_num = round_ % 2 == 0 ? 0 : 2;
  options.bytes_per_sync = round_ % 3 == 1 ? 256 << 10 : 0;
  options.strict_bytes_per_sync = round_ % 6 == 1;
  options.paranoid_file_checks = true;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(256 << 10);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

bool Soak::Ends() const {
  return options_.seconds > 0
             ? NowSeconds() - start_seconds_ >= options_.seconds
             : round_ >= options_.rounds;
}

std::string Soak::Work(DB* db) {
  const uint64_t seconds =
      std::clamp<uint64_t>(options_.seconds / 8, 1, kRoundSecondsMax);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (Worker& worker : workers_) {
    threads.emplace_back([&] {
      const uint64_t start = NowSeconds();
      for (uint64_t n = 0; !stop; ++n) {
        if (options_.seconds > 0 ? NowSeconds() - start >= seconds
                                 : n >= options_.operations) {
          return;
        }
        if (!worker.Step(db)) {
          stop = true;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (Worker& worker : workers_) {
    if (worker.mistake().empty()) {
      worker.CheckAll(db);
    }
    worker.ReleaseSnapshots(db);
  }
  for (const Worker& worker : workers_) {
    if (!worker.mistake().empty()) {
      return worker.mistake();
    }
  }
  return "";
}

std::string Soak::Round() {
  std::unique_ptr<DB> db;
  Status status =
      DB::Open(RoundOptions(), options_.directory + "/db", DatabaseOut(&db));
  if (!status.ok()) {
    return "opening: " + status.ToString();
  }
  for (Worker& worker : workers_) {
    // Nothing is lost by closing and opening.
    if (!worker.CheckAll(db.get())) {
      return "after opening: " + worker.mistake();
    }
  }
  status = db->VerifyChecksum();
  if (!status.ok()) {
    return "VerifyChecksum: " + status.ToString();
  }
  const std::string mistake = Work(db.get());
  status = db->Close();
  db.reset();
  resources_.push_back(MeasureResources(engine_->memory_bytes()));
  if (mistake.empty() && !status.ok()) {
    return "closing: " + status.ToString();
  }
  if (mistake.empty() &&
      engine_->write_bytes() + engine_->read_ahead_bytes() > 0) {
    return "buffers are left";
  }
  return mistake;
}

std::string Soak::CheckStatistics() const {
  auto statistics = StatisticsOf(env_->GetFileSystem().get());
  if (statistics["opens"] == 0) {
    return "the plugin was not entered";
  }
  if (!engine_->has_rings() || !options_.direct || round_ < 4) {
    return "";
  }
  for (const char* kind : {"multi_read", "read_async", "write_behind"}) {
    if (statistics["ops." + std::string(kind) + ".ring.count"] == 0) {
      return std::string("nothing through rings: ") + kind;
    }
  }
  return "";
}

std::string Soak::Run() {
  const Status status = NewUringEnv("", &env_);
  if (!status.ok()) {
    return status.ToString();
  }
  std::string mistake;
  while (mistake.empty() && !Ends()) {
    mistake = Round();
    ++round_;
  }
  if (mistake.empty()) {
    mistake = Growth(resources_);
  }
  return mistake.empty() ? CheckStatistics() : mistake;
}

uint64_t Soak::Faults() const {
  // What FakeSystemCalls interrupts: all that may block.
  const uint64_t calls = calls_.total() -
                         calls_.count(FakeSystemCalls::kPreadNoWait) -
                         calls_.count(FakeSystemCalls::kWillNeed);
  return faults_.count() +
         (options_.fault_one_in > 1 ? calls / options_.fault_one_in : 0);
}

std::string Soak::Figures() const {
  uint64_t operations = 0;
  for (const Worker& worker : workers_) {
    operations += worker.operations();
  }
  const Resources last = resources_.empty() ? Resources() : resources_.back();
  char line[256];
  snprintf(line, sizeof(line),
           "soak: %llu operations, %llu faults injected, %llu reopens, %llu "
           "MiB resident, %llu KiB in the engine, %llu descriptors, seed %llu",
           static_cast<unsigned long long>(operations),
           static_cast<unsigned long long>(Faults()),
           static_cast<unsigned long long>(round_ > 0 ? round_ - 1 : 0),
           static_cast<unsigned long long>(last.resident_bytes >> 20),
           static_cast<unsigned long long>(last.engine_bytes >> 10),
           static_cast<unsigned long long>(last.descriptors),
           static_cast<unsigned long long>(options_.seed));
  return line;
}

}  // namespace rocksdb_uring
