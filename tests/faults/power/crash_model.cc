// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/power/crash_model.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "env/base/file_descriptor.h"

namespace rocksdb_uring {

namespace {

bool Chance(double probability, std::mt19937_64* random) {
  return std::uniform_real_distribution<>(0, 1)(*random) < probability;
}

uint64_t Between(uint64_t low, uint64_t high, std::mt19937_64* random) {
  return std::uniform_int_distribution<uint64_t>(low, high)(*random);
}

void Overwrite(uint64_t offset, const char* data, size_t size,
               std::string* contents) {
  if (contents->size() < offset + size) {
    contents->resize(offset + size, '\0');
  }
  contents->replace(offset, size, data, size);
}

void Allocate(const LogEntry& entry, std::string* contents) {
  const uint64_t end = entry.offset + entry.length;
  if ((entry.flags & FALLOC_FL_KEEP_SIZE) == 0 && contents->size() < end) {
    contents->resize(end, '\0');
  }
  const uint32_t zeroes = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
  if ((entry.flags & zeroes) != 0 && entry.offset < contents->size()) {
    const uint64_t last = std::min<uint64_t>(end, contents->size());
    contents->replace(entry.offset, last - entry.offset, last - entry.offset,
                      '\0');
  }
}

void Apply(const LogEntry& entry, std::string* contents) {
  switch (entry.op) {
    case LogOp::kWrite:
      Overwrite(entry.offset, entry.data.data(), entry.data.size(), contents);
      break;
    case LogOp::kTruncate:
      contents->resize(entry.offset, '\0');
      break;
    case LogOp::kAllocate:
      Allocate(entry, contents);
      break;
    default:
      break;
  }
}

// Each piece of a write that is not certain survives by itself.
void ApplyTorn(const LogEntry& entry, const Loss& loss, double keep,
               std::mt19937_64* random, std::string* contents) {
  const uint64_t end = entry.offset + entry.data.size();
  if (Chance(0.5, random) && contents->size() < end) {
    contents->resize(end, '\0');
  }
  for (uint64_t at = entry.offset; at < end;) {
    const uint64_t next = std::min<uint64_t>(
        end, (at / loss.sector_bytes + 1) * loss.sector_bytes);
    if (Chance(keep, random)) {
      Overwrite(at, entry.data.data() + (at - entry.offset), next - at,
                contents);
    }
    at = next;
  }
}

void ApplyUncertain(const LogEntry& entry, const Loss& loss,
                    std::mt19937_64* random, std::string* contents) {
  switch (loss.data) {
    case Loss::Data::kNone:
      Apply(entry, contents);
      return;
    case Loss::Data::kAll:
    case Loss::Data::kMixed:
      return;
    case Loss::Data::kSome:
      break;
  }
  if (entry.op == LogOp::kWrite && Chance(0.25, random)) {
    ApplyTorn(entry, loss, loss.keep, random, contents);
  } else if (Chance(loss.keep, random)) {
    Apply(entry, contents);
  }
}

// The order in which changes took effect: each at some time between its
// submission and its completion.
std::vector<const LogEntry*> InOrderOfEffect(
    const std::vector<const LogEntry*>& changes, LogPosition crash,
    bool in_order, std::mt19937_64* random) {
  std::vector<std::pair<LogPosition, const LogEntry*>> timed;
  for (const LogEntry* change : changes) {
    if (change->submitted <= crash && !change->failed) {
      const LogPosition latest =
          in_order ? change->submitted : std::min(change->completed, crash);
      timed.emplace_back(Between(change->submitted, latest, random), change);
    }
  }
  std::stable_sort(
      timed.begin(), timed.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const LogEntry*> ordered;
  for (const auto& item : timed) {
    ordered.push_back(item.second);
  }
  return ordered;
}

void ApplyName(const LogEntry& entry, DiskState* state) {
  switch (entry.op) {
    case LogOp::kCreate:
      state->files[entry.path] = entry.file;
      break;
    // Whether the old name has survived says nothing about the new one, which
    // may be in another directory.
    case LogOp::kRename:
      state->files.erase(entry.path);
      state->files[entry.target] = entry.file;
      break;
    case LogOp::kLink:
      state->files[entry.target] = entry.file;
      break;
    case LogOp::kUnlink:
      state->files.erase(entry.path);
      break;
    case LogOp::kMakeDirectory:
      state->directories.insert(entry.path);
      break;
    case LogOp::kRemoveDirectory:
      state->directories.erase(entry.path);
      break;
    default:
      break;
  }
}

bool WriteContents(const std::string& path, const std::string& contents) {
  const FileDescriptor fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  return fd.valid() && write(fd.get(), contents.data(), contents.size()) ==
                           static_cast<ssize_t>(contents.size());
}

}  // namespace

Loss Loss::Draw(std::mt19937_64* random) {
  Loss loss;
  loss.names = static_cast<Names>((*random)() % 3);
  loss.data = static_cast<Data>((*random)() % 4);
  const double kChances[] = {0.1, 0.5, 0.9};
  loss.keep = kChances[(*random)() % 3];
  loss.sector_bytes = (*random)() % 2 == 0 ? 512 : 4096;
  return loss;
}

std::string Describe(const Loss& loss) {
  static const char* const kNames[] = {"none", "all", "all but a prefix"};
  static const char* const kData[] = {"none", "all", "some", "by file"};
  std::ostringstream out;
  out << "loses of names " << kNames[static_cast<int>(loss.names)]
      << ", of data " << kData[static_cast<int>(loss.data)] << " (keeps "
      << loss.keep << ", pieces of " << loss.sector_bytes << ")";
  return out.str();
}

bool DiskState::WriteTo(const std::string& directory) const {
  for (const std::string& name : directories) {
    if (mkdir((directory + "/" + name).c_str(), 0755) != 0) {
      return false;
    }
  }
  std::map<FileId, std::string> written;
  for (const auto& file : files) {
    if (directories.count(DirectoryOf(file.first)) == 0 &&
        !DirectoryOf(file.first).empty()) {
      continue;  // its directory is lost
    }
    const std::string path = directory + "/" + file.first;
    const auto first = written.emplace(file.second, path);
    const bool ok = first.second
                        ? WriteContents(path, contents.at(file.second))
                        : link(first.first->second.c_str(), path.c_str()) == 0;
    if (!ok) {
      return false;
    }
  }
  return true;
}

CrashModel::CrashModel(const IoLog* log) : log_(log) {
  for (const LogEntry& entry : log_->entries) {
    if (entry.failed) {
      continue;
    }
    if (entry.op < LogOp::kWrite) {
      names_.push_back(&entry);
    } else if (entry.op <= LogOp::kAllocate) {
      files_[entry.file].changes.push_back(&entry);
    } else if (entry.op == LogOp::kDirectorySync) {
      directory_syncs_[entry.path].push_back(&entry);
    } else if (entry.op != LogOp::kRangeSync) {
      files_[entry.file].syncs.push_back(&entry);
    }
  }
}

LogPosition CrashModel::CertainBefore(const std::vector<const LogEntry*>& syncs,
                                      LogPosition crash) {
  LogPosition before = 0;
  for (const LogEntry* sync : syncs) {
    if (sync->completed <= crash) {
      before = std::max(before, sync->submitted);
    }
  }
  return before;
}

bool CrashModel::NameIsCertain(const LogEntry& entry, LogPosition crash) const {
  std::vector<std::string> directories = {DirectoryOf(entry.path)};
  if (!entry.target.empty()) {
    directories.push_back(DirectoryOf(entry.target));
  }
  return std::any_of(
      directories.begin(), directories.end(), [&](const std::string& name) {
        const auto found = directory_syncs_.find(name);
        return found != directory_syncs_.end() &&
               entry.completed < CertainBefore(found->second, crash);
      });
}

std::vector<const LogEntry*> CrashModel::SurvivingNames(
    LogPosition crash, Loss::Names names, std::mt19937_64* random) const {
  std::vector<const LogEntry*> surviving;
  std::map<std::string, std::vector<const LogEntry*>> uncertain;
  for (const LogEntry* entry : names_) {
    if (entry->submitted > crash) {
      break;
    }
    if (names == Loss::Names::kNone || NameIsCertain(*entry, crash)) {
      surviving.push_back(entry);
    } else if (names == Loss::Names::kPrefix) {
      const std::string& path =
          entry->target.empty() ? entry->path : entry->target;
      uncertain[DirectoryOf(path)].push_back(entry);
    }
  }
  for (const auto& directory : uncertain) {
    const auto& entries = directory.second;
    surviving.insert(surviving.end(), entries.begin(),
                     entries.begin() + static_cast<ptrdiff_t>(
                                           Between(0, entries.size(), random)));
  }
  std::sort(surviving.begin(), surviving.end(),
            [](const LogEntry* a, const LogEntry* b) {
              return a->submitted < b->submitted;
            });
  return surviving;
}

std::string CrashModel::Contents(FileId file, LogPosition crash,
                                 const Loss& loss,
                                 std::mt19937_64* random) const {
  const auto found = files_.find(file);
  std::string contents;
  if (found == files_.end()) {
    return contents;
  }
  Loss own = loss;
  if (loss.lost_files.count(file) != 0) {
    own.data = Loss::Data::kAll;
  }
  if (own.data == Loss::Data::kMixed) {
    const Loss::Data kChoices[] = {Loss::Data::kNone, Loss::Data::kAll,
                                   Loss::Data::kSome};
    own.data = kChoices[(*random)() % 3];
  }
  const LogPosition certain = CertainBefore(found->second.syncs, crash);
  for (const LogEntry* change :
       InOrderOfEffect(found->second.changes, crash, loss.in_order, random)) {
    if (change->completed < certain) {
      Apply(*change, &contents);
    } else {
      ApplyUncertain(*change, own, random, &contents);
    }
  }
  return contents;
}

DiskState CrashModel::After(LogPosition crash, const Loss& loss,
                            uint64_t seed) const {
  DiskState state;
  std::mt19937_64 random(seed);
  for (const LogEntry* entry : SurvivingNames(crash, loss.names, &random)) {
    ApplyName(*entry, &state);
  }
  for (const auto& file : state.files) {
    if (state.contents.count(file.second) == 0) {
      std::mt19937_64 own(seed + file.second * 0x9e3779b97f4a7c15);
      state.contents[file.second] = Contents(file.second, crash, loss, &own);
    }
  }
  return state;
}

DiskState CrashModel::WithoutLoss() const {
  Loss loss;
  loss.names = Loss::Names::kNone;
  loss.data = Loss::Data::kNone;
  loss.in_order = true;
  return After(log_->end, loss, /*seed=*/0);
}

}  // namespace rocksdb_uring
