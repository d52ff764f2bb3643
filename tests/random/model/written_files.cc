// SPDX-License-Identifier: Apache-2.0

#include "tests/random/model/written_files.h"

#include <algorithm>
#include <cstring>

#include "tests/support/file/file_pair.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

using rocksdb::DataVerificationInfo;
using rocksdb::FileOptions;
using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

constexpr size_t kFilesMax = 5;
constexpr uint64_t kFileBytesMax = 3 << 20;
constexpr size_t kWriteBytesMax = 1400 << 10;

// Random bytes that writes take theirs from.
const std::string& Pool() {
  static const auto* pool = new std::string(RandomBytes(4 << 20, 77));
  return *pool;
}

std::string Number(uint64_t value) { return std::to_string(value); }

}  // namespace

WrittenFiles::WrittenFiles(Sides* sides, Names* names, Dice* dice, bool direct,
                           BeforeChange before_change)
    : sides_(sides),
      names_(names),
      dice_(dice),
      direct_(direct),
      before_change_(std::move(before_change)),
      buffer_(RoundUp(kWriteBytesMax, kBlock), kBlock) {}

void WrittenFiles::Step() {
  const bool open =
      files_.empty() || (files_.size() < kFilesMax && dice_->OneIn(12));
  if (open) {
    Open();
  } else {
    CallOn(dice_->Below(files_.size()));
  }
}

IOStatus WrittenFiles::OpenPair(File* file, const FileOptions& options,
                                uint64_t manner, const std::string& old_name) {
  static const char* const kManners[] = {"reopen ", "reuse as ", "open "};
  const std::string what = kManners[manner] + file->name +
                           (options.use_direct_writes ? ", direct" : "") +
                           (manner == 1 ? ", from " + old_name : "");
  return sides_->Call(what, [&](const Side& side, size_t i) {
    const std::string path = side.path(file->name);
    auto* const system = side.system;
    switch (manner) {
      case 0:
        return system->ReopenWritableFile(path, options, &file->file[i],
                                          nullptr);
      case 1:
        return system->ReuseWritableFile(path, side.path(old_name), options,
                                         &file->file[i], nullptr);
      default:
        return system->NewWritableFile(path, options, &file->file[i], nullptr);
    }
  });
}

void WrittenFiles::Open() {
  File file;
  file.name = names_->Any();
  const uint64_t manner = std::min<uint64_t>(dice_->Below(5), 2);
  const std::string old_name = names_->Existing();
  FileOptions options;
  options.use_direct_writes = direct_ && dice_->OneIn(2);
  options.strict_bytes_per_sync = dice_->OneIn(2);
  options.allow_fallocate = !dice_->OneIn(4);
  options.fallocate_with_keep_size = dice_->OneIn(2);
  options.handoff_checksum_type = rocksdb::ChecksumType::kCRC32c;
  const size_t preallocation =
      dice_->OneIn(2) ? 0 : size_t{4096} << dice_->Below(9);
  file.way = dice_->OneIn(2) ? Way::kAppend : Way::kPositioned;
  for (const std::string& name : {file.name, old_name}) {
    CloseWriterOf(names_->Identity(name));
    before_change_(names_->Identity(name), /*grows=*/false);
  }
  const bool was_there = names_->Identity(file.name) != 0;
  OpenPair(&file, options, manner, old_name);
  sides_->Expect((file.file[0] == nullptr) == (file.file[1] == nullptr),
                 "only one side has a file");
  if (file.file[0] == nullptr || file.file[1] == nullptr) {
    return;
  }
  file.identity = names_->Identity(file.name);
  file.direct = options.use_direct_writes;
  // Allocated with the size, the zeros behind what is written are there.
  file.grows = manner != 1 && file.way != Way::kPositioned &&
               (options.fallocate_with_keep_size || preallocation == 0);
  if (manner == 0) {
    file.way = Way::kAppendBehindTheEnd;
    file.size = was_there ? names_->Size(file.name) : 0;
    file.not_counted_by_theirs = kDefaultCountsReopenedFromZero ? file.size : 0;
  }
  for (const auto& one : file.file) {
    one->SetPreallocationBlockSize(manner == 0 ? 0 : preallocation);
  }
  files_.push_back(std::move(file));
}

void WrittenFiles::CallOn(size_t index) {
  File* const file = &files_[index];
  const uint64_t draw = dice_->Below(100);
  if (file->size > kFileBytesMax || draw >= 95) {
    End(index);
  } else if (draw < 60) {
    Write(file);
  } else if (draw < 80) {
    Synchronize(file);
  } else if (draw < 86) {
    Cut(index);
  } else {
    Attributes(file);
  }
}

