// Get and MultiGet against a model, of keys that are there and that are not.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "tests/databases/db/db_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;

class MultiGetTest : public DbTest {
 protected:
  void SetUp() override {
    DbTest::SetUp();
    if (!IsSkipped()) {
      FillOnce();
    }
  }

  void ExpectVector(const std::vector<std::string>& keys) {
    const std::vector<Slice> slices(keys.begin(), keys.end());
    std::vector<std::string> values;
    const std::vector<Status> statuses =
        db_->MultiGet(ReadOptions(), slices, &values);
    for (size_t i = 0; i < keys.size(); ++i) {
      EXPECT_TRUE(Matches(keys[i], statuses[i], values[i]));
    }
  }
};

TEST_P(MultiGetTest, BatchesOfAllSizes) {
  ExpectUsed("multi_read");
  for (size_t count : {1, 2, 5, 31, 32, 33, 100, 1000}) {
    ExpectBatch(RandomKeys(count), false);
  }
}

TEST_P(MultiGetTest, BatchesTakeTheExpectedPath) {
  if (WhyNoRing().empty() &&
      (GetParam().direct || std::string(GetParam().paths) == "uring")) {
    ExpectUsed("multi_read.ring");
  }
  for (int i = 0; i < 50; ++i) {
    ExpectBatch(RandomKeys(32), false);
  }
}

TEST_P(MultiGetTest, SortedBatches) {
  ExpectUsed("multi_read");
  for (int i = 0; i < 20; ++i) {
    std::vector<std::string> keys = RandomKeys(200);
    std::sort(keys.begin(), keys.end());
    ExpectBatch(keys, true);
  }
}

TEST_P(MultiGetTest, NeighboursAndRepetitions) {
  ExpectUsed("multi_read");
  for (int i = 0; i < 20; ++i) {
    std::vector<std::string> keys;
    const uint64_t from = random_() % (kKeys - 200);
    for (uint64_t key = from; key < from + 100; ++key) {
      keys.push_back(Key(key));
      keys.push_back(Key(from));
    }
    ExpectBatch(keys, false);
  }
}

TEST_P(MultiGetTest, WithAsyncIoAndOptimisation) {
  ExpectUsed("multi_read");
  ReadOptions options;
  options.async_io = true;
  for (int i = 0; i < 20; ++i) {
    ExpectBatch(RandomKeys(100), false, options);
  }
}

TEST_P(MultiGetTest, VectorInterface) {
  ExpectUsed("read");
  for (int i = 0; i < 20; ++i) {
    ExpectVector(RandomKeys(100));
  }
}

TEST_P(MultiGetTest, SingleGets) {
  ExpectUsed("read");
  for (const std::string& key : RandomKeys(3000)) {
    std::string value;
    const Status status = db_->Get(ReadOptions(), key, &value);
    ASSERT_TRUE(Matches(key, status, value));
  }
}

TEST_P(MultiGetTest, AfterReopening) {
  ExpectUsed("multi_read");
  ExpectUsed("sequential_read");
  Write(500);
  Reopen();
  for (int i = 0; i < 20; ++i) {
    ExpectBatch(RandomKeys(200), false);
  }
}

TEST_P(MultiGetTest, ManyThreads) {
  ExpectUsed("multi_read");
  std::vector<std::vector<std::string>> keys;
  for (int i = 0; i < 160; ++i) {
    keys.push_back(RandomKeys(40));
  }
  Threads threads;
  for (size_t thread = 0; thread < 8; ++thread) {
    threads.Start([this, &keys, thread] {
      for (size_t i = thread; i < keys.size(); i += 8) {
        ExpectBatch(keys[i], false);
      }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, MultiGetTest, ::testing::ValuesIn(AllDbCases()),
                         DbCaseName);

}  // namespace
}  // namespace rocksdb_uring
