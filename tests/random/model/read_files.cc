// SPDX-License-Identifier: Apache-2.0

#include "tests/random/model/read_files.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace rocksdb_uring {

using rocksdb::FileOptions;
using rocksdb::FSRandomAccessFile;
using rocksdb::FSReadRequest;
using rocksdb::FSSequentialFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

constexpr size_t kFilesMax = 8;
constexpr size_t kReadBytesMax = 512 << 10;

std::string Place(uint64_t offset, size_t length) {
  return std::to_string(offset) + "+" + std::to_string(length);
}

}  // namespace

ReadFiles::ReadFiles(Sides* sides, Names* names, Dice* dice, bool direct,
                     std::function<void(uint64_t identity)> settle,
                     std::string shared, HandOver* hand_over)
    : sides_(sides),
      names_(names),
      dice_(dice),
      direct_(direct),
      settle_(std::move(settle)),
      shared_(std::move(shared)),
      hand_over_(hand_over) {}

void ReadFiles::Step() {
  const bool open =
      files_.empty() || (files_.size() < kFilesMax && dice_->OneIn(8));
  if (open) {
    Open();
  } else if (dice_->OneIn(40)) {
    sides_->Note("a reader is closed");
    files_.erase(files_.begin() +
                 static_cast<ptrdiff_t>(dice_->Below(files_.size())));
  } else if (dice_->OneIn(8)) {
    Collect();
  } else if (dice_->OneIn(20)) {
    Exchange();
  } else {
    File& file = dice_->Pick(files_);
    settle_(file.identity);
    if (file.sequential) {
      CallOnSequential(&file);
    } else {
      CallOn(&file);
    }
  }
}

void ReadFiles::OpenPair(File* file, const FileOptions& options) {
  const std::string what = std::string("open to read ") +
                           (file->sequential ? "in sequence " : "") +
                           file->name + (file->direct ? ", direct" : "") +
                           (options.use_mmap_reads ? ", mapped" : "");
  sides_->Call(what, [&](const Side& side, size_t i) {
    const std::string path = side.path(file->name);
    return file->sequential
               ? side.system->NewSequentialFile(path, options,
                                                &file->in_sequence[i], nullptr)
               : side.system->NewRandomAccessFile(
                     path, options, &file->random_access[i], nullptr);
  });
}

void ReadFiles::Open() {
  File file;
  const std::string existing = names_->Existing();
  file.name = dice_->OneIn(10) ? names_->Any() : existing;
  if (dice_->OneIn(4)) {
    file.name = shared_;
  }
  FileOptions options;
  options.use_direct_reads = direct_ && dice_->OneIn(2);
  file.sequential = dice_->OneIn(4);
  options.use_mmap_reads =
      !options.use_direct_reads && !file.sequential && dice_->OneIn(12);
  file.direct = options.use_direct_reads;
  file.mapped = options.use_mmap_reads;
  file.identity = names_->Identity(file.name);
  file.immutable =
      file.mapped || Names::IsTable(file.name) || Names::IsBlob(file.name);
  settle_(file.identity);
  OpenPair(&file, options);
  const auto there = [&](size_t i) {
    return file.random_access[i] != nullptr || file.in_sequence[i] != nullptr;
  };
  sides_->Expect(there(0) == there(1), "only one side has a file");
  // A directory can be opened, and reads of it fail in the same way.
  if (there(0) && there(1)) {
    files_.push_back(std::move(file));
  }
}

ReadFiles::Range ReadFiles::RandomRange(const File& file) {
  const uint64_t size = names_->Size(file.name);
  // Deviation 12 of names.h.
  uint64_t length = 1 + dice_->Below(dice_->OneIn(8) ? kReadBytesMax : 9000);
  uint64_t offset = dice_->Below(size + 9000);
  if (dice_->OneIn(200)) {
    // No file is that long; the last is what Linux takes for "here".
    constexpr uint64_t kFar[] = {uint64_t{1} << 40, uint64_t{1} << 63,
                                 ~uint64_t{0} - 4095, ~uint64_t{0}};
    offset = kFar[dice_->Below(4)];
  }
  if (file.direct) {
    offset -= offset % kBlock;
    length = RoundUp(length, kBlock);
  }
  return {offset, static_cast<size_t>(length)};
}

