// Reads a tool's command line through gflags, without gflags' habit of ending
// the process with status 1 at the first mistake: the tools promise status 2
// and one line that says what is wrong.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace rocksdb_uring {

struct CommandLine {
  bool help = false;
  bool version = false;
  // What is not a flag, in order.
  std::vector<std::string> arguments;
};

// Takes --name=value, --name value, --name and --noname (the last two for
// switches); "--" ends the flags. gflags' own flags (--flagfile, ...) are
// unknown, except --help and --version. Returns false and sets `*error` at the
// first mistake.
bool ParseCommandLine(int argc, char** argv, CommandLine* out,
                      std::string* error);

// What every tool exits with after a command line that it cannot take.
constexpr int kExitUsage = 2;

struct Tool {
  const char* name;
  // The first lines of --help.
  const char* usage;
  // Its flags are defined in source files whose name contains this.
  const char* flags_file;
  // Whether it takes anything but flags.
  bool takes_arguments;
};

// Reads the command line. If that is all there is to do, because of --help,
// --version or a mistake, it has printed that and returns the exit status.
std::optional<int> BeginTool(const Tool& tool, int argc, char** argv,
                             CommandLine* out);

// Prints the error behind the name of the tool, with a hint at --help if it is
// one of usage; returns `status`.
int Fail(const Tool& tool, int status, const std::string& error);

}  // namespace rocksdb_uring
