// SPDX-License-Identifier: Apache-2.0

#include "tests/support/file/child.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

extern char** environ;

namespace rocksdb_uring {

namespace {

std::vector<char*> Pointers(std::vector<std::string>* strings) {
  std::vector<char*> pointers;
  for (std::string& string : *strings) {
    pointers.push_back(string.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ChildResult RunChild(
    const std::vector<std::string>& argv,
    const std::vector<std::pair<std::string, std::string>>& environment) {
  // All memory is had before the fork: other threads may hold its locks.
  std::vector<std::string> arguments = argv;
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string name_is = std::string(*variable);
    if (std::none_of(environment.begin(), environment.end(),
                     [&](const auto& own) {
                       return name_is.rfind(own.first + "=", 0) == 0;
                     })) {
      variables.push_back(name_is);
    }
  }
  for (const auto& own : environment) {
    variables.push_back(own.first + "=" + own.second);
  }
  const std::vector<char*> argument_pointers = Pointers(&arguments);
  const std::vector<char*> variable_pointers = Pointers(&variables);
  ChildResult result;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return result;
  }
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    execve(argument_pointers[0], argument_pointers.data(),
           variable_pointers.data());
    _exit(127);
  }
  close(ends[1]);
  char buffer[4096];
  for (ssize_t size = 0; (size = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    result.output.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  int status = 0;
  if (child > 0 && waitpid(child, &status, 0) == child) {
    result.exit_code =
        WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return result;
}

}  // namespace rocksdb_uring
