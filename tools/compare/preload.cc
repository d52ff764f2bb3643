// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/preload.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "tools/probe/program.h"

namespace rocksdb_uring {

namespace {

constexpr const char* kLibraryName = "librocksdb_uring";

std::string Variable(const char* name) {
  const char* value = secure_getenv(name);
  return value == nullptr ? "" : value;
}

// The first word that is no assignment: the program, unless the command is more
// than a simple one.
std::string ProgramOf(const std::string& shell_command) {
  std::istringstream words(shell_command);
  for (std::string word; words >> word;) {
    if (word.find('=') == std::string::npos) return word;
  }
  return "";
}

std::string FindInPath(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  std::istringstream path(Variable("PATH"));
  for (std::string directory; std::getline(path, directory, ':');) {
    const std::string file = directory + "/" + program;
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

}  // namespace

std::string PreloadWithoutPlugin() {
  std::istringstream stream(Variable("LD_PRELOAD"));
  std::string kept;
  for (std::string entry; stream >> entry;) {
    if (entry.find(kLibraryName) != std::string::npos) continue;
    kept += (kept.empty() ? "" : " ") + entry;
  }
  return kept;
}

void SetPreload(const std::string& plugin, Command* command) {
  const std::string kept = PreloadWithoutPlugin();
  const char* between = plugin.empty() || kept.empty() ? "" : " ";
  const std::string preload = plugin + between + kept;
  if (!preload.empty() || secure_getenv("LD_PRELOAD") != nullptr) {
    command->env.emplace_back("LD_PRELOAD", preload);
  }
}

bool IsPluginUri(const std::string& uri) {
  return uri.compare(0, 5, "uring") == 0 ||
         uri.find("id=uring") != std::string::npos;
}

std::string WithOptions(const std::string& uri, const std::string& options) {
  if (options.empty()) return uri;
  if (uri.find("id=") != std::string::npos) {
    std::string list = options;
    std::replace(list.begin(), list.end(), '&', ';');
    return uri + ";" + list;
  }
  if (uri.find('?') != std::string::npos) return uri + "&" + options;
  const bool bare = uri.find("://") == std::string::npos;
  return uri + (bare ? "://?" : "?") + options;
}

std::string OptionsOf(const std::string& uri) {
  const size_t question = uri.find('?');
  if (question == std::string::npos) {
    return uri.find("id=") == std::string::npos ? "" : uri;
  }
  std::string options = uri.substr(question + 1);
  std::replace(options.begin(), options.end(), '&', ';');
  return options;
}

std::string ExplainLoading(const Outcome& outcome) {
  if (outcome.err.find("symbol lookup error") != std::string::npos) {
    return "the plugin was built for another version of librocksdb\n  ";
  }
  std::istringstream lines(outcome.err);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("cannot be preloaded") == std::string::npos) continue;
    return "the plugin could not be preloaded: " + line + "\n  ";
  }
  return "";
}

std::string ExplainUnreached(const std::string& shell_command) {
  if (!Variable("ROCKSDB_URING").empty()) {
    return "ROCKSDB_URING=" + Variable("ROCKSDB_URING") +
           " is set: unset it, so that it does not switch the plugin off";
  }
  const std::string program = ProgramOf(shell_command);
  const std::string path = FindInPath(program);
  ProgramReport report;
  std::string ignored;
  if (path.empty() || !InspectProgram(path, &report, &ignored)) {
    return "ask uring_probe --program=FILE whether a preload reaches the "
           "program that the command starts";
  }
  if (report.reachable) {
    return "a preload does reach " + path +
           "'s RocksDB: the command opened no database, or chose another file "
           "system itself";
  }
  return "a preload does not reach a RocksDB in " + path + ": " + report.advice;
}

}  // namespace rocksdb_uring
