// Follows the statistics files of running programs and shows rates, latencies
// and what is in flight.
//
//   top/find_files  which files
//   top/reading     one file as it was at a moment
//   top/screen      as text
//
// SPDX-License-Identifier: Apache-2.0
#include <gflags/gflags.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/command_line.h"
#include "tools/top/find_files.h"
#include "tools/top/reading.h"
#include "tools/top/screen.h"

DEFINE_double(interval, 1, "Seconds between two looks.");
DEFINE_bool(once, false, "Print one reading after one interval, and exit.");

namespace rocksdb_uring {
namespace {

constexpr int kExitShown = 0;
constexpr int kExitNothing = 1;

constexpr const char* kUsage =
    "uring_top [flags] [FILE|DIRECTORY|PATTERN]...\n"
    "Shows what rocksdb-uring does in running programs, from the files that "
    "they\n"
    "write with the option stats_file. Without arguments: the files that "
    "processes\n"
    "name in ROCKSDB_URING_OPTIONS. Rates are those between the last two "
    "writes of\n"
    "a file: set stats_interval_s=1 to see the last second.\n"
    "Exit status: 0, 1 with --once and no file that could be read, 2 bad "
    "usage.";

// Clears the terminal and goes to its first line.
constexpr const char* kClear = "\033[H\033[2J\033[3J";

constexpr Tool kTool = {"uring_top", kUsage, "uring_top.cc",
                        /*takes_arguments=*/true};

int BadUsage(const std::string& error) {
  return Fail(kTool, kExitUsage, error);
}

// The last two different states of each file.
class Readings {
 public:
  explicit Readings(std::vector<std::string> arguments)
      : arguments_(std::move(arguments)) {}

  // Reads all files again; what cannot be read becomes a complaint.
  void Look() {
    complaints_.clear();
    files_ =
        arguments_.empty() ? FilesOfProcesses("/proc") : FilesOf(arguments_);
    for (const std::string& file : files_) {
      Reading reading;
      std::string error;
      if (ReadStatistics(file, &reading, &error)) {
        Note(reading);
      } else {
        states_.erase(file);
        complaints_ += error + "\n";
      }
    }
  }

  bool empty() const { return Shown().empty(); }

  std::string Text() const {
    std::string text;
    for (const State* state : Shown()) {
      text += FormatReading(state->now,
                            state->has_before ? &state->before : nullptr,
                            ProgramOf(state->now.pid)) +
              "\n";
    }
    return text + complaints_ + (files_.empty() ? WhyNone() : "");
  }

 private:
  struct State {
    Reading now;
    Reading before;
    bool has_before = false;
  };

  void Note(const Reading& reading) {
    const auto found = states_.find(reading.file);
    if (found == states_.end()) {
      states_[reading.file].now = reading;
      return;
    }
    State* const state = &found->second;
    if (reading.pid != state->now.pid ||
        reading.uptime_ms != state->now.uptime_ms) {
      state->before = state->now;
      state->has_before = true;
    }
    state->now = reading;
  }

  std::vector<const State*> Shown() const {
    std::vector<const State*> shown;
    for (const std::string& file : files_) {
      const auto found = states_.find(file);
      if (found != states_.end()) {
        shown.push_back(&found->second);
      }
    }
    return shown;
  }

  std::string WhyNone() const {
    if (!arguments_.empty()) {
      return "no statistics file in " + arguments_[0] + "\n";
    }
    return "no running process names a statistics file in "
           "ROCKSDB_URING_OPTIONS, as far as this user may look; pass the "
           "files, or start the program with "
           "ROCKSDB_URING_OPTIONS=\"stats_file=/tmp/uring-%p.json;"
           "stats_interval_s=1\"\n";
  }

  const std::vector<std::string> arguments_;
  std::vector<std::string> files_;
  std::map<std::string, State> states_;
  std::string complaints_;
};

void Sleep(double seconds) {
  const auto ns = static_cast<int64_t>(seconds * 1e9);
  const timespec pause = {static_cast<time_t>(ns / 1000000000),
                          static_cast<long>(ns % 1000000000)};
  nanosleep(&pause, nullptr);
}

int ShowOnce(Readings* readings) {
  readings->Look();
  Sleep(FLAGS_interval);
  readings->Look();
  fputs(readings->Text().c_str(), readings->empty() ? stderr : stdout);
  return readings->empty() ? kExitNothing : kExitShown;
}

// Until the user ends it, or nobody reads the output any more.
int Follow(Readings* readings) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  do {
    readings->Look();
    const std::string text = (terminal ? kClear : "") + readings->Text();
    fputs(text.c_str(), stdout);
    Sleep(fflush(stdout) == 0 ? FLAGS_interval : 0);
  } while (ferror(stdout) == 0);
  return kExitShown;
}

int Main(int argc, char** argv) {
  CommandLine line;
  if (const std::optional<int> status = BeginTool(kTool, argc, argv, &line)) {
    return *status;
  }
  if (!(FLAGS_interval > 0 && FLAGS_interval <= 86400)) {
    return BadUsage(
        "--interval: write a number of seconds above 0, at most "
        "86400");
  }
  Readings readings(line.arguments);
  return FLAGS_once ? ShowOnce(&readings) : Follow(&readings);
}

}  // namespace
}  // namespace rocksdb_uring

int main(int argc, char** argv) { return rocksdb_uring::Main(argc, argv); }
