// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/machine.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "tools/compare/child.h"

namespace rocksdb_uring {

namespace {

constexpr const char* kUnknown = "unknown";

std::string Kernel() {
  utsname names;
  if (uname(&names) != 0) return kUnknown;
  return std::string(names.release) + " " + names.machine;
}

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.compare(0, 10, "model name") == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return kUnknown;
}

std::string Memory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return kUnknown;
  return std::to_string(static_cast<long long>(pages) * page >> 20) + " MiB";
}

// Lines of mountinfo: id parent major:minor root mount-point options ... - type
// source options
std::string Filesystem(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return kUnknown;
  const std::string device = std::to_string(major(info.st_dev)) + ":" +
                             std::to_string(minor(info.st_dev));
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string id, parent, number, type, source;
    fields >> id >> parent >> number;
    const size_t dash = line.find(" - ");
    if (number != device || dash == std::string::npos) continue;
    std::istringstream tail(line.substr(dash + 3));
    tail >> type >> source;
    return type + " on " + source;
  }
  return kUnknown;
}

std::string Load() {
  double load = 0;
  if (getloadavg(&load, 1) != 1) return kUnknown;
  std::ostringstream text;
  text.precision(2);
  text << std::fixed << load;
  return text.str();
}

std::string Commit() {
  Command command;
  command.argv = {"git",      "-C",       ExecutableDirectory(),
                  "describe", "--always", "--dirty"};
  Outcome outcome;
  std::string ignored;  // no git, or no repository: unknown
  if (!RunCommand(command, &outcome, &ignored) || !outcome.ok())
    return kUnknown;
  return outcome.out.substr(0, outcome.out.find('\n'));
}

}  // namespace

Machine DescribeMachine(const std::string& path) {
  Machine machine;
  machine.kernel = Kernel();
  machine.cpu =
      std::to_string(sysconf(_SC_NPROCESSORS_ONLN)) + " x " + CpuModel();
  machine.memory = Memory();
  machine.filesystem = Filesystem(path);
  machine.load = Load();
  machine.commit = Commit();
  return machine;
}

// The first line of /proc/stat: cpu user nice system idle iowait irq softirq
// steal guest ...
double MachineCpuSeconds() {
  std::ifstream file("/proc/stat");
  std::string label;
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0,
         softirq = 0, steal = 0;
  file >> label >> user >> nice >> system >> idle >> iowait >> irq >> softirq >>
      steal;
  const double ticks = user + nice + system + irq + softirq + steal;
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string ExecutableDirectory() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

}  // namespace rocksdb_uring
