// Arguments, directories, patterns, and the environments of processes.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/top/find_files.h"

#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace rocksdb_uring {

namespace {

namespace fs = std::filesystem;

std::vector<std::string> JsonFilesIn(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator i(directory, error), end; !error && i != end;
       i.increment(error)) {
    if (i->path().extension() == ".json") {
      files.push_back(i->path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> Matches(const std::string& pattern) {
  std::vector<std::string> files;
  glob_t found = {};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  return files;
}

std::vector<std::string> FilesOf(const std::string& argument) {
  std::error_code ignored;
  if (fs::is_directory(argument, ignored)) {
    return JsonFilesIn(argument);
  }
  const bool pattern = argument.find_first_of("*?[") != std::string::npos &&
                       !fs::exists(argument, ignored);
  return pattern ? Matches(argument) : std::vector<std::string>{argument};
}

// The value of a variable in /proc/PID/environ; empty if it is not there.
std::string VariableOf(const std::string& environ, const std::string& name) {
  std::ifstream file(environ, std::ios::binary);
  const std::string begin = name + "=";
  for (std::string entry; std::getline(file, entry, '\0');) {
    if (entry.compare(0, begin.size(), begin) == 0) {
      return entry.substr(begin.size());
    }
  }
  return "";
}

bool IsNumber(const std::string& name) {
  return !name.empty() &&
         name.find_first_not_of("0123456789") == std::string::npos;
}

void AddOnce(const std::string& file, std::vector<std::string>* files) {
  if (std::find(files->begin(), files->end(), file) == files->end()) {
    files->push_back(file);
  }
}

}  // namespace

std::vector<std::string> FilesOf(const std::vector<std::string>& arguments) {
  std::vector<std::string> files;
  for (const std::string& argument : arguments) {
    for (const std::string& file : FilesOf(argument)) {
      AddOnce(file, &files);
    }
  }
  return files;
}

std::string StatsFileOf(const std::string& options, const std::string& pid) {
  const std::string name = "stats_file=";
  std::string file;
  for (size_t at = 0; at < options.size();) {
    // `;` between options, `&` and `?` in a URI.
    const size_t end =
        std::min(options.find_first_of(";&?", at), options.size());
    if (options.compare(at, name.size(), name) == 0) {
      file = options.substr(at + name.size(), end - at - name.size());
    }
    at = end + 1;
  }
  for (size_t at = file.find("%p"); at != std::string::npos;
       at = file.find("%p", at + pid.size())) {
    file.replace(at, 2, pid);
  }
  return file;
}

std::vector<std::string> FilesOfProcesses(const std::string& proc) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator i(proc, error), end; !error && i != end;
       i.increment(error)) {
    const std::string pid = i->path().filename().string();
    if (!IsNumber(pid)) {
      continue;
    }
    const std::string file = StatsFileOf(
        VariableOf(proc + "/" + pid + "/environ", "ROCKSDB_URING_OPTIONS"),
        pid);
    if (file.empty()) {
      continue;
    }
    // A relative path begins where the process started, which is its current
    // directory unless it has changed that.
    std::error_code ignored;
    const fs::path whole =
        file[0] == '/'
            ? fs::path(file)
            : fs::read_symlink(proc + "/" + pid + "/cwd", ignored) / file;
    if (fs::exists(whole, ignored)) {
      AddOnce(whole.string(), &files);
    }
  }
  return files;
}

}  // namespace rocksdb_uring
