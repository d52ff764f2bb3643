// Reports what this machine, container, user and file system allow the plugin
// to do; if something is refused, why, and what to change. Creates no file.
//
//   probe/kernel       kernel, limits, rings that can be had
//   probe/storage      file system and device of a path
//   probe/path_trials  reads of an existing file: direct, NOWAIT, ring
//   probe/program      whether a preload reaches a program's RocksDB
//   probe/diagnosis    all of it, and the verdict
//   probe/report       as text and as JSON
//
// SPDX-License-Identifier: Apache-2.0
#include <gflags/gflags.h>

#include <cstdio>
#include <optional>
#include <string>

#include "tools/command_line.h"
#include "tools/probe/diagnosis.h"
#include "tools/probe/path_trials.h"
#include "tools/probe/program.h"

DEFINE_bool(json, false, "Print JSON instead of text.");
DEFINE_string(program, "",
              "Report instead whether LD_PRELOAD reaches the RocksDB of this "
              "program, such as /usr/bin/db_bench.");

namespace rocksdb_uring {
namespace {

constexpr int kExitUsable = 0;
constexpr int kExitPosixOnly = 1;

constexpr const char* kUsage =
    "uring_probe [--json] [PATH], or uring_probe [--json] --program=FILE\n"
    "Reports whether rocksdb-uring can use io_uring on this machine, and on "
    "the\n"
    "file system of PATH (a file or directory; default: the current "
    "directory);\n"
    "if not, the reason and what to change. Creates no file.\n"
    "Exit status: 0 usable, 1 POSIX only, 2 bad usage. With --program: 0 a\n"
    "preload reaches the program's RocksDB, 1 it does not, 2 bad usage.";

constexpr Tool kTool = {"uring_probe", kUsage, "uring_probe.cc",
                        /*takes_arguments=*/true};

int BadUsage(const std::string& error) {
  return Fail(kTool, kExitUsage, error);
}

int ReportProgram() {
  ProgramReport report;
  std::string error;
  if (!InspectProgram(FLAGS_program, &report, &error)) {
    return BadUsage("--program: '" + FLAGS_program + "': " + error);
  }
  fputs((FLAGS_json ? FormatJson(report) : FormatText(report)).c_str(), stdout);
  return report.reachable ? kExitUsable : kExitPosixOnly;
}

int Main(int argc, char** argv) {
  CommandLine line;
  std::string error;
  if (const std::optional<int> status = BeginTool(kTool, argc, argv, &line)) {
    return *status;
  }
  if (line.arguments.size() > 1) {
    return BadUsage("more than one path: '" + line.arguments[0] + "' and '" +
                    line.arguments[1] + "'");
  }
  if (!FLAGS_program.empty()) {
    return line.arguments.empty()
               ? ReportProgram()
               : BadUsage("--program and a path exclude each other");
  }
  const std::string path = line.arguments.empty() ? "." : line.arguments[0];
  switch (ClassifyPath(path, &error)) {
    case PathKind::kMissing:
      return BadUsage("'" + path + "': " + error);
    case PathKind::kOther:
      return BadUsage("'" + path + "' is neither a file nor a directory");
    case PathKind::kFile:
    case PathKind::kDirectory:
      break;
  }
  const Diagnosis diagnosis = Diagnose(path);
  const std::string report =
      FLAGS_json ? FormatJson(diagnosis) : FormatText(diagnosis);
  fputs(report.c_str(), stdout);
  return diagnosis.usable ? kExitUsable : kExitPosixOnly;
}

}  // namespace
}  // namespace rocksdb_uring

int main(int argc, char** argv) { return rocksdb_uring::Main(argc, argv); }
