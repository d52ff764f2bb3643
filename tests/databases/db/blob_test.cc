// Values in blob files.
//
// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "tests/databases/db/db_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::ReadOptions;

class BlobTest : public DbTest {
 protected:
  rocksdb::Options MakeOptions() override {
    rocksdb::Options options = DbTest::MakeOptions();
    options.enable_blob_files = true;
    options.min_blob_size = 200;
    options.blob_file_size = 256 << 10;
    options.enable_blob_garbage_collection = true;
    options.blob_garbage_collection_age_cutoff = 0.5;
    options.blob_garbage_collection_force_threshold = 0.3;
    options.blob_compaction_readahead_size = 128 << 10;
    return options;
  }

  size_t BlobFiles() {
    std::vector<std::string> names;
    EXPECT_TRUE(env_->GetChildren(path_, &names).ok());
    size_t count = 0;
    for (const std::string& name : names) {
      count += name.find(".blob") != std::string::npos ? 1 : 0;
    }
    return count;
  }
};

TEST_P(BlobTest, MultiGetReadsBlobsInBatches) {
  ExpectUsed("multi_read");
  Fill();
  ASSERT_GT(BlobFiles(), 2u);
  for (int round = 0; round < 30; ++round) {
    ExpectBatch(RandomKeys(64));
  }
}

TEST_P(BlobTest, ScanAndGarbageCollection) {
  ExpectUsed("read");
  Fill();
  ExpectAll();
  Write(5000);
  Compact();
  ExpectAll();
  Reopen();
  ExpectAll();
  EXPECT_TRUE(Verify().ok());
}

INSTANTIATE_TEST_SUITE_P(Modes, BlobTest, ::testing::ValuesIn(AllDbCases()),
                         DbCaseName);

}  // namespace
}  // namespace rocksdb_uring
