// Reads the statistics file that the plugin leaves, which proves that a run
// went through it.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_PLUGIN_STATS_H_
#define ROCKSDB_URING_TOOLS_COMPARE_PLUGIN_STATS_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace rocksdb_uring {

struct PluginStats {
  int64_t opens = 0;
  std::string fallback_reason;  // empty when io_uring is in use
  std::string fallback_remedy;
  // Operations by path ("ring", "posix", "page_cache", "read_ahead"), for each
  // kind ("read", ...).
  std::map<std::string, std::map<std::string, int64_t>> counts;
  nlohmann::json raw;
};

// Returns false with *error when the file is missing, is not the plugin's, or
// counts no opened file: then the plugin was not entered.
bool LoadPluginStats(const std::string& path, PluginStats* stats,
                     std::string* error);

// Adds another process's counts. `sum->raw` becomes that of the process with
// the most opened files.
void AddStats(const PluginStats& stats, PluginStats* sum);

// "ring 97% page_cache 3%": how the operations of all kinds were served; shares
// below 0.5 % are left out. Where tables were written behind: ", tables 100%
// ring, 97% together", the shares of their bytes that went through rings, and
// beside another write of the same file.
std::string DescribePaths(const PluginStats& stats);

// Why io_uring was not used, and the remedy. Empty when it was.
std::string DescribeFallback(const PluginStats& stats);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_PLUGIN_STATS_H_
