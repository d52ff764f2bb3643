// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/report.h"

#include <algorithm>
#include <map>

#include "env/base/format.h"
#include "tools/compare/outputs.h"

namespace rocksdb_uring {

namespace {

using Line = std::vector<std::string>;

// Three or four digits that matter: 987, 18.7k, 1.25M.
std::string Short(double value) {
  if (value >= 999.5e3) return Format("%.2fM", value / 1e6);
  if (value >= 9995) return Format("%.1fk", value / 1e3);
  if (value >= 100) return Format("%.0f", value);
  if (value >= 10) return Format("%.1f", value);
  return Format("%.2f", value);
}

std::string Spread(const Summary& s) {
  return Short(s.min) + ".." + Short(s.max);
}

std::string AToB(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return "-";
  return Short(Summarize(a).median) + " > " + Short(Summarize(b).median);
}

std::string IntervalText(const MedianInterval& interval) {
  const char* sign = interval.confidence >= 0.95 ? "" : "*";
  return Format("%.2f..%.2f%s", interval.low, interval.high, sign);
}

std::string VerdictText(const Judgement& judgement) {
  const std::string sign = std::string(judgement.few_pairs ? "?" : "") +
                           (judgement.disturbed ? "!" : "");
  switch (judgement.verdict) {
    case TargetResult::kMet:
      return "met" + sign;
    case TargetResult::kMissed:
      return "missed" + sign;
    case TargetResult::kFailed:
      return "FAILED";
    case TargetResult::kNone:
      break;
  }
  return "-";
}

std::string NoiseText(const RowResult& row) {
  if (row.noise_keys_per_s.empty()) return "-";
  const auto ratios = PairwiseRatios(row.a.keys_per_s, row.noise_keys_per_s);
  const MedianInterval interval = IntervalOfMedian(ratios);
  return Format("%.2f ", Summarize(ratios).median) + IntervalText(interval);
}

std::string PathText(const SideRuns& runs) {
  return runs.has_stats ? DescribePaths(runs.stats) : "-";
}

Line HeadLine(const std::string& a, const std::string& b,
              const Settings& settings, bool is_short) {
  Line line = {"workload", a + " keys/s"};
  if (!is_short) line.push_back("min..max");
  line.push_back(b + " keys/s");
  if (!is_short) line.push_back("min..max");
  line.insert(line.end(), {b + "/" + a, "95 %"});
  if (settings.noise) line.push_back(a + "/" + a);
  if (!is_short) {
    line.insert(line.end(), {"CPU us/key", "p50 us", "p99 us", "device B/key"});
  }
  line.insert(line.end(), {"target", "verdict", b + " served by"});
  return line;
}

Line RowLine(const RowResult& row, const Settings& settings, bool is_short) {
  const Judgement judgement = Judge(row);
  if (!row.ok()) return {row.workload.name, VerdictText(judgement)};
  const Summary a = Summarize(row.a.keys_per_s);
  const Summary b = Summarize(row.b.keys_per_s);
  Line line = {row.workload.name, Short(a.median)};
  if (!is_short) line.push_back(Spread(a));
  line.push_back(Short(b.median));
  if (!is_short) line.push_back(Spread(b));
  line.push_back(Format("%.2f", judgement.ratio.median));
  line.push_back(IntervalText(judgement.interval));
  if (settings.noise) line.push_back(NoiseText(row));
  if (!is_short) {
    line.push_back(AToB(row.a.cpu_us_per_key, row.b.cpu_us_per_key));
    for (double Percentiles::*which : {&Percentiles::p50, &Percentiles::p99}) {
      line.push_back(AToB(row.a.latencies(which), row.b.latencies(which)));
    }
    line.push_back(
        AToB(row.a.device_bytes_per_key, row.b.device_bytes_per_key));
  }
  const double target = row.workload.target;
  line.push_back(target > 0 ? Format("%.2f", target) : "-");
  line.push_back(VerdictText(judgement));
  line.push_back(PathText(row.b));
  return line;
}

// First and last column to the left, figures to the right.
std::string Align(const std::vector<Line>& lines) {
  std::vector<size_t> widths(lines.front().size(), 0);
  for (const Line& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], line[i].size());
    }
  }
  std::string text;
  for (const Line& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      const std::string pad(widths[i] - line[i].size(), ' ');
      const bool is_last = i + 1 == widths.size();
      const bool is_left = i == 0 || is_last;
      text += (i == 0 ? "" : "  ") + (is_left ? line[i] : pad + line[i]);
      if (i == 0 && line.size() > 1) text += pad;
    }
    text += "\n";
  }
  return text;
}

