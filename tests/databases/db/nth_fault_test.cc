// One fault at the Nth operation of a whole life of a database, for every N (or
// every so many, from one on that the seed draws) until the database needs no
// more operations: nothing acknowledged is lost, no read gives anything else
// than what was written, what can be absorbed is, and what cannot comes out as
// a status.
//
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "env/engine/shared_engine.h"
#include "plugin/open_database.h"
#include "rocksdb/db.h"
#include "rocksdb/table.h"
#include "rocksdb_uring/uring.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/engine/test_counts.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::DB;
using rocksdb::Options;
using rocksdb::ReadOptions;
using rocksdb::Status;
using rocksdb::WriteOptions;

// The value of a key that is not there.
constexpr char kAbsent[] = "(absent)";

// Where the fault is.
enum class Place {
  // One request of a ring completes with EIO.
  kRequest,
  // The same for a read, and POSIX fails it, too.
  kReadTwice,
  // Rings refuse every submission from the Nth on, for ever.
  kSubmission,
  // Rings cannot be waited for from the Nth wait on, for ever.
  kWait,
  // One system call of the POSIX engine fails with EIO.
  kSystemCall,
};

struct FaultCase {
  const char* name;
  Place place;
  bool direct;
  // Every so many positions, where not all are wanted.
  uint64_t step;
};

void PrintTo(const FaultCase& fault_case, std::ostream* out) {
  *out << fault_case.name;
}

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// What each key may hold: one value if the last write was acknowledged, all
// that came since otherwise.
class Model {
 public:
  void Acknowledged(const std::string& key, const std::string& value) {
    allowed_[key] = {value};
  }
  void Unclear(const std::string& key, const std::string& value) {
    std::set<std::string>& values = allowed_[key];
    if (values.empty()) {
      values.insert(kAbsent);
    }
    values.insert(value);
  }
  bool Allows(const std::string& key, const std::string& value) const {
    const auto found = allowed_.find(key);
    return found == allowed_.end() ? value == kAbsent
                                   : found->second.count(value) > 0;
  }
  const std::map<std::string, std::set<std::string>>& allowed() const {
    return allowed_;
  }

 private:
  std::map<std::string, std::set<std::string>> allowed_;
};

std::string Key(uint64_t number) {
  return "key" + std::to_string(100 + number);
}

class NthFaultTest : public ::testing::TestWithParam<FaultCase> {
 protected:
  static constexpr uint64_t kKeys = 60;

  // One life of a database with the fault at position `nth` (from 1). Returns
  // whether it came to that.
  bool RunWithFaultAt(uint64_t nth) {
    const TempDir directory;
    model_ = Model();
    problems_ = 0;
    problem_.clear();
    failed_file_.clear();
    absorbable_ = false;
    kernel_ = std::make_unique<FakeKernel>();
    calls_ = std::make_unique<FakeSystemCalls>();
    kernel_->SkipSyncs();
    calls_->SkipSyncs();
    EngineOptions options;
    options.ring_factory = kernel_->factory();
    options.system_calls = calls_.get();
    RingFeatures features;
    features.verdict = GetParam().place == Place::kSystemCall
                           ? RingVerdict::kRefused
                           : RingVerdict::kUsable;
    engine_ = std::make_shared<SharedEngine>(options, features);
    SharedEngine::InstallForTests(engine_);
    Arm(nth);
    {
      std::unique_ptr<rocksdb::Env> env;
      EXPECT_TRUE(
          NewUringEnv("reads=uring;writes=uring;syncs=uring", &env).ok());
      EXPECT_GT(engine_.use_count(), 1) << "the plugin is on another engine";
      Live(env.get(), directory.file("db"));
    }
    const bool hit = Hit();
    EXPECT_EQ(engine_->write_bytes() + engine_->read_ahead_bytes(), 0u);
    rescues_ = engine_->statistics()->Snapshot().event(StatEvent::kPosixRescue);
    engine_.reset();
    EXPECT_EQ(kernel_->observations().Complaints(), "");
    ExpectNothingLost(directory.file("db"));
    return hit;
  }

  uint64_t problems() const { return problems_; }
  const std::string& problem() const { return problem_; }
  // The file of the operation that failed, if it changes what the file holds.
  const std::string& failed_file() const { return failed_file_; }
  // A read of a ring, which POSIX repeats.
  bool absorbable() const { return absorbable_; }
  uint64_t rescues() const { return rescues_; }

 private:
  void Arm(uint64_t nth) {
    hit_ = false;
    switch (GetParam().place) {
      case Place::kRequest:
      case Place::kReadTwice:
        kernel_->SetRequestScript(
            [this, nth](const RingRequest& request, uint64_t ordinal) {
              FakeKernel::Verdict verdict;
              if (ordinal + 1 == nth) {
                verdict.error = -EIO;
                Note(request);
              }
              return verdict;
            });
        break;
      case Place::kSubmission:
        CompleteLate();
        kernel_->SetSubmitScript([this, nth](unsigned, uint64_t ordinal) {
          hit_ = hit_ || ordinal + 1 >= nth;
          return ordinal + 1 >= nth ? -ENXIO : FakeKernel::kAll;
        });
        break;
      case Place::kWait:
        CompleteLate();
        kernel_->SetWaitScript([this, nth](uint64_t ordinal) {
          hit_ = hit_ || ordinal + 1 >= nth;
          return ordinal + 1 >= nth ? -EBADF : 0;
        });
        break;
      case Place::kSystemCall:
        calls_->FailAny(nth, -EIO);
        break;
    }
  }

