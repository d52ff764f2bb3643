// Runs a program to its end and tells what it printed and what it cost.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_CHILD_H_
#define ROCKSDB_URING_TOOLS_COMPARE_CHILD_H_

#include <string>
#include <utility>
#include <vector>

namespace rocksdb_uring {

struct Command {
  std::vector<std::string> argv;
  // Set in the child on top of this process's environment; an empty value
  // unsets the name.
  std::vector<std::pair<std::string, std::string>> env;
  // Makes io_uring_setup fail with EPERM in the child, as container runtimes
  // do.
  bool deny_io_uring = false;
  // The child is killed after this many seconds, so that a hang is a failure
  // and not a wait.
  unsigned limit_s = 600;
  // The child leads a process group of its own, all of which ends with it: a
  // shell that is killed at its time limit leaves no program behind.
  bool own_group = false;
};

struct Outcome {
  int exit_code = -1;  // meaningless when a signal ended the child
  int signal = 0;
  double cpu_s = 0;         // user and system time of all threads, from rusage
  double device_bytes = 0;  // read from block devices, from rusage
  double device_bytes_written = 0;
  std::string out;
  std::string err;

  bool ok() const { return signal == 0 && exit_code == 0; }
};

// Starts the command and waits for its end. Returns false with *error when it
// could not be started at all; a child that ran and failed is a true with
// !outcome->ok(). REQUIRES: the caller has no other threads (it forks).
bool RunCommand(const Command& command, Outcome* outcome, std::string* error);

// The command as one could paste it into a shell.
std::string ShellForm(const Command& command);

// Why a failed child failed: how it ended, its last lines and the command.
std::string DescribeFailure(const Command& command, const Outcome& outcome);

// True once SIGINT or SIGTERM has arrived. Long jobs look at it between two
// runs, so that temporary files are removed on the way out.
bool Interrupted();
void InstallInterruptHandler();

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_CHILD_H_