std::string Notes(const std::vector<RowResult>& rows) {
  std::string text;
  std::map<std::string, std::string> fallbacks;  // reason and remedy, to rows
  bool few_pairs = false;
  bool low_confidence = false;
  std::string disturbed;
  for (const RowResult& row : rows) {
    const Judgement judgement = Judge(row);
    few_pairs = few_pairs || judgement.few_pairs;
    low_confidence =
        low_confidence || (row.ok() && judgement.interval.confidence < 0.95);
    if (judgement.disturbed) {
      disturbed += Format(" %s %.0f %%", row.workload.name.c_str(),
                          row.others_share * 100);
    }
    const PluginStats& stats = row.b.stats;
    if (row.ok() && !stats.fallback_reason.empty()) {
      fallbacks[DescribeFallback(stats)] += " " + row.workload.name;
    }
    if (!row.ok()) text += row.workload.name + " failed: " + row.error + "\n";
  }
  for (const auto& [reason, names] : fallbacks) {
    text += "not through io_uring: " + reason + " (in" + names + ")\n";
  }
  if (!disturbed.empty()) {
    text += "!  not reliable, other programs used this share of the CPUs:" +
            disturbed + "\n";
  }
  if (low_confidence)
    text += "*  fewer than 6 pairs: min..max, covers less than 95 %\n";
  if (few_pairs) {
    text += Format("?  a target of %.2f takes %d pairs to judge\n", kParity,
                   kParityPairs);
  }
  return text;
}

nlohmann::json ToJson(const Summary& s) {
  return {{"median", s.median}, {"min", s.min}, {"max", s.max}};
}

nlohmann::json ToJson(const MedianInterval& i) {
  return {{"low", i.low}, {"high", i.high}, {"confidence", i.confidence}};
}

nlohmann::json ToJson(const Side& side, const SideRuns& runs) {
  nlohmann::json json = {
      {"label", side.label},
      {"uri", side.uri},
      {"keys_per_s", ToJson(Summarize(runs.keys_per_s))},
      {"cpu_us_per_key", ToJson(Summarize(runs.cpu_us_per_key))},
      {"device_bytes_per_key", ToJson(Summarize(runs.device_bytes_per_key))},
      {"runs",
       {{"keys_per_s", runs.keys_per_s},
        {"cpu_us_per_key", runs.cpu_us_per_key},
        {"device_bytes_per_key", runs.device_bytes_per_key}}},
      {"open_cpu_s", runs.open_cpu_s},
      {"command", runs.command}};
  for (const PercentileName& name : kPercentileNames) {
    const std::vector<double> values = runs.latencies(name.value);
    json["runs"][name.key] = values;
    if (!values.empty()) json[name.key] = ToJson(Summarize(values));
  }
  if (runs.has_stats) {
    json["served_by"] = DescribePaths(runs.stats);
    json["plugin_stats"] = runs.stats.raw;
  }
  return json;
}

nlohmann::json ToJson(const RowResult& row, const Settings& settings) {
  const Judgement judgement = Judge(row);
  nlohmann::json json = {{"name", row.workload.name},
                         {"measures", row.workload.measures},
                         {"threads", row.workload.threads},
                         {"target", row.workload.target},
                         {"verdict", VerdictText(judgement)},
                         {"error", row.error},
                         {"others_cpu_share", row.others_share},
                         {"a", ToJson(settings.a, row.a)},
                         {"b", ToJson(settings.b, row.b)}};
  if (!row.ok()) return json;
  json["ratio"] = ToJson(judgement.ratio);
  json["ratio"]["interval"] = ToJson(judgement.interval);
  json["ratio"]["pairs"] = PairwiseRatios(row.a.keys_per_s, row.b.keys_per_s);
  if (!row.noise_keys_per_s.empty()) {
    const auto noise = PairwiseRatios(row.a.keys_per_s, row.noise_keys_per_s);
    json["noise"] = ToJson(Summarize(noise));
    json["noise"]["interval"] = ToJson(IntervalOfMedian(noise));
    json["noise"]["pairs"] = noise;
  }
  return json;
}

}  // namespace

