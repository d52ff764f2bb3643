// SPDX-License-Identifier: Apache-2.0

#include "tests/support/file/writer_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/engine/test_counts.h"

extern char** environ;

namespace rocksdb_uring {

WriterProcess::WriterProcess(const std::vector<std::string>& argv,
                             const std::string& output) {
  std::vector<std::string> arguments = argv;
  std::vector<char*> pointers;
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  if (posix_spawn(&child_, pointers[0], &actions, nullptr, pointers.data(),
                  environ) != 0) {
    child_ = -1;
  }
  posix_spawn_file_actions_destroy(&actions);
}

WriterProcess::~WriterProcess() { Kill(); }

bool WriterProcess::running() {
  if (child_ > 0 && waitpid(child_, nullptr, WNOHANG) == child_) {
    child_ = -1;
  }
  return child_ > 0;
}

bool WriterProcess::Kill() {
  if (child_ <= 0) {
    return false;
  }
  int status = 0;
  kill(child_, SIGKILL);
  CountFaults();
  waitpid(child_, &status, 0);
  child_ = -1;
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

}  // namespace rocksdb_uring
