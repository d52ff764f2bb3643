// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/crash/killed_database.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "plugin/open_database.h"
#include "rocksdb_uring/uring.h"
#include "tests/faults/crash/crash_options.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

using rocksdb::DB;
using rocksdb::Env;
using rocksdb::Options;
using rocksdb::Status;
using ::testing::AssertionFailure;
using ::testing::AssertionResult;
using ::testing::AssertionSuccess;

KilledDatabase::KilledDatabase(const WriterSetup& setup) : setup_(setup) {
  // Every case is killed at moments of its own.
  std::string name = setup.options + (setup.direct ? " direct " : " ") +
                     std::to_string(setup.recycle);
  for (const std::string& flag : setup.flags) {
    name += flag;
  }
  random_.seed(seed_ ^ std::hash<std::string>()(name));
  const Status status = NewUringEnv(setup_.options, &plugin_);
  EXPECT_TRUE(status.ok()) << status.ToString();
}

AssertionResult KilledDatabase::Round() {
  history_.SetStart(ledger_.get());
  ledger_->ForgetSeen();
  const Goal goal = ChooseGoal();
  AssertionResult result = WriteUntilKilled(goal);
  if (result) {
    result = Verify();
  }
  if (!result) {
    result << " (round " << round_ << ", to be killed after " << goal.opens
           << " opens and " << goal.acknowledged << " batches)";
  }
  ++round_;
  return result;
}

KilledDatabase::Goal KilledDatabase::ChooseGoal() {
  Goal goal;
  goal.acknowledged = ledger_->acknowledged() + setup_.batches_max;
  if (random_() % 4 == 0) {
    goal.opens = 1 + random_() % 10;
  } else {
    goal.acknowledged -= random_() % setup_.batches_max;
  }
  return goal;
}

bool KilledDatabase::Reached(const Goal& goal) const {
  return ledger_->acknowledged() >= goal.acknowledged ||
         (goal.opens > 0 && ledger_->seen.opens >= goal.opens);
}

std::vector<std::string> KilledDatabase::Command() const {
  std::vector<std::string> command = {
      CRASH_TEST_CHILD_PATH,
      "--db=" + path_,
      "--ledger=" + directory_.file("ledger"),
      "--options=" + setup_.options,
      "--seed=" + std::to_string(seed_),
      "--recycle=" + std::to_string(setup_.recycle),
      std::string("--direct=") + (setup_.direct ? "true" : "false")};
  command.insert(command.end(), setup_.flags.begin(), setup_.flags.end());
  return command;
}

AssertionResult KilledDatabase::WriteUntilKilled(const Goal& goal) {
  const uint64_t before = ledger_->acknowledged();
  WriterProcess writer(Command(), output_);
  while (writer.running() && !Reached(goal)) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  const bool killed = writer.Kill();
  const std::string output = ReadWholeFile(output_);
  if (!killed || !output.empty()) {
    return AssertionFailure() << "the writer has failed: " << output;
  }
  if (ledger_->seen.opens == 0) {
    return AssertionFailure() << "the writer was not on the plugin";
  }
  totals_.acknowledged += ledger_->acknowledged() - before;
  AddToTotals();
  return AssertionSuccess();
}

void KilledDatabase::AddToTotals() {
  const Ledger::Seen& seen = ledger_->seen;
  totals_.ring_operations += seen.ring_operations;
  totals_.ring_writes += seen.ring_writes;
  totals_.delays += seen.delays;
  totals_.flushes += seen.flushes;
  totals_.compactions += seen.compactions;
}

Status KilledDatabase::Open(std::unique_ptr<DB>* db) const {
  const bool plugin = round_ % 2 == 0;
  // What remains unrecovered is the next writer's to recover. It cannot where
  // it recycles: in the recovery mode that allows it, RocksDB 7.8 reads a WAL
  // that goes on with older records for ever.
  const bool read_only = round_ % 3 == 1 && setup_.recycle == 0;
  const Options options =
      CrashOptions(plugin ? plugin_.get() : Env::Default(), setup_.direct,
                   /*recycle=*/0);
  const Status status =
      read_only ? DB::OpenForReadOnly(options, path_, DatabaseOut(db))
                : DB::Open(options, path_, DatabaseOut(db));
  return status;
}

AssertionResult KilledDatabase::Verify() {
  std::unique_ptr<DB> db;
  Status status = Open(&db);
  if (!status.ok()) {
    return AssertionFailure() << "opening: " << status.ToString();
  }
  AssertionResult result = history_.Check(db.get(), *ledger_);
  if (!result) {
    return result;
  }
  status = db->VerifyChecksum();
  if (!status.ok()) {
    return AssertionFailure() << "VerifyChecksum: " << status.ToString();
  }
  status = db->Close();
  return status.ok() ? AssertionSuccess()
                     : AssertionFailure() << "closing: " << status.ToString();
}

bool KilledDatabase::HasRecycledWal() const {
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    const bool is_log = entry.path().filename().string().rfind("LOG", 0) == 0;
    if (is_log &&
        ReadWholeFile(entry.path()).find("reusing log") != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace rocksdb_uring