void ReadFiles::CallOn(File* file) {
  const uint64_t draw = dice_->Below(100);
  if (draw < 35) {
    Read(file);
  } else if (draw < 50) {
    ReadStream(file);
  } else if (draw < 75) {
    MultiRead(file);
  } else if (draw < 90) {
    StartReads(file);
  } else {
    Attributes(file);
  }
}

void ReadFiles::Compare(const std::string& what, const File& file,
                        const IOStatus& status, const Scratch& ours,
                        const Slice& our_result, const Slice& their_result,
                        size_t length) {
  if (!status.ok()) {
    sides_->Expect(our_result.size() == 0, what + ": a result with an error");
    return;
  }
  if (file.mapped) {
    sides_->Expect(our_result == their_result, what + ": other bytes");
    return;
  }
  const ::testing::AssertionResult holds =
      ours.Holds(our_result, their_result.ToString(), 0, length,
                 /*exact=*/false);
  sides_->Expect(holds && our_result.size() == their_result.size(),
                 what + ": " + holds.message());
}

IOOptions ReadFiles::RandomOptions() {
  IOOptions options;
  if (dice_->OneIn(3)) {
    options.timeout = std::chrono::hours(1);
  }
  if (dice_->OneIn(3)) {
    options.rate_limiter_priority = rocksdb::Env::IO_LOW;
  }
  return options;
}

void ReadFiles::Read(File* file) {
  const Range range = RandomRange(*file);
  const Scratch ours(range.length);
  const Scratch theirs(range.length);
  Slice result[2];
  const std::string what =
      "read " + file->name + " at " + Place(range.offset, range.length);
  const IOOptions options = RandomOptions();
  const IOStatus status = sides_->Call(what, [&](const Side&, size_t i) {
    return file->random_access[i]->Read(
        range.offset, range.length, options, &result[i],
        i == 0 ? ours.data() : theirs.data(), nullptr);
  });
  Compare(what, *file, status, ours, result[0], result[1], range.length);
}

void ReadFiles::ReadStream(File* file) {
  Range range = RandomRange(*file);
  // Not across the largest offset of Linux: a read that crosses it fails, and
  // one that a kernel shortens before it finds the end of the file.
  range.offset = std::min(range.offset / 2, uint64_t{1} << 62);
  range.offset -= range.offset % kBlock;
  range.length = RoundUp(range.length / 2 + 1, kBlock);
  const bool back = dice_->OneIn(2);
  const uint64_t reads = 1 + dice_->Below(12);
  const IOOptions options = RandomOptions();
  for (uint64_t n = 0; n < reads && sides_->mistake().empty(); ++n) {
    const Scratch ours(range.length);
    const Scratch theirs(range.length);
    Slice result[2];
    const std::string what =
        "stream " + file->name + " at " + Place(range.offset, range.length);
    const IOStatus status = sides_->Call(what, [&](const Side&, size_t i) {
      return file->random_access[i]->Read(
          range.offset, range.length, options, &result[i],
          i == 0 ? ours.data() : theirs.data(), nullptr);
    });
    Compare(what, *file, status, ours, result[0], result[1], range.length);
    // Now and then a block is left out, read again, or shared by two reads.
    const uint64_t step = range.length + dice_->Below(3) * kBlock -
                          (dice_->OneIn(3) ? kBlock : 0);
    if (back && range.offset < step) {
      return;
    }
    range.offset = back ? range.offset - step : range.offset + step;
  }
}

void ReadFiles::MultiRead(File* file) {
  const size_t count = 1 + dice_->Below(dice_->OneIn(8) ? 200 : 40);
  std::vector<Range> ranges;
  std::vector<std::unique_ptr<Scratch>> scratch[2];
  std::vector<FSReadRequest> requests[2];
  for (auto& side : requests) {
    side = std::vector<FSReadRequest>(count);
  }
  for (size_t n = 0; n < count; ++n) {
    ranges.push_back(RandomRange(*file));
    ranges[n].length = std::min<size_t>(ranges[n].length, 65536);
    for (size_t i = 0; i < 2; ++i) {
      scratch[i].push_back(std::make_unique<Scratch>(ranges[n].length));
      requests[i][n].offset = ranges[n].offset;
      requests[i][n].len = ranges[n].length;
      requests[i][n].scratch = scratch[i][n]->data();
    }
  }
  const std::string what =
      "multi-read " + file->name + ", " + std::to_string(count) + " ranges";
  const IOOptions options = RandomOptions();
  sides_->Call(what, [&](const Side&, size_t i) {
    return file->random_access[i]->MultiRead(requests[i].data(), count, options,
                                             nullptr);
  });
  for (size_t n = 0; n < count; ++n) {
    const std::string one =
        what + ", at " + Place(ranges[n].offset, ranges[n].length);
    const IOStatus status = requests[0][n].status;
    sides_->ExpectSame(one, status, requests[1][n].status);
    Compare(one, *file, status, *scratch[0][n], requests[0][n].result,
            requests[1][n].result, ranges[n].length);
  }
}

