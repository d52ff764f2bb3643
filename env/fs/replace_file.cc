// Writes a temporary file with an unpredictable name, then renames it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/replace_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "env/base/file_descriptor.h"

namespace rocksdb_uring {

namespace {

// umask(2) can only be read by setting it, which other threads would see.
mode_t Umask() {
  constexpr mode_t kUsual = 022;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.compare(0, 6, "Umask:") == 0) {
      return static_cast<mode_t>(strtoul(line.c_str() + 6, nullptr, 8));
    }
  }
  return kUsual;
}

bool WriteAll(int fd, const std::string& content) {
  for (size_t done = 0; done < content.size();) {
    const ssize_t step = write(fd, &content[done], content.size() - done);
    if (step < 0 && errno != EINTR) {
      return false;
    }
    done += step > 0 ? static_cast<size_t>(step) : 0;
  }
  return true;
}

}  // namespace

bool ReplaceFile(const std::string& path, const std::string& content) {
  std::string temporary = path + ".XXXXXX";
  FileDescriptor fd(mkostemp(&temporary[0], O_CLOEXEC));
  if (!fd.valid()) {
    return false;
  }
  const bool written =
      WriteAll(fd.get(), content) && fchmod(fd.get(), 0666 & ~Umask()) == 0 &&
      fd.Close() == 0 && rename(temporary.c_str(), path.c_str()) == 0;
  if (!written) {
    unlink(temporary.c_str());
  }
  return written;
}

}  // namespace rocksdb_uring
