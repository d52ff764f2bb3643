// From options to files and intervals.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/reports.h"

#include <chrono>
#include <system_error>
#include <utility>
#include <vector>

#include "env/base/debug_log.h"
#include "env/engine/fork_generation.h"

namespace rocksdb_uring {

bool Reports::AreWanted(const FileSystemOptions& options) {
  return !options.stats_file.empty() || !options.prometheus_file.empty() ||
         options.stats_log_interval_s > 0;
}

Reports::Reports(const FileSystemOptions& options, const Sources& sources)
    : generation_(ForkGeneration::AtBirth()) {
  std::vector<Ticker::Task> tasks;
  const auto add = [&tasks](uint32_t interval_s, std::function<void()> task) {
    if (interval_s > 0) {
      tasks.push_back({std::chrono::seconds(interval_s), std::move(task)});
    }
  };
  if (!options.stats_file.empty()) {
    json_ = std::make_unique<StatsFile>(options.stats_file, sources.json);
    add(options.stats_interval_s, [this] { json_->Write(); });
  }
  if (!options.prometheus_file.empty()) {
    prometheus_ = std::make_unique<StatsFile>(options.prometheus_file,
                                              sources.prometheus);
    add(options.stats_interval_s, [this] { prometheus_->Write(); });
  }
  add(options.stats_log_interval_s, sources.log);
  if (tasks.empty()) {
    return;
  }
  try {
    ticker_ = std::make_unique<Ticker>(std::move(tasks));
  } catch (const std::system_error& error) {
    DebugLog("no thread for reports: %s", error.what());
  }
}

Reports::~Reports() {
  if (generation_ != ForkGeneration::Now()) {
    (void)ticker_.release();
  }
}

}  // namespace rocksdb_uring