size_t WrittenFiles::RandomSize(const File& file) {
  size_t size = dice_->Below(3000);
  if (dice_->OneIn(60)) {
    size = dice_->Below(kWriteBytesMax);
  } else if (dice_->OneIn(8)) {
    size = dice_->Below(70000);
  }
  return file.direct ? RoundUp(size, kBlock) : size;
}

void WrittenFiles::Write(File* file) {
  const size_t size = RandomSize(*file);
  uint64_t back = dice_->OneIn(2) ? 0 : dice_->Below(9000);
  // Direct writes cannot go on behind a size that is no whole block.
  if (file->direct && !IsAligned(file->size, kBlock)) {
    if (file->way != Way::kPositioned) {
      return;
    }
    back = file->size % kBlock;
  } else if (file->direct) {
    back = RoundUp(back, kBlock);
  }
  const bool prepared = dice_->OneIn(2);
  Announce(*file, file->grows && !(prepared && file->direct));
  if (prepared) {
    sides_->Note("prepare the next write to " + file->name);
    for (const auto& one : file->file) {
      one->PrepareWrite(file->size, size, IOOptions(), nullptr);
    }
  }
  const bool positioned = file->way == Way::kPositioned;
  WriteOnce(file,
            positioned ? file->size - std::min(back, file->size) : file->size,
            size);
}

void WrittenFiles::WriteOnce(File* file, uint64_t offset, size_t size) {
  const std::string data =
      Pool().substr(dice_->Below(Pool().size() - kWriteBytesMax), size);
  const bool handed_over = dice_->OneIn(2);
  const std::string checksum =
      handed_over ? HandedOverCrc32c(data) : std::string();
  DataVerificationInfo verification;
  verification.checksum = checksum;
  const bool positioned = file->way == Way::kPositioned;
  Do(file,
     (positioned ? "write at " + Number(offset) : std::string("append")) +
         ", " + Number(size) + " bytes" +
         (handed_over ? ", with checksum" : ""),
     [&](FSWritableFile* one) {
       memcpy(buffer_.data(), data.data(), size);
       const Slice slice(buffer_.data(), size);
       IOStatus status;
       if (positioned) {
         status =
             handed_over
                 ? one->PositionedAppend(slice, offset, IOOptions(),
                                         verification, nullptr)
                 : one->PositionedAppend(slice, offset, IOOptions(), nullptr);
       } else {
         status = handed_over
                      ? one->Append(slice, IOOptions(), verification, nullptr)
                      : one->Append(slice, IOOptions(), nullptr);
       }
       memset(buffer_.data(), '#', size);
       return status;
     });
  file->size = offset + size;
  if (positioned) {
    file->not_counted_by_theirs = 0;
  }
}

void WrittenFiles::Synchronize(File* file) {
  const uint64_t offset = dice_->Below(file->size + 1);
  const uint64_t length = dice_->Below(file->size + 10000);
  const uint64_t draw = dice_->Below(40);
  if (draw < 20) {
    Do(file, "flush",
       [](FSWritableFile* one) { return one->Flush(IOOptions(), nullptr); });
  } else if (draw < 30) {
    Do(file, "sync the range " + Number(offset) + "+" + Number(length),
       [&](FSWritableFile* one) {
         return one->RangeSync(offset, length, IOOptions(), nullptr);
       });
  } else if (draw < 31) {
    Do(file, "sync",
       [](FSWritableFile* one) { return one->Sync(IOOptions(), nullptr); });
  } else if (draw < 32) {
    Do(file, "fsync",
       [](FSWritableFile* one) { return one->Fsync(IOOptions(), nullptr); });
  } else {
    Do(file, "invalidate " + Number(offset) + "+" + Number(length),
       [&](FSWritableFile* one) {
         return one->InvalidateCache(offset, length);
       });
  }
}

void WrittenFiles::Cut(size_t index) {
  File* const file = &files_[index];
  if (dice_->OneIn(2)) {
    // Deviation 3: a reopened file is not made longer this way.
    if (file->way == Way::kAppendBehindTheEnd) {
      return;
    }
    const uint64_t offset = dice_->Below(file->size + 5000);
    const uint64_t length = 1 + dice_->Below(100000);
    Announce(*file, /*grows=*/false);
    Do(file, "allocate " + Number(offset) + "+" + Number(length),
       [&](FSWritableFile* one) {
         return one->Allocate(offset, length, IOOptions(), nullptr);
       });
    return;
  }
  uint64_t size = dice_->Below(file->size + 5000);
  if (file->direct && dice_->OneIn(2)) {
    size = RoundUp(size, kBlock);
  }
  Announce(*file, /*grows=*/false);
  Do(file, "truncate to " + Number(size), [&](FSWritableFile* one) {
    return one->Truncate(size, IOOptions(), nullptr);
  });
  file->size = size;
  file->not_counted_by_theirs = 0;
  if (file->way == Way::kAppend) {
    End(index);
  }
}