  // So that a ring dies with requests in flight.
  void CompleteLate() {
    kernel_->SetRequestScript([](const RingRequest&, uint64_t) {
      FakeKernel::Verdict verdict;
      verdict.calls_late = 1;
      return verdict;
    });
  }

  void Note(const RingRequest& request) {
    hit_ = true;
    absorbable_ = request.opcode == RingOpcode::kRead;
    if (request.opcode == RingOpcode::kWrite ||
        request.opcode == RingOpcode::kFsync) {
      failed_file_ = PathOfDescriptor(request.fd);
    }
    if (absorbable_ && GetParam().place == Place::kReadTwice) {
      calls_->Fail(FakeSystemCalls::kPread, 1, -EIO);
    }
  }

  bool Hit() {
    if (GetParam().place == Place::kSystemCall) {
      using Fake = FakeSystemCalls;
      const Fake::Call call = calls_->failed_call();
      hit_ = calls_->faults_given() > 0;
      absorbable_ = call == Fake::kPreadNoWait || call == Fake::kWillNeed ||
                    call == Fake::kFallocate || call == Fake::kFileSize;
    }
    return hit_;
  }

  Options MakeOptions(rocksdb::Env* env) {
    Options options;
    options.env = env;
    options.create_if_missing = true;
    options.use_direct_reads = GetParam().direct;
    options.use_direct_io_for_flush_and_compaction = GetParam().direct;
    options.compression = rocksdb::kNoCompression;
    options.disable_auto_compactions = true;
    options.max_bgerror_resume_count = 0;
    // Hundreds of lives: nothing that costs time and makes no operation.
    options.max_file_opening_threads = 1;
    options.write_buffer_size = 256 << 10;
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    options.info_log_level = rocksdb::FATAL_LEVEL;
    options.bytes_per_sync = 4 << 10;
    rocksdb::BlockBasedTableOptions table;
    table.no_block_cache = true;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
  }

  std::unique_ptr<DB> Open(rocksdb::Env* env, const std::string& path) {
    std::unique_ptr<DB> db;
    Check(DB::Open(MakeOptions(env), path, DatabaseOut(&db)));
    return db;
  }

  void Check(const Status& status) {
    if (!status.ok() && !status.IsNotFound()) {
      ++problems_;
      problem_ = problem_.empty() ? status.ToString() : problem_;
    }
  }

  // Batches of six keys; the second is synced.
  void Write(DB* db, uint64_t round) {
    for (uint64_t first = 0; first < kKeys; first += 6) {
      rocksdb::WriteBatch batch;
      std::map<std::string, std::string> values;
      for (uint64_t i = first; i < first + 6; ++i) {
        const std::string key = Key(i);
        values[key] = RandomBytes(100 + i * 5, round * 1000 + i);
        EXPECT_TRUE(batch.Put(key, values[key]).ok());
      }
      WriteOptions options;
      options.sync = first == 6;
      const Status status = db->Write(options, &batch);
      Check(status);
      for (const auto& put : values) {
        if (status.ok()) {
          model_.Acknowledged(put.first, put.second);
        } else {
          model_.Unclear(put.first, put.second);
        }
      }
    }
  }

  void ExpectAllowed(const std::string& key, const Status& status,
                     const std::string& value) {
    Check(status);
    if (status.ok() || status.IsNotFound()) {
      EXPECT_TRUE(model_.Allows(key, status.ok() ? value : kAbsent))
          << key << ": " << status.ToString();
    }
  }

  void Read(DB* db, bool everything) {
    std::vector<std::string> keys;
    std::vector<rocksdb::Slice> slices;
    for (uint64_t i = 0; i < kKeys; i += everything ? 1 : 7) {
      keys.push_back(Key(i));
    }
    slices.assign(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<Status> statuses(keys.size());
    ReadOptions options;
    options.async_io = true;
    db->MultiGet(options, db->DefaultColumnFamily(), keys.size(), slices.data(),
                 values.data(), statuses.data());
    for (size_t i = 0; i < keys.size(); ++i) {
      ExpectAllowed(keys[i], statuses[i], values[i].ToString());
    }
    std::string value;
    const Status status = db->Get(ReadOptions(), Key(3), &value);
    ExpectAllowed(Key(3), status, value);
    // A scan that ends without an error has met every key that must be there.
    options.readahead_size = 8 << 10;
    const std::unique_ptr<rocksdb::Iterator> iterator(db->NewIterator(options));
    std::set<std::string> met;
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      met.insert(iterator->key().ToString());
      EXPECT_TRUE(model_.Allows(iterator->key().ToString(),
                                iterator->value().ToString()));
    }
    Check(iterator->status());
    for (const auto& key : model_.allowed()) {
      EXPECT_TRUE(!iterator->status().ok() || met.count(key.first) > 0 ||
                  key.second.count(kAbsent) > 0)
          << key.first << " is missing";
    }
  }

