#include "tests/power/power_test_support.h"

#include "env/ring/features.h"
#include "tests/file/file_test_support.h"
#include "tests/power/recording_ring.h"

namespace rocksdb_uring {

std::vector<FileSystemCase> FileSystemCases() {
  return {
      {"Posix", nullptr}, {"Plugin", ""},
      // Here: {"PluginUring", "writes=uring;syncs=uring"}, and the like.
  };
}

RecordedFileSystem::RecordedFileSystem(const FileSystemCase& options) {
  if (!options.is_plugin()) {
    file_system_ = rocksdb::FileSystem::Default();
    return;
  }
  EngineOptions engine;
  engine.ring_factory = RecordingRing::Factory();
  engine_ = std::make_shared<SharedEngine>(engine, DetectRingFeatures());
  SharedEngine::InstallForTests(engine_);
  file_system_ = OpenFileSystem(options.options);
}

RecordedFileSystem::~RecordedFileSystem() {
  if (engine_ != nullptr && !::testing::Test::IsSkipped()) {
    EXPECT_GT(StatisticsOf(file_system_.get())["opens"], 0u)
        << "the plugin was not entered";
  }
}

}  // namespace rocksdb_uring
