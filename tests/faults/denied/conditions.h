// Every way in which io_uring can be refused, and what is to come of it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace rocksdb_uring {

// Where operations went.
enum class Served {
  kPosix,  // none through a ring
  kRing,   // through rings where they pay, and POSIX
  kBoth,   // POSIX where rings were refused or have failed
};

enum class Probed {
  kNot,     // the condition is one of the program alone, or comes later
  kRefuse,  // exit code 1, with the program's own reason and remedy
  kUsable,  // exit code 0
  kLimits,  // fewer rings than wanted, with the reason and the remedy
};

struct Condition {
  std::string name;
  // What denied_test_launch does before it runs a program.
  std::vector<std::string> steps;
  // What denied_test_child does under it.
  std::string scenario = "databases";
  Served served = Served::kPosix;
  // Parts of the texts in the statistics; none: they are empty at the end.
  std::string reason;
  std::string remedy;
  // They may be empty: a limit that is not met on every machine.
  bool reason_optional = false;
  // fallback=require fails with the same texts.
  bool require_fails = true;
  Probed probed = Probed::kRefuse;
  // Whether POSIX serves when all is done.
  bool active = true;
  std::string probe_path = ".";
  // What uring_probe answers for that path, by its key.
  std::vector<std::pair<std::string, std::string>> probe_says = {};
  // RWF_NOWAIT is refused: nothing is found in the page cache.
  bool no_nowait = false;
  // The undefined-behaviour sanitizer opens pipes to look at objects, and takes
  // it for a bad object if it gets none.
  bool no_descriptors = false;
};
void PrintTo(const Condition& condition, std::ostream* out);

// Those steps for another program under the same condition: with a user of its
// own again, as the kernel takes memory off a user's account late.
std::vector<std::string> StepsAgain(const std::vector<std::string>& steps);

// All but those of kernel.io_uring_disabled for real.
std::vector<Condition> AllConditions();
// By the value of kernel.io_uring_disabled, which is the machine's.
Condition OfSysctl(int value, std::vector<std::string> steps);

}  // namespace rocksdb_uring
