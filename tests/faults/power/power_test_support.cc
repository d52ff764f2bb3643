// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/power/power_test_support.h"

#include <chrono>
#include <thread>

#include "env/ring/features.h"
#include "rocksdb/convenience.h"
#include "tests/faults/power/recording_ring.h"

namespace rocksdb_uring {

std::vector<FileSystemCase> FileSystemCases() {
  return {
      {"Posix", nullptr, nullptr},
      // Tables of some steps each.
      {"Plugin", "write_out_bytes=8K", "ops.fdatasync.posix.count"},
      {"PluginRings", "writes=uring;syncs=uring;write_out_bytes=8K",
       "ops.fdatasync.ring.count"},
      // A switch between any append and its sync.
      {"PluginSwitching", "write_out_bytes=8K",
       "posix_share.ops.write.posix.count",
       /*switches=*/true},
  };
}

RecordedFileSystem::RecordedFileSystem(const FileSystemCase& options)
    : options_(options) {
  if (!options_.is_plugin()) {
    file_system_ = rocksdb::FileSystem::Default();
    return;
  }
  EngineOptions engine;
  engine.ring_factory = RecordingRing::Factory();
  engine_ = std::make_shared<SharedEngine>(engine, DetectRingFeatures());
  SharedEngine::InstallForTests(engine_);
  file_system_ = OpenFileSystem(options_.options);
  before_ = StatisticsOf(file_system_.get());
  if (options_.switches) {
    switching_.Start([this] {
      while (!stop_) {
        Switch();
      }
    });
  }
}

// Off the rings and back again, as fast as it goes: tables of the workload are
// a few appends long.
void RecordedFileSystem::Switch() const {
  for (const char* settings :
       {"share=100;writes=uring;syncs=uring", "share=0",
        "share=50;writes=uring;syncs=posix", "share=100;writes=posix",
        "share=100;writes=uring;syncs=auto", "share=5"}) {
    const rocksdb::Status status =
        file_system_->ConfigureFromString(rocksdb::ConfigOptions(), settings);
    EXPECT_TRUE(status.ok()) << status.ToString();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

RecordedFileSystem::~RecordedFileSystem() {
  stop_ = true;
  switching_.Join();
  if (options_.is_plugin()) {
    EXPECT_GT(StatisticsOf(file_system_.get())[options_.statistic],
              before_[options_.statistic])
        << options_.statistic << " has not grown";
  }
}

}  // namespace rocksdb_uring
