// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/plugin_stats.h"

#include <algorithm>
#include <fstream>
#include <utility>
#include <vector>

namespace rocksdb_uring {

namespace {

using nlohmann::json;

std::string TextAt(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

int64_t NumberAt(const json& object, const char* key) {
  if (!object.is_object()) return 0;
  const auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<int64_t>() : 0;
}

void LoadCounts(const json& ops, PluginStats* stats) {
  for (const auto& [kind, paths] : ops.items()) {
    if (!paths.is_object()) continue;
    for (const auto& [path, figures] : paths.items()) {
      const int64_t count = NumberAt(figures, "count");
      if (count > 0) stats->counts[kind][path] = count;
    }
  }
}

std::string Percent(int64_t part, int64_t whole) {
  return std::to_string(static_cast<int>(100.0 * static_cast<double>(part) /
                                             static_cast<double>(whole) +
                                         0.5)) +
         "%";
}

std::string DescribeTables(const json& raw) {
  if (!raw.contains("ops") || !raw.contains("events") ||
      !raw["ops"].contains("write_behind")) {
    return "";
  }
  int64_t ring = 0;
  int64_t all = 0;
  for (const auto& [path, figures] : raw["ops"]["write_behind"].items()) {
    const int64_t bytes = NumberAt(figures, "bytes");
    all += bytes;
    ring += path == "ring" ? bytes : 0;
  }
  if (all == 0) return "";
  return ", tables " + Percent(ring, all) + " ring, " +
         Percent(NumberAt(raw["events"], "write_overlapped_bytes"), all) +
         " together";
}

}  // namespace

bool LoadPluginStats(const std::string& path, PluginStats* stats,
                     std::string* error) {
  std::ifstream file(path);
  if (!file) {
    *error = "the plugin wrote no statistics file: it was not used";
    return false;
  }
  const json raw = json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!raw.is_object()) {
    *error = "the statistics file is not a JSON object: " + path;
    return false;
  }
  *stats = PluginStats();
  stats->opens = NumberAt(raw, "opens");
  if (raw.contains("fallback") && raw["fallback"].is_object()) {
    stats->fallback_reason = TextAt(raw["fallback"], "reason");
    stats->fallback_remedy = TextAt(raw["fallback"], "remedy");
  }
  if (raw.contains("ops") && raw["ops"].is_object()) {
    LoadCounts(raw["ops"], stats);
  }
  stats->raw = raw;
  if (stats->opens > 0) return true;
  *error = "the plugin was loaded but opened no file (opens is 0)";
  return false;
}

void AddStats(const PluginStats& stats, PluginStats* sum) {
  if (sum->raw.is_null() || stats.opens > NumberAt(sum->raw, "opens")) {
    sum->raw = stats.raw;
  }
  sum->opens += stats.opens;
  if (!stats.fallback_reason.empty()) {
    sum->fallback_reason = stats.fallback_reason;
    sum->fallback_remedy = stats.fallback_remedy;
  }
  for (const auto& [kind, paths] : stats.counts) {
    for (const auto& [path, count] : paths) sum->counts[kind][path] += count;
  }
}

std::string DescribePaths(const PluginStats& stats) {
  std::map<std::string, int64_t> by_path;
  int64_t total = 0;
  for (const auto& [kind, paths] : stats.counts) {
    for (const auto& [path, count] : paths) {
      by_path[path] += count;
      total += count;
    }
  }
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [path, count] : by_path) order.emplace_back(count, path);
  std::sort(order.rbegin(), order.rend());
  std::string text;
  for (const auto& [count, path] : order) {
    const std::string percent = Percent(count, total);
    if (percent == "0%") continue;
    text += (text.empty() ? "" : " ") + path + " " + percent;
  }
  return text + DescribeTables(stats.raw);
}

std::string DescribeFallback(const PluginStats& stats) {
  const bool has_remedy = !stats.fallback_remedy.empty();
  return stats.fallback_reason + (has_remedy ? "; remedy: " : "") +
         stats.fallback_remedy;
}

}  // namespace rocksdb_uring
