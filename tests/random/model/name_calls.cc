// SPDX-License-Identifier: Apache-2.0

#include "tests/random/model/name_calls.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace rocksdb_uring {

using rocksdb::DirFsyncOptions;
using rocksdb::FileAttributes;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

NameCalls::NameCalls(Sides* sides, Names* names, Dice* dice,
                     std::function<void(uint64_t identity)> settle,
                     std::function<void(uint64_t identity)> disturb)
    : sides_(sides),
      names_(names),
      dice_(dice),
      settle_(std::move(settle)),
      disturb_(std::move(disturb)) {}

void NameCalls::Ask() {
  const std::string name = names_->Any();
  settle_(names_->Identity(name));
  if (dice_->OneIn(3)) {
    AskAboutDirectory(dice_->OneIn(3) ? name : dice_->OneIn(2) ? "" : "sub");
  } else {
    AskAboutFile(name);
  }
}

void NameCalls::AskAboutFile(const std::string& name) {
  const IOOptions options;
  const std::string other = names_->Any();
  uint64_t number[2] = {0, 0};
  bool answer[2] = {false, false};
  const uint64_t draw = dice_->Below(6);
  sides_->Call(
      "ask " + std::to_string(draw) + " about " + name,
      [&](const Side& side, size_t i) {
        const std::string path = side.path(name);
        switch (draw) {
          case 0:
            return side.system->FileExists(path, options, nullptr);
          case 1:
            return side.system->GetFileSize(path, options, &number[i], nullptr);
          case 2: {
            uint64_t time = 0;
            const IOStatus status = side.system->GetFileModificationTime(
                path, options, &time, nullptr);
            struct stat attributes = {};
            answer[i] = status.ok() && stat(path.c_str(), &attributes) == 0 &&
                        time == static_cast<uint64_t>(attributes.st_mtime);
            return status;
          }
          case 3:
            return side.system->NumFileLinks(path, options, &number[i],
                                             nullptr);
          case 4:
            return side.system->AreFilesSame(path, side.path(other), options,
                                             &answer[i], nullptr);
          default:
            return side.system->IsDirectory(path, options, &answer[i], nullptr);
        }
      });
  // A directory's own size and links are the filesystem's business.
  const bool counts = name != "sub" && !name.empty();
  sides_->Expect(
      answer[0] == answer[1] && (!counts || number[0] == number[1]),
      "ask " + std::to_string(draw) + " about " + name + ": other answers");
}

void NameCalls::AskAboutDirectory(const std::string& name) {
  const IOOptions options;
  std::vector<std::string> children[2];
  const uint64_t draw = dice_->Below(5);
  sides_->Call(
      "ask " + std::to_string(draw) + " about the directory " + name,
      [&](const Side& side, size_t i) {
        const std::string path = side.path(name);
        switch (draw) {
          case 0:
            return side.system->GetChildren(path, options, &children[i],
                                            nullptr);
          case 1: {
            std::vector<FileAttributes> attributes;
            const IOStatus status = side.system->GetChildrenFileAttributes(
                path, options, &attributes, nullptr);
            for (const FileAttributes& one : attributes) {
              children[i].push_back(one.name);
            }
            return status;
          }
          case 2: {
            uint64_t bytes = 0;
            return side.system->GetFreeSpace(path, options, &bytes, nullptr);
          }
          case 3: {
            std::string absolute;
            const IOStatus status =
                side.system->GetAbsolutePath(path, options, &absolute, nullptr);
            sides_->Expect(absolute == path, "another absolute path");
            return status;
          }
          default: {
            std::string directory;
            return side.system->GetTestDirectory(options, &directory, nullptr);
          }
        }
      });
  for (auto& side : children) {
    std::sort(side.begin(), side.end());
  }
  sides_->Expect(children[0] == children[1], "other children of " + name);
}

void NameCalls::Change() {
  if (dice_->OneIn(8)) {
    ChangeDirectory();
    return;
  }
  const IOOptions options;
  const std::string name = dice_->OneIn(5) ? names_->Any() : names_->Existing();
  const std::string other = names_->Any();
  const uint64_t draw = dice_->Below(4);
  const size_t size = dice_->Below(names_->Size(name) + 20000);
  disturb_(names_->Identity(name));
  disturb_(names_->Identity(other));
  static const char* const kWhat[] = {"rename ", "link ", "delete ",
                                      "truncate "};
  sides_->Call(kWhat[draw] + name + ", " + other + ", " + std::to_string(size),
               [&](const Side& side, size_t) {
                 const std::string path = side.path(name);
                 switch (draw) {
                   case 0:
                     return side.system->RenameFile(path, side.path(other),
                                                    options, nullptr);
                   case 1:
                     return side.system->LinkFile(path, side.path(other),
                                                  options, nullptr);
                   case 2:
                     return side.system->DeleteFile(path, options, nullptr);
                   default:
                     return side.system->Truncate(path, size, options, nullptr);
                 }
               });
}

void NameCalls::ChangeDirectory() {
  const IOOptions options;
  static const std::vector<std::string> names = {"new", "sub", "CURRENT",
                                                 "missing/new"};
  const std::string name = dice_->Pick(names);
  const uint64_t draw = dice_->Below(3);
  static const char* const kWhat[] = {"create ", "create if missing ",
                                      "delete "};
  sides_->Call(std::string(kWhat[draw]) + "the directory " + name,
               [&](const Side& side, size_t) {
                 const std::string path = side.path(name);
                 switch (draw) {
                   case 0:
                     return side.system->CreateDir(path, options, nullptr);
                   case 1:
                     return side.system->CreateDirIfMissing(path, options,
                                                            nullptr);
                   default:
                     return side.system->DeleteDir(path, options, nullptr);
                 }
               });
  // Files are put there.
  for (size_t i = 0; i < 2; ++i) {
    (void)(*sides_)[i].system->CreateDirIfMissing((*sides_)[i].path("sub"),
                                                  options, nullptr);
  }
}

void NameCalls::Directory() {
  const IOOptions options;
  const uint64_t draw = dice_->Below(8);
  const std::string name = dice_->OneIn(4) ? names_->Any() : "sub";
  const std::string renamed = names_->Existing();
  if (directories_.empty() || (directories_.size() < 3 && draw < 3)) {
    Directories pair;
    sides_->Call("open the directory " + name, [&](const Side& side, size_t i) {
      return side.system->NewDirectory(side.path(name), options,
                                       &pair.directory[i], nullptr);
    });
    if (pair.directory[0] != nullptr && pair.directory[1] != nullptr) {
      directories_.push_back(std::move(pair));
    }
    return;
  }
  Directories& pair = directories_.back();
  const DirFsyncOptions reasons[] = {
      DirFsyncOptions(renamed),
      DirFsyncOptions(DirFsyncOptions::kNewFileSynced),
      DirFsyncOptions(DirFsyncOptions::kFileDeleted), DirFsyncOptions()};
  const DirFsyncOptions& reason = reasons[dice_->Below(4)];
  sides_->Call("call " + std::to_string(draw) + " on a directory",
               [&](const Side&, size_t i) {
                 if (draw < 4) {
                   return pair.directory[i]->Close(options, nullptr);
                 }
                 return draw < 5 ? pair.directory[i]->Fsync(options, nullptr)
                                 : pair.directory[i]->FsyncWithDirOptions(
                                       options, nullptr, reason);
               });
  if (draw < 4) {
    directories_.pop_back();
  }
}

void NameCalls::CloseAll() {
  directories_.clear();
  read_write_.clear();
}

}  // namespace rocksdb_uring
