// SPDX-License-Identifier: Apache-2.0

#include "tests/random/model/names.h"

#include <sys/stat.h>

namespace rocksdb_uring {

const std::vector<std::string>& Names::All() {
  static const auto* names = new std::vector<std::string>{
      "000001.sst",      "000002.sst",      "000003.sst",    "000004.blob",
      "000005.blob",     "000006.log",      "000007.log",    "CURRENT",
      "MANIFEST-000008", "MANIFEST-000009", "OPTIONS-10",    "000011.dbtmp",
      "a file",          "sub/12.sst",      "sub/000013.log"};
  return *names;
}

std::string Names::Any() {
  if (dice_->OneIn(25)) {
    static const std::vector<std::string> odd = {
        "sub", "", "missing/000001.sst", "CURRENT/000001.sst",
        std::string(300, 'x')};
    return dice_->Pick(odd);
  }
  return dice_->Pick(All());
}

std::string Names::Existing() {
  std::vector<std::string> there;
  for (const std::string& name : All()) {
    if (Identity(name) != 0) {
      there.push_back(name);
    }
  }
  // Drawn in any case: what follows must not depend on it.
  const uint64_t draw = dice_->Below(1 << 20);
  return there.empty() ? std::string() : there[draw % there.size()];
}

uint64_t Names::Identity(const std::string& name) const {
  struct stat attributes = {};
  const bool there =
      stat(sides_->theirs().path(name).c_str(), &attributes) == 0 &&
      S_ISREG(attributes.st_mode);
  return there ? attributes.st_ino : 0;
}

uint64_t Names::Size(const std::string& name) const {
  struct stat attributes = {};
  return stat(sides_->theirs().path(name).c_str(), &attributes) == 0
             ? static_cast<uint64_t>(attributes.st_size)
             : 0;
}

}  // namespace rocksdb_uring
