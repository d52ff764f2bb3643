// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/errors/sides.h"

#include <gtest/gtest.h>

#include "env/ring/features.h"
#include "rocksdb_uring/uring.h"
#include "tests/faults/errors/injecting_ring.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

PluginSide::PluginSide(const Side& side) : side_(side) {
  static const RingFeatures features = DetectRingFeatures();
  EngineOptions options;
  options.ring_factory = InjectingRing::Factory();
  engine_ = std::make_shared<SharedEngine>(options, features);
  SharedEngine::InstallForTests(engine_);
  const rocksdb::Status status = NewUringEnv(side_.path.options, &env_);
  EXPECT_TRUE(status.ok()) << status.ToString();
}

void PluginSide::ExpectEntered() {
  auto statistics = StatisticsOf(env_->GetFileSystem().get());
  EXPECT_GT(statistics["opens"], 0u) << "the plugin was not entered";
  if (side_.path.rings) {
    EXPECT_GT(statistics["ops.write.ring.count"], 0u);
    EXPECT_GT(statistics["ops.fdatasync.ring.count"] +
                  statistics["ops.fsync.ring.count"],
              0u);
  }
  if (side_.id == SideId::kPosix) {
    EXPECT_EQ(statistics["ops.write.ring.count"], 0u);
  }
}

}  // namespace rocksdb_uring
