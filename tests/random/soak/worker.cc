// SPDX-License-Identifier: Apache-2.0

#include "tests/random/soak/worker.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "plugin/open_database.h"
#include "rocksdb/utilities/checkpoint.h"
#include "rocksdb/write_batch.h"

namespace rocksdb_uring {

using rocksdb::DB;
using rocksdb::PinnableSlice;
using rocksdb::ReadOptions;
using rocksdb::Slice;
using rocksdb::Status;

Worker::Worker(unsigned share, uint64_t keys, uint64_t seed,
               std::string checkpoint_path)
    : checkpoint_path_(std::move(checkpoint_path)),
      random_(seed),
      expectation_(share, keys) {}

void Worker::Expect(const Status& status, const std::string& what) {
  if (!status.ok()) {
    Expect(what + ": " + status.ToString());
  }
}

void Worker::Expect(const std::string& mistake) {
  if (mistake_.empty()) {
    mistake_ = mistake;
  }
}

bool Worker::Step(DB* db) {
  ++operations_;
  const uint64_t draw = Below(10000);
  if (draw < 5000) {
    Write(db);
  } else if (draw < 7000) {
    Get(db);
  } else if (draw < 9000) {
    MultiGet(db);
  } else if (draw < 9900) {
    Scan(db);
  } else if (draw < 9970) {
    TakeOrCheckSnapshot(db);
  } else {
    Maintain(db);
  }
  return mistake_.empty();
}

ReadOptions Worker::RandomReadOptions() {
  ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = OneIn(2);
  options.async_io = OneIn(2);
  options.readahead_size = OneIn(4) ? 64 << 10 : 0;
  return options;
}

void Worker::Write(DB* db) {
  rocksdb::WriteBatch batch;
  // A key comes once in a batch: the last would count.
  const uint64_t first = Below(expectation_.keys());
  const uint64_t count = 1 + (OneIn(4) ? Below(20) : 0);
  std::vector<std::pair<uint64_t, uint32_t>> next;
  for (uint64_t n = 0; n < count; ++n) {
    const uint64_t number = (first + n * 7) % expectation_.keys();
    const bool deletes = OneIn(6);
    // Never 0 for what is there.
    const uint32_t version = static_cast<uint32_t>(random_()) | 1;
    if (deletes) {
      Expect(batch.Delete(expectation_.Key(number)), "Delete");
    } else {
      Expect(batch.Put(expectation_.Key(number),
                       expectation_.ValueOf(number, version)),
             "Put");
    }
    next.emplace_back(number, deletes ? 0 : version);
  }
  rocksdb::WriteOptions options;
  options.sync = OneIn(200);
  Expect(db->Write(options, &batch), "Write");
  for (const auto& change : next) {
    expectation_.set_version(change.first, change.second);
  }
}

void Worker::Get(DB* db) {
  const uint64_t number = Below(expectation_.keys());
  std::string value;
  const Status status =
      db->Get(RandomReadOptions(), expectation_.Key(number), &value);
  Expect(expectation_.CheckGet(number, status, value));
}

void Worker::MultiGet(DB* db) {
  const size_t count = 1 + Below(32);
  std::vector<uint64_t> numbers;
  std::vector<std::string> names;
  for (size_t n = 0; n < count; ++n) {
    numbers.push_back(Below(expectation_.keys()));
    names.push_back(expectation_.Key(numbers[n]));
  }
  const std::vector<Slice> keys(names.begin(), names.end());
  std::vector<PinnableSlice> values(count);
  std::vector<Status> statuses(count);
  db->MultiGet(RandomReadOptions(), db->DefaultColumnFamily(), count,
               keys.data(), values.data(), statuses.data());
  for (size_t n = 0; n < count; ++n) {
    Expect(expectation_.CheckGet(numbers[n], statuses[n], values[n]));
  }
}

void Worker::Scan(DB* db) {
  Expect(expectation_.CheckScan(db, RandomReadOptions(),
                                Below(expectation_.keys()),
                                OneIn(10) ? 4000 : Below(200), OneIn(4)));
}

void Worker::TakeOrCheckSnapshot(DB* db) {
  if (held_.size() < 2) {
    held_.push_back({db->GetSnapshot(), expectation_});
    return;
  }
  const Held& held = held_.front();
  ReadOptions options = RandomReadOptions();
  options.snapshot = held.snapshot;
  Expect(held.expectation.CheckScan(db, options, Below(held.expectation.keys()),
                                    2000, OneIn(2)));
  db->ReleaseSnapshot(held.snapshot);
  held_.erase(held_.begin());
}

void Worker::ReleaseSnapshots(DB* db) {
  for (const Held& held : held_) {
    db->ReleaseSnapshot(held.snapshot);
  }
  held_.clear();
}

void Worker::Maintain(DB* db) {
  switch (Below(12)) {
    case 0: {
      const std::string begin =
          expectation_.Key(Below(expectation_.keys() + 1));
      const Slice from(begin);
      Expect(db->CompactRange(rocksdb::CompactRangeOptions(), &from, nullptr),
             "CompactRange");
      break;
    }
    case 1:
      Checkpoint(db);
      break;
    case 2:
      Expect(db->FlushWAL(/*sync=*/true), "FlushWAL");
      break;
    default:
      Expect(db->Flush(rocksdb::FlushOptions()), "Flush");
  }
}

void Worker::Checkpoint(DB* db) {
  std::filesystem::remove_all(checkpoint_path_);
  rocksdb::Checkpoint* made = nullptr;
  Expect(rocksdb::Checkpoint::Create(db, &made), "Checkpoint");
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  Expect(checkpoint->CreateCheckpoint(checkpoint_path_), "CreateCheckpoint");
  // The database's own options name its directory.
  rocksdb::Options options = db->GetOptions();
  options.db_paths.clear();
  options.cf_paths.clear();
  options.wal_dir.clear();
  std::unique_ptr<DB> copy;
  Expect(DB::OpenForReadOnly(options, checkpoint_path_, DatabaseOut(&copy)),
         "opening the checkpoint");
  if (copy != nullptr) {
    // Nobody else writes to this share.
    Expect(expectation_.CheckScan(copy.get(), RandomReadOptions(), 0,
                                  expectation_.keys(), false));
  }
  std::filesystem::remove_all(checkpoint_path_);
}

bool Worker::CheckAll(DB* db) {
  Expect(expectation_.CheckScan(db, RandomReadOptions(), 0, expectation_.keys(),
                                false));
  return mistake_.empty();
}

}  // namespace rocksdb_uring
