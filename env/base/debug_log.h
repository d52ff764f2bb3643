// The debug log: what the engine decides and what fails, line by line, in the
// file that the environment variable ROCKSDB_URING_LOG names.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rocksdb_uring {

// Whether there is a log; callers that must prepare what they log ask first.
bool DebugLogEnabled();

// Switches the log of the process on or off while it runs; on at the start.
void SwitchDebugLog(bool on);

// Appends a line with time, process and thread. Costs one load where there is
// no log. Safe for concurrent use, and in a forked child.
void DebugLog(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Positive errno if the variable names a file that cannot be opened, else 0.
int DebugLogError();

}  // namespace rocksdb_uring