Judgement Judge(const RowResult& row) {
  Judgement judgement;
  if (!row.ok()) {
    judgement.verdict = TargetResult::kFailed;
    return judgement;
  }
  const auto ratios = PairwiseRatios(row.a.keys_per_s, row.b.keys_per_s);
  judgement.ratio = Summarize(ratios);
  judgement.interval = IntervalOfMedian(ratios);
  judgement.disturbed = row.others_share > kOthersAllowed;
  const double target = row.workload.target;
  if (target <= 0) return judgement;
  const bool is_parity = target <= kParity;
  bool met = judgement.ratio.median >= target;
  if (is_parity) {
    met = met && judgement.interval.low >= kParityLow;
    judgement.few_pairs = static_cast<int>(ratios.size()) < kParityPairs;
  }
  judgement.verdict = met ? TargetResult::kMet : TargetResult::kMissed;
  return judgement;
}

std::string FormatHeader(const Machine& machine, const Settings& settings,
                         const std::string& db_bench_version) {
  const DatabaseShape& shape = settings.shape;
  const auto uri = [](const Side& side) {
    return side.label + " = " +
           (side.uri.empty() ? "RocksDB's POSIX file system" : side.uri);
  };
  std::string text;
  text += "kernel " + machine.kernel + ", " + machine.cpu + ", " +
          machine.memory + ", load " + machine.load + ", " +
          machine.filesystem + "\n";
  text += "db_bench " + db_bench_version + ", commit " + machine.commit + "\n";
  const size_t files = DataFiles(settings.db).size();
  if (shape.num == 0) {
    text += Format("database: %zu table files\n", files);
  } else {
    text += Format(
        "database: %lld keys of %lld + %lld bytes, blocks of %lld bytes, %zu "
        "table files\n",
        static_cast<long long>(shape.num),
        static_cast<long long>(shape.key_size),
        static_cast<long long>(shape.value_size),
        static_cast<long long>(shape.block_size), files);
  }
  text += uri(settings.a) + "; " + uri(settings.b) + "\n";
  text += Format("%d alternating pairs, %d s each (cold: %d %% of the database",
                 settings.pairs, settings.seconds, settings.cold_share);
  if (settings.cached_percent > 0)
    text += Format(", of which %d %% is cached", settings.cached_percent);
  return text + "); medians; ratios pair by pair\n";
}

std::string FormatTable(const std::vector<RowResult>& rows,
                        const Settings& settings, bool is_short) {
  std::vector<Line> lines = {
      HeadLine(settings.a.label, settings.b.label, settings, is_short)};
  std::vector<Line> options = {HeadLine("without", "with", settings, is_short)};
  for (const RowResult& row : rows) {
    const bool is_option = !row.workload.rocksdb_options.empty();
    (is_option ? options : lines).push_back(RowLine(row, settings, is_short));
  }
  std::string text;
  if (lines.size() > 1 || options.size() == 1) text += Align(lines);
  if (options.size() > 1) {
    text += "RocksDB's own options, without and with:\n" + Align(options);
  }
  return text + Notes(rows);
}

nlohmann::json ToJson(const Machine& machine, const Settings& settings,
                      const std::string& db_bench_version,
                      const std::vector<RowResult>& rows) {
  nlohmann::json json;
  json["machine"] = ToJson(machine);
  json["settings"] = {{"db_bench", settings.db_bench},
                      {"db_bench_version", db_bench_version},
                      {"plugin", settings.plugin},
                      {"db", settings.db},
                      {"pairs", settings.pairs},
                      {"seconds", settings.seconds},
                      {"cold_share", settings.cold_share},
                      {"cached_percent", settings.cached_percent},
                      {"num", settings.shape.num},
                      {"key_size", settings.shape.key_size},
                      {"value_size", settings.shape.value_size},
                      {"block_size", settings.shape.block_size}};
  json["rows"] = nlohmann::json::array();
  for (const RowResult& row : rows)
    json["rows"].push_back(ToJson(row, settings));
  return json;
}

}  // namespace rocksdb_uring
