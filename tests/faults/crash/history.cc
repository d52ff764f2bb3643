// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/crash/history.h"

#include <cstdlib>
#include <memory>

#include "tests/faults/crash/batches.h"

namespace rocksdb_uring {

using rocksdb::DB;
using rocksdb::Status;
using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

AssertionResult History::Check(DB* db, const Ledger& ledger) {
  for (size_t thread = 0; thread < Ledger::kThreads; ++thread) {
    const AssertionResult result = Advance(db, thread, ledger.threads[thread]);
    if (!result) {
      return AssertionFailure() << kWrong << result.message();
    }
  }
  const AssertionResult result = Compare(db);
  return result ? AssertionSuccess()
                : AssertionFailure() << kWrong << result.message();
}

AssertionResult History::Advance(DB* db, size_t thread,
                                 const Ledger::Thread& told) {
  const std::string key = NewestKeyOf(thread);
  std::string text = "0";
  const Status status = db->Get(rocksdb::ReadOptions(), key, &text);
  if (!status.ok() && !status.IsNotFound()) {
    return AssertionFailure() << key << ": " << status.ToString();
  }
  const uint64_t found = strtoull(text.c_str(), nullptr, 10);
  if (found < told.acknowledged || found > told.begun) {
    return AssertionFailure()
           << "thread " << thread << ": batch " << told.acknowledged
           << " was acknowledged, batch " << told.begun
           << " was begun, the newest in the database is " << found;
  }
  for (uint64_t number = newest_[thread] + 1; number <= found; ++number) {
    for (const Change& change : ChangesOf(seed_, thread, number)) {
      if (change.deletes) {
        values_.erase(change.key);
      } else {
        values_[change.key] = {number, change.length};
      }
    }
  }
  newest_[thread] = found;
  return AssertionSuccess();
}

AssertionResult History::Compare(DB* db) const {
  Values expected = values_;
  const std::unique_ptr<rocksdb::Iterator> iterator(
      db->NewIterator(rocksdb::ReadOptions()));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    const std::string key = iterator->key().ToString();
    const std::string value = iterator->value().ToString();
    const auto wanted = expected.find(key);
    if (wanted == expected.end()) {
      if (IsNewestKey(key)) {
        continue;
      }
      return AssertionFailure() << key << " is there, and should not be: "
                                << DescribeValue(seed_, key, value);
    }
    if (value !=
        ValueOf(seed_, key, wanted->second.batch, wanted->second.length)) {
      return AssertionFailure()
             << key << " holds " << DescribeValue(seed_, key, value)
             << ", and should hold " << wanted->second.length
             << " bytes of batch " << wanted->second.batch;
    }
    expected.erase(wanted);
  }
  if (!iterator->status().ok()) {
    return AssertionFailure() << iterator->status().ToString();
  }
  if (!expected.empty()) {
    return AssertionFailure()
           << expected.size() << " keys are missing, the first is "
           << expected.begin()->first << " of batch "
           << expected.begin()->second.batch;
  }
  return AssertionSuccess();
}

void History::SetStart(Ledger* ledger) const {
  for (size_t thread = 0; thread < Ledger::kThreads; ++thread) {
    ledger->threads[thread].begun = newest_[thread];
    ledger->threads[thread].acknowledged = newest_[thread];
  }
}

}  // namespace rocksdb_uring
