// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/tools/tool_program.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace rocksdb_uring {

namespace {

// In the child, between fork and exec.
bool DenyCall(long call, int error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K,
               SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

[[noreturn]] void Execute(const ToolProgram& program, const std::string& out,
                          const std::string& err) {
  constexpr int kExitNotRun = 99;
  std::vector<char*> argv;
  for (const std::string& argument : program.argv) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  for (const auto& variable : program.environment) {
    setenv(variable.first.c_str(), variable.second.c_str(), 1);
  }
  const bool ready =
      freopen(out.c_str(), "w", stdout) != nullptr &&
      freopen(err.c_str(), "w", stderr) != nullptr &&
      (program.deny_setup_errno == 0 ||
       DenyCall(__NR_io_uring_setup, program.deny_setup_errno)) &&
      (program.deny_enter_errno == 0 ||
       DenyCall(__NR_io_uring_enter, program.deny_enter_errno));
  if (ready) {
    execv(argv[0], argv.data());
  }
  _exit(kExitNotRun);
}

}  // namespace

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

ToolsTest::ToolsTest() {
  std::filesystem::create_directory(empty());
  unsetenv("ROCKSDB_URING");
  unsetenv("ROCKSDB_URING_OPTIONS");
}

void ToolsTest::WriteFile(const std::string& name, const std::string& text) {
  std::ofstream(path(name)) << text;
}

std::string ToolsTest::MakeFile(const std::string& name, size_t bytes) {
  WriteFile(name, std::string(bytes, 'x'));
  return path(name);
}

ToolOutcome ToolsTest::Run(const ToolProgram& program) {
  const std::string out = path("stdout");
  const std::string err = path("stderr");
  const pid_t child = fork();
  if (child == 0) {
    Execute(program, out, err);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  ToolOutcome outcome;
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.out = ReadAll(out);
  outcome.err = ReadAll(err);
  return outcome;
}

}  // namespace rocksdb_uring
