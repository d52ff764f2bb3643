// Files read and written in place, maps, loggers and locks, for NameCalls.
//
// SPDX-License-Identifier: Apache-2.0
#include <cinttypes>
#include <cstring>
#include <sstream>
#include <utility>

#include "tests/random/model/name_calls.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

using rocksdb::FileLock;
using rocksdb::FileOptions;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Logger;
using rocksdb::MemoryMappedFileBuffer;
using rocksdb::Slice;

namespace {

// What the lines of a log say, without time and thread.
std::string MessagesOf(const std::string& path) {
  std::istringstream lines(ReadWholeFile(path));
  std::string messages;
  for (std::string line; std::getline(lines, line);) {
    // Deviation 8 of names.h.
    if (line.find("uring file system:") == std::string::npos) {
      const size_t first = line.find(' ');
      messages += line.substr(line.find(' ', first + 1)) + "\n";
    }
  }
  return messages;
}

}  // namespace

void NameCalls::OpenReadWrite() {
  ReadWriteFile file;
  file.name = dice_->OneIn(10) ? names_->Any() : names_->Existing();
  file.identity = names_->Identity(file.name);
  sides_->Call(
      "open to read and write " + file.name, [&](const Side& side, size_t i) {
        return side.system->NewRandomRWFile(side.path(file.name), FileOptions(),
                                            &file.file[i], nullptr);
      });
  if (file.file[0] != nullptr && file.file[1] != nullptr) {
    read_write_.push_back(std::move(file));
  }
}

void NameCalls::ReadWrite() {
  if (read_write_.empty() || (read_write_.size() < 3 && dice_->OneIn(12))) {
    OpenReadWrite();
    return;
  }
  const size_t index = dice_->Below(read_write_.size());
  ReadWriteFile* const file = &read_write_[index];
  const uint64_t offset = dice_->Below(names_->Size(file->name) + 9000);
  const size_t length = dice_->Below(dice_->OneIn(6) ? 60000 : 600);
  const uint64_t draw = dice_->Below(40);
  const IOOptions options;
  if (draw < 18) {
    ReadInPlace(file, offset, length);
  } else if (draw < 36) {
    WriteInPlace(file, offset, length);
  } else {
    sides_->Call("read-write " + file->name + ": call " + std::to_string(draw),
                 [&](const Side&, size_t i) {
                   auto* const one = file->file[i].get();
                   return draw == 36   ? one->Sync(options, nullptr)
                          : draw == 37 ? one->Fsync(options, nullptr)
                          : draw == 38 ? one->Flush(options, nullptr)
                                       : one->Close(options, nullptr);
                 });
    if (draw == 39) {
      read_write_.erase(read_write_.begin() + static_cast<ptrdiff_t>(index));
    }
  }
}

void NameCalls::ReadInPlace(ReadWriteFile* file, uint64_t offset,
                            size_t length) {
  settle_(file->identity);
  const Scratch scratch[2] = {Scratch(length), Scratch(length)};
  Slice result[2];
  const std::string what = "read-write " + file->name + ": read at " +
                           std::to_string(offset) + "+" +
                           std::to_string(length);
  const IOStatus status = sides_->Call(what, [&](const Side&, size_t i) {
    return file->file[i]->Read(offset, length, IOOptions(), &result[i],
                               scratch[i].data(), nullptr);
  });
  const auto holds =
      scratch[0].Holds(result[0], result[1].ToString(), 0, length,
                       /*exact=*/false);
  sides_->Expect(!status.ok() || (holds && result[0] == result[1]),
                 what + ": " + holds.message());
}

void NameCalls::WriteInPlace(ReadWriteFile* file, uint64_t offset,
                             size_t length) {
  disturb_(file->identity);
  const std::string data = RandomBytes(length, dice_->Below(1000));
  sides_->Call("read-write " + file->name + ": write at " +
                   std::to_string(offset) + "+" + std::to_string(length),
               [&](const Side&, size_t i) {
                 std::string copy = data;
                 const IOStatus status =
                     file->file[i]->Write(offset, copy, IOOptions(), nullptr);
                 copy.assign(length, '#');
                 return status;
               });
}

void NameCalls::Map() {
  const std::string name = names_->Existing();
  const uint64_t seed = dice_->Below(1000);
  disturb_(names_->Identity(name));
  std::unique_ptr<MemoryMappedFileBuffer> map[2];
  sides_->Call("map " + name, [&](const Side& side, size_t i) {
    return side.system->NewMemoryMappedFileBuffer(side.path(name), &map[i]);
  });
  if (map[0] == nullptr || map[1] == nullptr) {
    return;
  }
  const size_t length = map[0]->GetLen();
  sides_->Expect(length == map[1]->GetLen() &&
                     memcmp(map[0]->GetBase(), map[1]->GetBase(), length) == 0,
                 "map " + name + ": other contents");
  if (length > 0 && sides_->mistake().empty()) {
    const size_t at = seed * 4099 % length;
    for (const auto& one : map) {
      static_cast<char*>(one->GetBase())[at] = static_cast<char>(seed);
    }
  }
}

void NameCalls::Log() {
  const uint64_t lines = dice_->Below(20);
  const IOOptions options;
  sides_->Call(
      "log " + std::to_string(lines) + " lines", [&](const Side& side, size_t) {
        std::shared_ptr<Logger> logger;
        IOStatus status =
            side.system->NewLogger(side.path("LOG"), options, &logger, nullptr);
        if (!status.ok()) {
          return status;
        }
        for (uint64_t line = 0; line < lines; ++line) {
          rocksdb::Log(rocksdb::InfoLogLevel::ERROR_LEVEL, logger,
                       "line %" PRIu64, line);
        }
        logger->Flush();
        return rocksdb::status_to_io_status(logger->Close());
      });
  sides_->Expect(MessagesOf(sides_->ours().path("LOG")) ==
                     MessagesOf(sides_->theirs().path("LOG")),
                 "another log");
  sides_->Call("delete LOG", [&](const Side& side, size_t) {
    return side.system->DeleteFile(side.path("LOG"), options, nullptr);
  });
}

void NameCalls::Lock() {
  const IOOptions options;
  FileLock* lock[2] = {nullptr, nullptr};
  const auto take = [&](FileLock** locks) {
    return [&, locks](const Side& side, size_t i) {
      return side.system->LockFile(side.path("LOCK"), options, &locks[i],
                                   nullptr);
    };
  };
  sides_->Call("lock", take(lock));
  if (lock[0] == nullptr || lock[1] == nullptr) {
    return;
  }
  FileLock* second[2] = {nullptr, nullptr};
  // The text has the time and the thread of the first.
  sides_->Call("lock again", take(second), Compare::kCode);
  sides_->Call("unlock", [&](const Side& side, size_t i) {
    return side.system->UnlockFile(lock[i], options, nullptr);
  });
  sides_->Call("delete LOCK", [&](const Side& side, size_t) {
    return side.system->DeleteFile(side.path("LOCK"), options, nullptr);
  });
}

}  // namespace rocksdb_uring
