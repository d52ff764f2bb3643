// SPDX-License-Identifier: Apache-2.0

#include "tools/probe/program.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "env/base/file_descriptor.h"

namespace rocksdb_uring {

namespace {

// The name of a statistic that every RocksDB since 2014 holds, stripped or not.
constexpr char kMarker[] = "rocksdb.number.superversion_acquires";

// A file's bytes, mapped.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat attributes = {};
    if (fd_.get() < 0 || fstat(fd_.get(), &attributes) != 0) {
      error_ = strerror(errno);
    } else if (S_ISREG(attributes.st_mode) && attributes.st_size > 0) {
      size_ = static_cast<size_t>(attributes.st_size);
      data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd_.get(), 0);
    }
  }
  ~MappedFile() {
    if (data_ != MAP_FAILED) {
      munmap(data_, size_);
    }
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Empty if the file could be opened.
  const std::string& error() const { return error_; }
  bool Contains(const char* text) const {
    return data_ != MAP_FAILED &&
           memmem(data_, size_, text, strlen(text)) != nullptr;
  }
  // `size` bytes at `offset`, or null if there are fewer.
  const char* At(size_t offset, size_t size) const {
    return data_ != MAP_FAILED && offset <= size_ && size <= size_ - offset
               ? static_cast<const char*>(data_) + offset
               : nullptr;
  }

 private:
  FileDescriptor fd_;
  std::string error_;
  void* data_ = MAP_FAILED;
  size_t size_ = 0;
};

bool IsElf(const MappedFile& file) {
  const char* const start = file.At(0, sizeof(ElfW(Ehdr)));
  return start != nullptr && memcmp(start, ELFMAG, SELFMAG) == 0 &&
         start[EI_CLASS] == (sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32);
}

// The dynamic linker that the program asks for; empty if it is static.
// REQUIRES: IsElf.
std::string Interpreter(const MappedFile& file) {
  ElfW(Ehdr) header;
  memcpy(&header, file.At(0, sizeof(header)), sizeof(header));
  for (size_t i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) segment;
    const char* const bytes =
        file.At(header.e_phoff + i * sizeof(segment), sizeof(segment));
    if (bytes == nullptr) {
      break;
    }
    memcpy(&segment, bytes, sizeof(segment));
    const char* const name = file.At(segment.p_offset, segment.p_filesz);
    if (segment.p_type == PT_INTERP && name != nullptr) {
      return std::string(name, strnlen(name, segment.p_filesz));
    }
  }
  return "";
}

// What `command` prints; its complaints are dropped.
std::string OutputOf(const std::vector<const char*>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return "";
  }
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    // The question is what the program has by itself.
    unsetenv("LD_PRELOAD");
    execv(command[0], const_cast<char**>(command.data()));
    _exit(127);
  }
  close(ends[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t size = 0; (size = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    output.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child ? output : "";
}

// The files of the libraries that the dynamic linker would load.
std::vector<std::string> LibrariesOf(const std::string& interpreter,
                                     const std::string& path) {
  std::istringstream lines(
      OutputOf({interpreter.c_str(), "--list", path.c_str(), nullptr}));
  std::vector<std::string> files;
  for (std::string line; std::getline(lines, line);) {
    // "  libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f...)"
    const size_t slash = line.find('/');
    const size_t end = line.rfind(" (0x");
    if (slash != std::string::npos && end != std::string::npos && slash < end) {
      files.push_back(line.substr(slash, end - slash));
    }
  }
  return files;
}

std::string BaseName(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

void Judge(RocksDbPlace place, const std::string& holder,
           ProgramReport* report) {
  report->place = place;
  report->holder = holder;
  switch (place) {
    case RocksDbPlace::kShared:
      report->reachable = true;
      report->advice =
          "LD_PRELOAD=librocksdb_uring_preload.so, or "
          "LD_PRELOAD=librocksdb_uring.so with uring:// as file system URI";
      break;
    case RocksDbPlace::kOtherVersion:
      report->advice = "build the plugin for " + BaseName(holder) +
                       "; this one is for " ROCKSDB_URING_HOST_SONAME;
      break;
    case RocksDbPlace::kInside:
      report->advice =
          "a preload cannot reach a statically linked RocksDB: build that "
          "RocksDB with the plugin";
      break;
    case RocksDbPlace::kNone:
      report->advice =
          "no action, unless the program loads " ROCKSDB_URING_HOST_SONAME
          " later: then LD_PRELOAD=librocksdb_uring_preload.so";
      break;
  }
}

const char* PlaceName(RocksDbPlace place) {
  switch (place) {
    case RocksDbPlace::kShared:
      return "shared";
    case RocksDbPlace::kOtherVersion:
      return "other version";
    case RocksDbPlace::kInside:
      return "inside";
    case RocksDbPlace::kNone:
      return "none";
  }
  return "";
}

}  // namespace

bool InspectProgram(const std::string& path, ProgramReport* report,
                    std::string* error) {
  const MappedFile program(path);
  if (!program.error().empty()) {
    *error = program.error();
    return false;
  }
  if (!IsElf(program)) {
    *error =
        "not a program of this machine (for a script, give its "
        "interpreter)";
    return false;
  }
  report->path = path;
  // A RocksDB inside the program overrides one in its libraries.
  if (program.Contains(kMarker)) {
    Judge(RocksDbPlace::kInside, path, report);
    return true;
  }
  Judge(RocksDbPlace::kNone, "", report);
  const std::string interpreter = Interpreter(program);
  if (interpreter.empty()) {
    return true;
  }
  for (const std::string& library : LibrariesOf(interpreter, path)) {
    if (BaseName(library) == ROCKSDB_URING_HOST_SONAME) {
      Judge(RocksDbPlace::kShared, library, report);
      return true;
    }
    if (BaseName(library).rfind("librocksdb.so", 0) == 0) {
      Judge(RocksDbPlace::kOtherVersion, library, report);
    } else if (report->place == RocksDbPlace::kNone &&
               MappedFile(library).Contains(kMarker)) {
      Judge(RocksDbPlace::kInside, library, report);
    }
  }
  return true;
}

std::string FormatText(const ProgramReport& report) {
  std::string text = std::string("verdict        ") +
                     (report.reachable ? "a preload reaches it"
                                       : "a preload does not reach it") +
                     "\nprogram        " + report.path + "\nRocksDB        ";
  text += report.place == RocksDbPlace::kNone ? "none" : report.holder;
  return text + "\nadvice         " + report.advice + "\n";
}

std::string FormatJson(const ProgramReport& report) {
  const nlohmann::ordered_json json = {{"reachable", report.reachable},
                                       {"program", report.path},
                                       {"rocksdb", PlaceName(report.place)},
                                       {"holder", report.holder},
                                       {"advice", report.advice}};
  return json.dump(2, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace rocksdb_uring