void WrittenFiles::Attributes(File* file) {
  ExpectSizes(file);
  const auto hint = static_cast<rocksdb::Env::WriteLifeTimeHint>(
      dice_->Below(rocksdb::Env::WLTH_EXTREME + 1));
  const auto priority =
      dice_->OneIn(2) ? rocksdb::Env::IO_LOW : rocksdb::Env::IO_HIGH;
  size_t block_size[2];
  size_t last_block[2];
  size_t id_size[2];
  for (size_t i = 0; i < 2; ++i) {
    FSWritableFile* const one = file->file[i].get();
    one->SetWriteLifeTimeHint(hint);
    one->SetIOPriority(priority);
    one->GetPreallocationStatus(&block_size[i], &last_block[i]);
    char id[64];
    id_size[i] = one->GetUniqueId(id, sizeof(id));
    sides_->Expect(one->GetIOPriority() == priority, "another priority");
  }
  const auto& ours = *file->file[0];
  const auto& theirs = *file->file[1];
  sides_->Expect(block_size[0] == block_size[1] &&
                     last_block[0] == last_block[1] &&
                     (id_size[0] == 0) == (id_size[1] == 0) &&
                     ours.use_direct_io() == theirs.use_direct_io() &&
                     ours.GetRequiredBufferAlignment() >=
                         theirs.GetRequiredBufferAlignment(),
                 "other attributes of " + file->name);
}

void WrittenFiles::ExpectSizes(File* file) {
  const uint64_t ours = file->file[0]->GetFileSize(IOOptions(), nullptr);
  const uint64_t theirs = file->file[1]->GetFileSize(IOOptions(), nullptr);
  sides_->Expect(
      ours == file->size && theirs + file->not_counted_by_theirs == ours,
      file->name + " counts " + Number(ours) + " bytes, the default's " +
          Number(theirs) + ", " + Number(file->size) + " were written");
}

IOStatus WrittenFiles::Do(File* file, const std::string& what, const Call& call,
                          Compare compare) {
  return sides_->Call(
      file->name + ": " + what,
      [&](const Side&, size_t i) { return call(file->file[i].get()); },
      compare);
}

void WrittenFiles::End(size_t index) {
  File file = std::move(files_[index]);
  files_.erase(files_.begin() + static_cast<ptrdiff_t>(index));
  ExpectSizes(&file);
  Announce(file, /*grows=*/false);
  if (dice_->OneIn(4)) {
    sides_->Note(file.name + ": destroyed without close");
    return;
  }
  Do(&file, "close",
     [](FSWritableFile* one) { return one->Close(IOOptions(), nullptr); });
  if (dice_->OneIn(4)) {
    CallAfterClose(&file);
  }
}

void WrittenFiles::CallAfterClose(File* file) {
  const Slice data(buffer_.data(), kBlock);
  uint64_t draw = dice_->Below(6);
  if (file->direct && !IsAligned(file->size, kBlock)) {
    // No place for a direct append.
    draw = std::max<uint64_t>(draw, 1);
  }
  Do(
      file, "call " + Number(draw) + " after close",
      [&](FSWritableFile* one) {
        switch (draw) {
          case 0:
            return one->Append(data, IOOptions(), nullptr);
          case 1:
            return one->PositionedAppend(data, 0, IOOptions(), nullptr);
          case 2:
            return one->Sync(IOOptions(), nullptr);
          case 3:
            return one->Fsync(IOOptions(), nullptr);
          case 4:
            return one->Truncate(kBlock, IOOptions(), nullptr);
          default:
            return one->Flush(IOOptions(), nullptr);
        }
      },
      Compare::kCode);
}

void WrittenFiles::Settle(uint64_t identity) {
  for (File& file : files_) {
    if (identity != 0 && file.identity == identity) {
      Do(&file, "settle", [&](FSWritableFile* one) {
        return file.direct ? one->Truncate(file.size, IOOptions(), nullptr)
                           : one->InvalidateCache(0, 1);
      });
      if (file.direct) {
        file.not_counted_by_theirs = 0;
      }
    }
  }
}

void WrittenFiles::CloseWriterOf(uint64_t identity) {
  for (size_t i = files_.size(); i-- > 0;) {
    if (identity != 0 && files_[i].identity == identity) {
      End(i);
    }
  }
}

void WrittenFiles::CloseAll() {
  while (!files_.empty()) {
    End(files_.size() - 1);
  }
}

}  // namespace rocksdb_uring
