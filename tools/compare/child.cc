// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <sstream>

namespace rocksdb_uring {

namespace {

constexpr size_t kLinesShown = 12;
constexpr int kExecFailed = 127;

volatile sig_atomic_t interrupted = 0;

void OnInterrupt(int) { interrupted = 1; }

struct FileCloser {
  void operator()(FILE* file) const { fclose(file); }
};
using TemporaryFile = std::unique_ptr<FILE, FileCloser>;

std::string ReadAll(FILE* file) {
  std::string text;
  char buffer[1 << 16];
  rewind(file);
  while (size_t n = fread(buffer, 1, sizeof(buffer), file)) {
    text.append(buffer, n);
  }
  return text;
}

bool NamesVariable(const std::string& entry, const std::string& name) {
  return entry.compare(0, name.size() + 1, name + "=") == 0;
}

std::vector<std::string> MergedEnvironment(const Command& command) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool overridden = false;
    for (const auto& [name, value] : command.env) {
      overridden = overridden || NamesVariable(*entry, name);
    }
    if (!overridden) merged.emplace_back(*entry);
  }
  for (const auto& [name, value] : command.env) {
    if (!value.empty()) merged.push_back(name + "=" + value);
  }
  return merged;
}

std::vector<char*> Pointers(std::vector<std::string>* strings) {
  std::vector<char*> pointers;
  for (std::string& s : *strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

bool DenyIoUring() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// What happens in the child between fork and exec; never returns.
[[noreturn]] void BecomeCommand(const Command& command, char** argv,
                                char** envp, int out_fd, int err_fd) {
  if (command.own_group) setpgid(0, 0);
  const int null_fd = open("/dev/null", O_RDONLY);
  dup2(null_fd, STDIN_FILENO);
  dup2(out_fd, STDOUT_FILENO);
  dup2(err_fd, STDERR_FILENO);
  // A pending alarm survives exec: the kernel keeps the time limit, even if we
  // die first.
  alarm(command.limit_s);
  if (!command.deny_io_uring || DenyIoUring()) execvpe(argv[0], argv, envp);
  dprintf(STDERR_FILENO, "cannot start %s: %s\n", argv[0], strerror(errno));
  _exit(kExecFailed);
}

// A terminal's Ctrl-C does not reach a group of its own: pass it on.
void EndGroup(const Command& command, pid_t pid) {
  if (command.own_group) kill(-pid, SIGKILL);
}

bool WaitForEnd(const Command& command, pid_t pid, Outcome* outcome,
                std::string* error) {
  int status = 0;
  rusage usage = {};
  while (wait4(pid, &status, 0, &usage) < 0) {
    if (errno == EINTR) {
      if (interrupted != 0) EndGroup(command, pid);
      continue;
    }
    *error = std::string("wait4: ") + strerror(errno);
    return false;
  }
  EndGroup(command, pid);
  outcome->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  outcome->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) / 1e6;
  };
  outcome->cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  // In units of 512 bytes; what is read ahead, or by a ring, is counted too.
  outcome->device_bytes = static_cast<double>(usage.ru_inblock) * 512;
  outcome->device_bytes_written = static_cast<double>(usage.ru_oublock) * 512;
  return true;
}

std::string Quoted(const std::string& word) {
  const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=./,:+%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
    return word;
  }
  std::string quoted = "'";
  for (char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

// The last lines that carry a message. db_bench overwrites its progress with
// carriage returns, so a "line" can be hundreds of them: only what stands after
// the last one counts.
std::string LastLines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    line = line.substr(line.find_last_of('\r') + 1);
    if (line.find_first_not_of(' ') == std::string::npos) continue;
    if (line.compare(0, 12, "... finished") == 0) continue;
    lines.push_back(line);
  }
  const size_t skip =
      lines.size() > kLinesShown ? lines.size() - kLinesShown : 0;
  std::string last;
  for (size_t i = skip; i < lines.size(); ++i) last += "    " + lines[i] + "\n";
  return last;
}

std::string HowItEnded(const Command& command, const Outcome& outcome) {
  if (outcome.signal == SIGALRM) {
    return "was killed after " + std::to_string(command.limit_s) + " s";
  }
  if (outcome.signal != 0) {
    return "was ended by signal " + std::to_string(outcome.signal) + " (" +
           strsignal(outcome.signal) + ")";
  }
  return "exited with status " + std::to_string(outcome.exit_code);
}

}  // namespace

bool RunCommand(const Command& command, Outcome* outcome, std::string* error) {
  // Files, not pipes: the parent need not drain them while the child runs.
  TemporaryFile out(std::tmpfile());
  TemporaryFile err(std::tmpfile());
  if (out == nullptr || err == nullptr) {
    *error = std::string("temporary file: ") + strerror(errno);
    return false;
  }
  std::vector<std::string> argv = command.argv;
  std::vector<std::string> env = MergedEnvironment(command);
  const std::vector<char*> argv_pointers = Pointers(&argv);
  const std::vector<char*> env_pointers = Pointers(&env);
  const pid_t pid = fork();
  if (pid < 0) {
    *error = std::string("fork: ") + strerror(errno);
    return false;
  }
  if (pid == 0) {
    BecomeCommand(command, const_cast<char**>(argv_pointers.data()),
                  const_cast<char**>(env_pointers.data()), fileno(out.get()),
                  fileno(err.get()));
  }
  // In both processes, since either may come first.
  if (command.own_group) setpgid(pid, pid);
  if (!WaitForEnd(command, pid, outcome, error)) return false;
  outcome->out = ReadAll(out.get());
  outcome->err = ReadAll(err.get());
  return true;
}

std::string ShellForm(const Command& command) {
  std::string form;
  for (const auto& [name, value] : command.env) {
    form += name + "=" + Quoted(value) + " ";
  }
  for (const std::string& word : command.argv) form += Quoted(word) + " ";
  if (!form.empty()) form.pop_back();
  return form;
}

std::string DescribeFailure(const Command& command, const Outcome& outcome) {
  std::string text = command.argv[0] + " " + HowItEnded(command, outcome);
  if (command.deny_io_uring) text += " (io_uring was denied to it)";
  // An assertion's or loader's message is on stderr, a refused flag's on
  // either.
  std::string lines = LastLines(outcome.err);
  if (lines.empty()) lines = LastLines(outcome.out);
  if (!lines.empty()) text += "\n  its last lines:\n" + lines;
  return text + (lines.empty() ? "\n" : "") +
         "  command: " + ShellForm(command);
}

bool Interrupted() { return interrupted != 0; }

void InstallInterruptHandler() {
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace rocksdb_uring
