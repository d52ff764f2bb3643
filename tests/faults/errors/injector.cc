// SPDX-License-Identifier: Apache-2.0

#include "tests/faults/errors/injector.h"

#include <fcntl.h>

#include <cerrno>

#include "env/file/file_kind.h"
#include "tests/support/engine/test_counts.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {

namespace {

// The path of an open file, even if it was unlinked; empty if unknown.
std::string PathOf(int fd) {
  std::string result = PathOfDescriptor(fd);
  const std::string deleted = " (deleted)";
  if (result.size() > deleted.size() &&
      result.compare(result.size() - deleted.size(), deleted.size(), deleted) ==
          0) {
    result.resize(result.size() - deleted.size());
  }
  return result;
}

FileKind KindOf(Target target) {
  switch (target) {
    case Target::kWal:
      return FileKind::kWal;
    case Target::kManifest:
      return FileKind::kManifest;
    case Target::kTable:
      return FileKind::kTable;
    case Target::kBlob:
      return FileKind::kBlob;
    case Target::kDirectory:
      break;
  }
  return FileKind::kOther;
}

bool IsOpenForWriting(int fd) {
  return (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
}

}  // namespace

Injector* Injector::Instance() {
  // Never destroyed, because files may outlive static objects.
  static auto* const injector = new Injector();
  return injector;
}

void Injector::Arm(const Fault& fault, const std::string& directory) {
  MutexLock lock(&mutex_);
  fault_ = fault;
  directory_ = directory;
  given_[0] = given_[1] = 0;
  armed_ = true;
}

void Injector::Disarm() {
  MutexLock lock(&mutex_);
  armed_ = false;
}

bool Injector::Strikes(int fd) const {
  const std::string path = PathOf(fd);
  if (fault_.target == Target::kDirectory) {
    return path == directory_;
  }
  return path.compare(0, directory_.size() + 1, directory_ + "/") == 0 &&
         ClassifyFile(path) == KindOf(fault_.target) &&
         (fault_.operation != Operation::kClose || IsOpenForWriting(fd));
}

int Injector::Take(Operation operation, int fd, Seam seam) {
  if (!armed_) {
    return 0;
  }
  const int before = errno;
  MutexLock lock(&mutex_);
  const bool strikes = armed_ && fault_.operation == operation &&
                       given_[0] + given_[1] < fault_.count && Strikes(fd);
  errno = before;
  if (!strikes) {
    return 0;
  }
  ++given_[static_cast<size_t>(seam)];
  CountFaults();
  return fault_.error;
}

void Injector::PutBack(Seam seam) {
  MutexLock lock(&mutex_);
  --given_[static_cast<size_t>(seam)];
}

uint32_t Injector::given(Seam seam) const {
  MutexLock lock(&mutex_);
  return given_[static_cast<size_t>(seam)];
}

}  // namespace rocksdb_uring
