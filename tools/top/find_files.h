// Which statistics files to show.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace rocksdb_uring {

// The files that the arguments name: a file itself, all *.json of a directory,
// what a pattern with *, ? or [ matches now. Each once, in order.
std::vector<std::string> FilesOf(const std::vector<std::string>& arguments);

// The statistics file that the options name; empty if they name none. `%p` is
// replaced by `pid`.
std::string StatsFileOf(const std::string& options, const std::string& pid);

// Existing files that running processes name in ROCKSDB_URING_OPTIONS, as far
// as this user may look at the processes. `proc` is /proc, but in tests.
std::vector<std::string> FilesOfProcesses(const std::string& proc);

}  // namespace rocksdb_uring
