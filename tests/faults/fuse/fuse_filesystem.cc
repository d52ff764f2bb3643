// Starts and ends the server of a FuseFilesystem.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/fuse/fuse_filesystem.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>

#include "env/base/file_descriptor.h"
#include "tests/support/engine/private_mounts.h"

namespace rocksdb_uring {

namespace {

std::string Failure(const std::string& what) {
  return what + ": " + strerror(errno);
}

// All that arrives until the other side closes.
std::string ReadToEnd(int fd) {
  std::string text;
  char buffer[512];
  ssize_t size = 0;
  while ((size = read(fd, buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<size_t>(size));
  }
  return text;
}

}  // namespace

FuseFilesystem::FuseFilesystem() : why_not_(Mount()) {}

FuseFilesystem::~FuseFilesystem() {
  if (why_not_.empty()) {
    Unmount(mount_point_);
  }
  if (server_ > 0) {
    // The unmount ends the server, unless a file was left open.
    kill(server_, SIGKILL);
    waitpid(server_, nullptr, 0);
  }
  UnmapFuseControl(control_);
}

std::string FuseFilesystem::Mount() {
  if (!WhyNoPrivateMounts().empty()) {
    return WhyNoPrivateMounts();
  }
  if (access("/dev/fuse", R_OK | W_OK) != 0) {
    return Failure("/dev/fuse cannot be opened");
  }
  if (mkdir(backing_.c_str(), 0755) != 0 ||
      mkdir(mount_point_.c_str(), 0755) != 0) {
    return Failure(directory_.path());
  }
  control_ = CreateFuseControl(directory_.file("control"));
  if (control_ == nullptr) {
    return Failure(directory_.file("control"));
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return Failure("pipe");
  }
  const FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  const std::string why = StartServer(writer.get());
  if (!why.empty()) {
    return why;
  }
  writer.Close();
  const std::string report = ReadToEnd(reader.get());
  if (report == "mounted") {
    return std::string();
  }
  return report.empty() ? "the server has ended without a reason" : report;
}

std::string FuseFilesystem::StartServer(int report_fd) {
  std::string arguments[] = {FUSE_TEST_SERVER_PATH, backing_, mount_point_,
                             directory_.file("control"),
                             std::to_string(getpid())};
  char* argv[std::size(arguments) + 1] = {};
  for (size_t i = 0; i < std::size(arguments); ++i) {
    argv[i] = arguments[i].data();
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, report_fd, STDOUT_FILENO);
  pid_t pid = -1;
  errno = posix_spawn(&pid, argv[0], &actions, nullptr, argv, environ);
  const std::string why = errno == 0 ? std::string() : Failure(argv[0]);
  server_ = why.empty() ? pid : -1;
  posix_spawn_file_actions_destroy(&actions);
  return why;
}

const std::string& WhyNoFuse() {
  static const std::string why = FuseFilesystem().why_not();
  return why;
}

}  // namespace rocksdb_uring
