// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/power/power_test_support.h"

#include "env/ring/features.h"
#include "tests/faults/power/recording_ring.h"

namespace rocksdb_uring {

std::vector<FileSystemCase> FileSystemCases() {
  return {
      {"Posix", nullptr, nullptr},
      // Tables of some steps each.
      {"Plugin", "write_out_bytes=8K", "ops.fdatasync.posix.count"},
      {"PluginRings", "writes=uring;syncs=uring;write_out_bytes=8K",
       "ops.fdatasync.ring.count"},
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
}

RecordedFileSystem::~RecordedFileSystem() {
  if (options_.is_plugin()) {
    EXPECT_GT(StatisticsOf(file_system_.get())[options_.statistic],
              before_[options_.statistic])
        << options_.statistic << " has not grown";
  }
}

}  // namespace rocksdb_uring
