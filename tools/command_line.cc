// What a command line says, and what is printed of the tool itself.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/command_line.h"

#include <gflags/gflags.h>

#include <cstdio>

#include "env/base/version.h"

namespace rocksdb_uring {

namespace {

bool FindFlag(const std::string& name, gflags::CommandLineFlagInfo* info) {
  if (!gflags::GetCommandLineFlagInfo(name.c_str(), info)) {
    return false;
  }
  const size_t slash = info->filename.rfind('/');
  const size_t base = slash == std::string::npos ? 0 : slash + 1;
  return info->filename.compare(base, 6, "gflags") != 0;
}

// "--noname" for a switch called name.
bool FindNegated(const std::string& name, gflags::CommandLineFlagInfo* info) {
  return name.compare(0, 2, "no") == 0 && FindFlag(name.substr(2), info) &&
         info->type == "bool";
}

bool SetFlag(const std::string& name, const std::string& type,
             const std::string& value, std::string* error) {
  if (gflags::SetCommandLineOption(name.c_str(), value.c_str()).empty()) {
    *error = "--" + name + ": '" + value + "' is not a value of type " + type;
    return false;
  }
  return true;
}

// Takes the flag argv[*i], and its value if that is an argument of its own.
bool TakeFlag(int argc, char** argv, int* i, std::string* error) {
  const std::string argument = argv[*i];
  const size_t start = argument.compare(0, 2, "--") == 0 ? 2 : 1;
  const size_t equals = argument.find('=');
  const std::string name = argument.substr(
      start, equals == std::string::npos ? equals : equals - start);
  gflags::CommandLineFlagInfo info;
  if (FindFlag(name, &info)) {
    if (equals != std::string::npos) {
      return SetFlag(name, info.type, argument.substr(equals + 1), error);
    }
    if (info.type == "bool") {
      return SetFlag(name, info.type, "true", error);
    }
    if (*i + 1 == argc) {
      *error = "--" + name + ": needs a value";
      return false;
    }
    return SetFlag(name, info.type, argv[++*i], error);
  }
  if (equals == std::string::npos && FindNegated(name, &info)) {
    return SetFlag(info.name, info.type, "false", error);
  }
  *error = "unknown flag " + argument.substr(0, equals);
  return false;
}

void PrintHelp(const Tool& tool) {
  printf("%s\n\nFlags:\n", tool.usage);
  std::vector<gflags::CommandLineFlagInfo> flags;
  gflags::GetAllFlags(&flags);
  for (const gflags::CommandLineFlagInfo& flag : flags) {
    if (flag.filename.find(tool.flags_file) == std::string::npos) {
      continue;
    }
    const std::string value =
        flag.default_value.empty() ? "\"\"" : flag.default_value;
    printf("  --%s=%s\n      %s\n", flag.name.c_str(), value.c_str(),
           flag.description.c_str());
  }
  printf("  --version\n      Print the version and exit.\n");
}

}  // namespace

bool ParseCommandLine(int argc, char** argv, CommandLine* out,
                      std::string* error) {
  bool flags_ended = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (flags_ended || argument.size() < 2 || argument[0] != '-') {
      out->arguments.push_back(argument);
    } else if (argument == "--") {
      flags_ended = true;
    } else if (argument == "--help" || argument == "-help" ||
               argument == "-h") {
      out->help = true;
    } else if (argument == "--version") {
      out->version = true;
    } else if (!TakeFlag(argc, argv, &i, error)) {
      return false;
    }
  }
  return true;
}

std::optional<int> BeginTool(const Tool& tool, int argc, char** argv,
                             CommandLine* out) {
  std::string error;
  if (!ParseCommandLine(argc, argv, out, &error)) {
    return Fail(tool, kExitUsage, error);
  }
  if (out->help) {
    PrintHelp(tool);
    return 0;
  }
  if (out->version) {
    printf("%s %s\n", tool.name, kVersion);
    return 0;
  }
  if (!tool.takes_arguments && !out->arguments.empty()) {
    return Fail(tool, kExitUsage,
                "unexpected argument '" + out->arguments.front() + "'");
  }
  return std::nullopt;
}

int Fail(const Tool& tool, int status, const std::string& error) {
  fprintf(stderr, "%s: %s%s\n", tool.name, error.c_str(),
          status == kExitUsage ? " (see --help)" : "");
  return status;
}

}  // namespace rocksdb_uring
