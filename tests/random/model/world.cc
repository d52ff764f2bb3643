// SPDX-License-Identifier: Apache-2.0

#include "tests/random/model/world.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

World::World(Side ours, Side theirs, uint64_t seed, bool direct,
             HandOver* hand_over)
    : sides_(std::move(ours), std::move(theirs)),
      dice_(seed),
      names_(&sides_, &dice_),
      written_(&sides_, &names_, &dice_, direct,
               [this](uint64_t identity, bool grows) {
                 read_.CloseReadersOf(identity, grows);
               }),
      read_(
          &sides_, &names_, &dice_, direct,
          [this](uint64_t identity) { Settle(identity); }, kShared, hand_over),
      name_calls_(
          &sides_, &names_, &dice_,
          [this](uint64_t identity) { Settle(identity); },
          [this](uint64_t identity) {
            written_.CloseWriterOf(identity);
            read_.CloseReadersOf(identity, /*grows=*/false);
          }) {
  for (size_t i = 0; i < 2; ++i) {
    std::filesystem::create_directories(sides_[i].path("sub"));
  }
}

const std::string& World::Step() {
  const uint64_t draw = dice_.Below(1000);
  if (draw < 420) {
    written_.Step();
  } else if (draw < 780) {
    read_.Step();
  } else if (draw < 850) {
    name_calls_.Ask();
  } else if (draw < 890) {
    name_calls_.Change();
  } else if (draw < 970) {
    name_calls_.ReadWrite();
  } else if (draw < 980) {
    name_calls_.Directory();
  } else if (draw < 990) {
    name_calls_.Map();
  } else if (draw < 995) {
    name_calls_.Log();
  } else {
    name_calls_.Lock();
  }
  return sides_.mistake();
}

void World::CompareFile(const std::string& name) {
  struct stat attributes[2] = {};
  bool there[2];
  for (size_t i = 0; i < 2; ++i) {
    const std::string path = sides_[i].path(name);
    // Blocks of what was not written out are not decided yet.
    const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    there[i] = fd.valid() && fdatasync(fd.get()) == 0 &&
               fstat(fd.get(), &attributes[i]) == 0;
  }
  sides_.Expect(there[0] == there[1], name + " is there on one side only");
  if (!there[0] || !there[1] || !S_ISREG(attributes[0].st_mode)) {
    return;
  }
  sides_.Expect(ReadWholeFile(sides_.ours().path(name)) ==
                    ReadWholeFile(sides_.theirs().path(name)),
                name + ": other contents in the end");
  const int64_t blocks = attributes[0].st_blocks - attributes[1].st_blocks;
  constexpr int64_t kSectorsMax = (256 << 10) / 512;
  sides_.Expect(blocks <= kSectorsMax && -blocks <= kSectorsMax,
                name + ": " + std::to_string(attributes[0].st_blocks) +
                    " sectors, the default's " +
                    std::to_string(attributes[1].st_blocks));
}

const std::string& World::Finish() {
  read_.CloseAll();
  written_.CloseAll();
  name_calls_.CloseAll();
  for (const std::string& name : Names::All()) {
    CompareFile(name);
  }
  return sides_.mistake();
}

}  // namespace rocksdb_uring