void ReadFiles::Attributes(File* file) {
  const Range range = RandomRange(*file);
  const auto pattern =
      static_cast<FSRandomAccessFile::AccessPattern>(dice_->Below(5));
  sides_->Call(
      "prefetch " + file->name + " at " + Place(range.offset, range.length),
      [&](const Side&, size_t i) {
        return file->random_access[i]->Prefetch(range.offset, range.length,
                                                IOOptions(), nullptr);
      });
  sides_->Call("invalidate " + file->name, [&](const Side&, size_t i) {
    file->random_access[i]->Hint(pattern);
    return file->random_access[i]->InvalidateCache(range.offset, range.length);
  });
  if (file->mapped) {
    return;
  }
  // Ours, asked through the default file system: the very same file.
  std::unique_ptr<FSRandomAccessFile> same;
  if (sides_->theirs()
          .system
          ->NewRandomAccessFile(sides_->ours().path(file->name), FileOptions(),
                                &same, nullptr)
          .ok() &&
      names_->Identity(file->name) == file->identity) {
    char ids[2][64];
    const size_t sizes[2] = {
        file->random_access[0]->GetUniqueId(ids[0], sizeof(ids[0])),
        same->GetUniqueId(ids[1], sizeof(ids[1]))};
    const Slice ours(ids[0], sizes[0]);
    const Slice default_one(ids[1], sizes[1]);
    sides_->Expect(ours == default_one, "unique id of " + file->name + ": " +
                                            ours.ToString(/*hex=*/true) +
                                            ", by the default file system " +
                                            default_one.ToString(true));
  }
  sides_->Expect(file->random_access[0]->use_direct_io() ==
                         file->random_access[1]->use_direct_io() &&
                     file->random_access[0]->GetRequiredBufferAlignment() >=
                         file->random_access[1]->GetRequiredBufferAlignment(),
                 "other attributes of " + file->name);
}

void ReadFiles::CallOnSequential(File* file) {
  const Range range = RandomRange(*file);
  const size_t length = std::min<size_t>(range.length, 65536);
  const Scratch scratch[2] = {Scratch(length), Scratch(length)};
  Slice result[2];
  if (!file->direct && dice_->OneIn(5)) {
    const uint64_t skip = dice_->Below(dice_->OneIn(5) ? 100000 : 3000);
    sides_->Call("skip " + std::to_string(skip) + " of " + file->name,
                 [&](const Side&, size_t i) {
                   return file->in_sequence[i]->Skip(skip);
                 });
    return;
  }
  if (dice_->OneIn(10)) {
    sides_->Call("invalidate " + file->name, [&](const Side&, size_t i) {
      return file->in_sequence[i]->InvalidateCache(range.offset, length);
    });
  }
  const std::string what = "read in sequence " + file->name + ", " +
                           Place(file->direct ? range.offset : 0, length);
  const IOStatus status = sides_->Call(what, [&](const Side&, size_t i) {
    FSSequentialFile* const one = file->in_sequence[i].get();
    return file->direct
               ? one->PositionedRead(range.offset, length, IOOptions(),
                                     &result[i], scratch[i].data(), nullptr)
               : one->Read(length, IOOptions(), &result[i], scratch[i].data(),
                           nullptr);
  });
  Compare(what, *file, status, scratch[0], result[0], result[1], length);
}

void ReadFiles::CloseReadersOf(uint64_t identity, bool grows) {
  if (identity == 0) {
    return;
  }
  CollectAll([identity](const PendingRead& read) {
    return read.identity() == identity;
  });
  const auto closed =
      std::remove_if(files_.begin(), files_.end(), [&](const File& file) {
        return file.identity == identity &&
               (file.immutable || (file.sequential && !grows));
      });
  files_.erase(closed, files_.end());
}

}  // namespace rocksdb_uring
