// Reads a tool's command line through gflags, without gflags' habit of ending
// the process with status 1 at the first mistake: the tools promise status 2
// and one line that says what is wrong.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

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

// Prints usage and the flags that are defined in source files whose name
// contains `file`.
void PrintHelp(const std::string& usage, const std::string& file);

// Prints the name of the tool and the version of rocksdb-uring.
void PrintVersion(const std::string& tool);

}  // namespace rocksdb_uring