  // Opens, writes, flushes, compacts and reads, twice.
  void Live(rocksdb::Env* env, const std::string& path) {
    for (uint64_t round = 1; round <= 2; ++round) {
      const std::unique_ptr<DB> db = Open(env, path);
      if (db == nullptr) {
        continue;
      }
      Write(db.get(), 2 * round);
      Check(db->Flush(rocksdb::FlushOptions()));
      Read(db.get(), false);
      Write(db.get(), 2 * round + 1);
      Check(db->Flush(rocksdb::FlushOptions()));
      Check(db->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr));
      Read(db.get(), false);
      // RocksDB asserts that nobody syncs a log whose write has failed.
      if (problems_ == 0) {
        Check(db->SyncWAL());
      }
      Check(db->Close());
    }
  }

  // The default file system reads what there is, and the same of every key.
  void ExpectNothingLost(const std::string& path) {
    const uint64_t before = problems_;
    const std::unique_ptr<DB> db = Open(rocksdb::Env::Default(), path);
    ASSERT_NE(db, nullptr);
    Read(db.get(), true);
    const Status checksums = db->VerifyChecksum();
    EXPECT_TRUE(checksums.ok()) << checksums.ToString();
    EXPECT_EQ(problems_, before) << "without a fault: " << problem_;
  }

  std::unique_ptr<FakeKernel> kernel_;
  std::unique_ptr<FakeSystemCalls> calls_;
  std::shared_ptr<SharedEngine> engine_;
  std::atomic<bool> hit_{false};
  bool absorbable_ = false;
  std::string failed_file_;
  Model model_;
  uint64_t problems_ = 0;
  std::string problem_;  // the first
  uint64_t rescues_ = 0;
};

// Whether an error of this file must come out. Other files are OPTIONS, which
// RocksDB does without, and its temporary ones.
bool MustComeOut(const std::string& file) {
  return EndsWith(file, ".log") || EndsWith(file, ".sst") ||
         file.find("/MANIFEST-") != std::string::npos;
}

// All positions with ROCKSDB_URING_TEST_FULL; fewer with a sanitizer, which
// makes every life several times longer. Which ones is the seed's choice.
uint64_t StepOf(const FaultCase& fault_case) {
  if (FullTests()) {
    return 1;
  }
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 3 * fault_case.step;
#else
  return fault_case.step;
#endif
}

TEST_P(NthFaultTest, LosesNothingAndHidesNothing) {
  const Place place = GetParam().place;
  const uint64_t step = StepOf(GetParam());
  const uint64_t first = 1 + TestSeed() % step;
  uint64_t came_out = 0;
  uint64_t positions = 0;
  for (uint64_t nth = first; RunWithFaultAt(nth); nth += step) {
    ++positions;
    came_out += problems() > 0 ? 1 : 0;
    if (place == Place::kSubmission || place == Place::kWait) {
      EXPECT_EQ(problem(), "") << "a dead ring is no error, position " << nth;
    }
    if (absorbable() && place != Place::kReadTwice) {
      EXPECT_EQ(problem(), "") << "not absorbed, position " << nth;
    }
    if (place == Place::kRequest && absorbable()) {
      EXPECT_EQ(rescues(), 1u);
    }
    if (MustComeOut(failed_file())) {
      EXPECT_GT(problems(), 0u)
          << "hidden, position " << nth << ", " << failed_file();
    }
    ASSERT_FALSE(HasFailure()) << "position " << nth;
    ASSERT_LT(nth, 5000u);
  }
  EXPECT_EQ(problem(), "") << "without any fault";
  EXPECT_GT(positions * step, 20u);
  printf("%s: faults at %llu positions from %llu on, %llu came out\n",
         GetParam().name, static_cast<unsigned long long>(positions),
         static_cast<unsigned long long>(first),
         static_cast<unsigned long long>(came_out));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, NthFaultTest,
    ::testing::Values(
        FaultCase{"RequestBuffered", Place::kRequest, false, 8},
        FaultCase{"RequestDirect", Place::kRequest, true, 8},
        FaultCase{"ReadTwiceBuffered", Place::kReadTwice, false, 8},
        FaultCase{"ReadTwiceDirect", Place::kReadTwice, true, 8},
        FaultCase{"SubmissionBuffered", Place::kSubmission, false, 16},
        FaultCase{"SubmissionDirect", Place::kSubmission, true, 16},
        FaultCase{"WaitBuffered", Place::kWait, false, 16},
        FaultCase{"WaitDirect", Place::kWait, true, 16},
        FaultCase{"SystemCallBuffered", Place::kSystemCall, false, 8},
        FaultCase{"SystemCallDirect", Place::kSystemCall, true, 8}),
    [](const ::testing::TestParamInfo<FaultCase>& info) {
      return std::string(info.param.name);
    });

}  // namespace
}  // namespace rocksdb_uring
