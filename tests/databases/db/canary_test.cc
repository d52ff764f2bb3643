// A database under load while an operator grows the share of its files in the
// control file, and takes it back.
//
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "rocksdb/convenience.h"
#include "tests/databases/db/db_test_support.h"
#include "tests/support/engine/sanitizers.h"

namespace rocksdb_uring {
namespace {

using rocksdb::PinnableSlice;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;

class CanaryTest : public DbTest {
 protected:
  std::string FileSystemOptionsText() override {
    WriteFile(control_, "share=0\n");
    return DbTest::FileSystemOptionsText() + ";control_file=" + control_;
  }

  // As an operator does it; returns when it is in force.
  void SetShare(const std::string& share) {
    WriteFile(control_ + ".new", "share=" + share + "\n");
    std::filesystem::rename(control_ + ".new", control_);
    std::string now;
    for (int i = 0; i < 4000 && now != share; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      ASSERT_TRUE(env_->GetFileSystem()
                      ->GetOption(rocksdb::ConfigOptions(), "share", &now)
                      .ok());
    }
    ASSERT_EQ(now, share);
  }

  // Sum of what each half has counted, and of what rings have done.
  struct Counts {
    uint64_t inside = 0;
    uint64_t outside = 0;
    uint64_t rings = 0;
  };
  Counts Count() {
    Counts counts;
    for (const auto& number : StatisticsOf(env_->GetFileSystem().get())) {
      const std::string& name = number.first;
      const auto ends_with = [&](const std::string& end) {
        return name.size() >= end.size() &&
               name.compare(name.size() - end.size(), end.size(), end) == 0;
      };
      if (!ends_with(".count")) {
        continue;
      }
      if (name.compare(0, 4, "ops.") == 0) {
        counts.inside += number.second;
        counts.rings += ends_with(".ring.count") ? number.second : 0;
      } else if (name.compare(0, 16, "posix_share.ops.") == 0) {
        counts.outside += number.second;
      }
    }
    return counts;
  }

  // Writes, reads and verifies; what it has counted.
  Counts Load() {
    const Counts before = Count();
    Write(3000);
    Flush();
    for (int i = 0; i < 20; ++i) {
      ExpectBatch(RandomKeys(100));
    }
    Compact();
    EXPECT_TRUE(Verify().ok());
    ExpectAll();
    const Counts after = Count();
    return {after.inside - before.inside, after.outside - before.outside,
            after.rings - before.rings};
  }

  // Reads keys that do not change, until it is told to stop.
  void ReadOn(const std::atomic<bool>& stop) {
    const Model unchanged = model_;
    while (!stop) {
      for (auto entry = unchanged.begin(); entry != unchanged.end() && !stop;) {
        std::vector<Slice> keys;
        const auto first = entry;
        for (; keys.size() < 32 && entry != unchanged.end(); ++entry) {
          keys.push_back(entry->first);
        }
        std::vector<PinnableSlice> values(keys.size());
        std::vector<Status> statuses(keys.size());
        ReadOptions options;
        options.snapshot = snapshot_;
        db_->MultiGet(options, db_->DefaultColumnFamily(), keys.size(),
                      keys.data(), values.data(), statuses.data());
        auto expected = first;
        for (size_t i = 0; i < keys.size(); ++i, ++expected) {
          ASSERT_TRUE(statuses[i].ok()) << statuses[i].ToString();
          ASSERT_EQ(values[i].ToString(), expected->second);
        }
      }
    }
  }

  const std::string control_ = directory_.file("control");
  const rocksdb::Snapshot* snapshot_ = nullptr;
};

TEST_P(CanaryTest, GrowsUnderLoadAndRollsBack) {
  const std::string paths = GetParam().paths;
  const bool takes_rings = WhyNoRing().empty() && paths != "posix";
  // By default, of a buffered database only long appends to tables.
  const bool for_everything =
      takes_rings && (GetParam().direct || paths == "uring");
  Fill();
  EXPECT_EQ(Count().inside, 0u) << "share=0 from the start";
  snapshot_ = db_->GetSnapshot();
  std::atomic<bool> stop{false};
  Threads reader;
  // Beside writes only where the tool knows how RocksDB's memtable orders them:
  // librocksdb is not instrumented.
  if (!kThreadSanitizer) {
    reader.Start([&] { ReadOn(stop); });
  }
  for (const char* share : {"5", "50", "100"}) {
    SetShare(share);
    const Counts counted = Load();
    // Of some dozen files 5 % may be none.
    EXPECT_TRUE(counted.inside > 0 || std::string(share) == "5") << share;
    EXPECT_TRUE(counted.outside > 0 || std::string(share) == "100") << share;
    EXPECT_TRUE(counted.rings > 0 || std::string(share) != "100" ||
                !takes_rings);
    EXPECT_TRUE(counted.rings > 0 || counted.inside == 0 || !for_everything)
        << share;
    EXPECT_TRUE(counted.rings == 0 || (takes_rings && counted.inside > 0))
        << share;
  }
  SetShare("0");
  stop = true;
  reader.Join();
  // What was read ahead of streams ends with the next read of its file.
  Load();
  const Counts after = Load();
  EXPECT_EQ(after.rings, 0u);
  EXPECT_EQ(after.inside, 0u);
  EXPECT_GT(after.outside, 0u);
  db_->ReleaseSnapshot(snapshot_);
  Reopen();
  ExpectAll();
}

INSTANTIATE_TEST_SUITE_P(Cases, CanaryTest, ::testing::ValuesIn(AllDbCases()),
                         DbCaseName);

}  // namespace
}  // namespace rocksdb_uring
