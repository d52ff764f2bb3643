// The asynchronous reads of ReadFiles.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "tests/random/model/read_files.h"

namespace rocksdb_uring {

using rocksdb::FSReadRequest;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

constexpr size_t kPendingMax = 200;

}  // namespace

void ReadFiles::StartReads(File* file) {
  const size_t count = pending_.size() < kPendingMax ? dice_->Below(24) : 0;
  for (size_t n = 0; n < count; ++n) {
    const Range range = RandomRange(*file);
    auto read = std::make_unique<PendingRead>(
        file->identity, range.offset, std::min<size_t>(range.length, 65536));
    sides_->Note("start to read " + file->name + " at " +
                 std::to_string(range.offset) + "+" +
                 std::to_string(range.length));
    const IOStatus status =
        read->Start(file->random_access[0].get(), file->random_access[1].get(),
                    RandomOptions());
    if (status.IsNotSupported()) {
      return;
    }
    sides_->Expect(status.ok(), "ReadAsync: " + status.ToString());
    if (read->handle() != nullptr) {
      pending_.push_back(std::move(read));
    } else if (status.ok()) {
      const std::string mistake = read->Mistake(/*aborted=*/false);
      sides_->Expect(mistake.empty(), mistake);
    }
  }
}

void ReadFiles::Collect() {
  PendingReads some;
  const uint64_t share = 1 + dice_->Below(4);
  for (auto& read : pending_) {
    if (dice_->OneIn(share)) {
      some.push_back(std::move(read));
    }
  }
  pending_.erase(std::remove(pending_.begin(), pending_.end(), nullptr),
                 pending_.end());
  const uint64_t manner = dice_->Below(6);
  if (manner == 0) {
    sides_->Note("give up " + std::to_string(some.size()) + " reads");
    // Destroyed without Poll.
    return;
  }
  if (manner == 1) {
    std::reverse(some.begin(), some.end());
  }
  PollAll(std::move(some), /*abort=*/manner >= 4);
}

void ReadFiles::PollAll(PendingReads reads, bool abort) {
  std::vector<void*> handles;
  for (const auto& read : reads) {
    handles.push_back(read->handle());
  }
  sides_->Note((abort ? "abort " : "poll ") + std::to_string(handles.size()));
  auto* const system = sides_->ours().system;
  const IOStatus status =
      abort ? system->AbortIO(handles) : system->Poll(handles, handles.size());
  sides_->Expect(status.ok(), "Poll or AbortIO: " + status.ToString());
  for (const auto& read : reads) {
    const std::string mistake = read->Mistake(abort);
    sides_->Expect(mistake.empty(), mistake);
  }
}

void ReadFiles::CollectAll(
    const std::function<bool(const PendingRead&)>& wanted) {
  PendingReads found;
  for (auto& read : pending_) {
    if (wanted(*read)) {
      found.push_back(std::move(read));
    }
  }
  pending_.erase(std::remove(pending_.begin(), pending_.end(), nullptr),
                 pending_.end());
  if (!found.empty()) {
    PollAll(std::move(found), /*abort=*/false);
  }
}

void ReadFiles::Exchange() {
  if (hand_over_ == nullptr) {
    return;
  }
  // Of the file that nobody changes only.
  const uint64_t shared = names_->Identity(shared_);
  for (auto& read : pending_) {
    if (read->identity() == shared) {
      hand_over_->Give(std::move(read));
    }
  }
  pending_.erase(std::remove(pending_.begin(), pending_.end(), nullptr),
                 pending_.end());
  if (std::unique_ptr<PendingRead> read = hand_over_->Take()) {
    PendingReads one;
    one.push_back(std::move(read));
    PollAll(std::move(one), /*abort=*/false);
  }
}

void ReadFiles::CloseAll() {
  // The reads outlive their files.
  files_.clear();
  CollectAll([](const PendingRead&) { return true; });
}

}  // namespace rocksdb_uring
