// The reports that a file system makes by itself: files and lines in the log.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "env/fs/options.h"
#include "env/fs/stats_file.h"
#include "env/fs/ticker.h"

namespace rocksdb_uring {

// Writes those that the options name, at their intervals, by one thread; files
// a last time on destruction and at exit.
class Reports {
 public:
  struct Sources {
    std::function<std::string()> json;
    std::function<std::string()> prometheus;
    std::function<void()> log;
  };

  // Whether the options name any.
  static bool AreWanted(const FileSystemOptions& options);

  // The sources are called by any thread, until the destructor returns. Without
  // a thread (the process may have no more of them) only the files are written,
  // at the end.
  Reports(const FileSystemOptions& options, const Sources& sources);
  // In a forked child the thread does not exist, and the files are the
  // parent's.
  ~Reports();
  Reports(const Reports&) = delete;
  Reports& operator=(const Reports&) = delete;

 private:
  const uint32_t generation_;
  std::unique_ptr<StatsFile> json_;
  std::unique_ptr<StatsFile> prometheus_;
  // Last: it stops before the files go.
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace rocksdb_uring
