// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/html_report.h"

#include <cstdio>

#include "tools/compare/svg.h"

namespace rocksdb_uring {

namespace {

// Colours by the reader's setting; plots follow through gnuplot's "black".
constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --page: #fff; --ink: #1b1f24; --soft: #57606a;
  --line: #d0d7de; --good: #176f2c; --bad: #b3261e; --open: #7a5200; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181d; --ink: #e6e9ed; --soft: #9aa4af; --line: #39424c;
    --good: #5fcf80; --bad: #ff8a80; --open: #e5b454; } }
@media print {
  :root { color-scheme: light; --page: #fff; --ink: #000; --soft: #444;
    --line: #bbb; --good: #176f2c; --bad: #b3261e; --open: #7a5200; }
  section, tr { break-inside: avoid; } details { display: none; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 0 0.75rem 2rem;
  background: var(--page); color: var(--ink);
  font: 1rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.1rem; color: var(--soft); font-weight: 500; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.25rem; }
p { margin: 0.35rem 0; } ul { padding-left: 1.2rem; }
.verdict { border: 1px solid var(--line); border-left: 0.4rem solid;
  padding: 0.6rem 0.9rem; }
.verdict strong { font-size: 1.25rem; color: var(--ink); }
.verdict li { color: var(--ink); }
.good { color: var(--good); } .bad { color: var(--bad); }
.open { color: var(--open); } .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-size: 0.85rem;
  font-variant-numeric: tabular-nums; margin: 0.5rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: 0.25rem 0.35rem;
  text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: 0;
  min-width: 6rem; }
.facts td { text-align: left; }
th, td span { overflow-wrap: normal; }
.plots { display: flex; flex-wrap: wrap; gap: 0.5rem; }
.plots svg { flex: 1 1 20rem; min-width: 0; width: 100%; max-width: 34rem; }
svg [stroke="black"] { stroke: var(--ink); }
svg [fill="black"] { fill: var(--ink); }
svg [color="black"] { color: var(--ink); }
code, pre { font-size: 0.8rem; white-space: pre-wrap; margin: 0.3rem 0; }
a { color: inherit; }
)";

std::string Short(double value) {
  const struct {
    double unit;
    const char* suffix;
  } units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
  char text[32];
  for (const auto& u : units) {
    if (value < 0.9995 * u.unit) continue;
    snprintf(text, sizeof(text), "%.3g%s", value / u.unit, u.suffix);
    return text;
  }
  snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

std::string Tag(const std::string& name, const std::string& content) {
  return "<" + name + ">" + content + "</" + name.substr(0, name.find(' ')) +
         ">";
}

std::string Cell(const std::string& text) {
  return Tag("td", EscapeHtml(text));
}

const char* ClassOf(Finding finding) {
  switch (finding) {
    case Finding::kGain:
      return "good";
    case Finding::kLoss:
    case Finding::kFailed:
      return "bad";
    case Finding::kUndecided:
      return "open";
    case Finding::kNoChange:
      break;
  }
  return "soft";
}

const char* ClassOf(Decision decision) {
  switch (decision) {
    case Decision::kAdopt:
    case Decision::kAdoptForSome:
      return "good";
    case Decision::kStay:
      return "bad";
    case Decision::kTooFewPairs:
      break;
  }
  return "open";
}

std::string Colored(Finding finding) {
  return Tag(std::string("span class=\"") + ClassOf(finding) + "\"",
             NameOf(finding));
}

std::string CriteriaText(const Criteria& criteria) {
  char text[400];
  snprintf(
      text, sizeof(text),
      "A gain: throughput or latency better by %.3g %%, or CPU time of an "
      "operation less by %.3g %%, with the 95 %% interval above 1. A loss: "
      "throughput or p99 below %.3g times, with the interval below 1. "
      "Ratios are medians of the pairs' ratios, turned so that above 1 is "
      "better; intervals are order statistics of the pairs.",
      criteria.gain_percent, criteria.cpu_gain_percent, criteria.loss_ratio);
  return text;
}

std::string VerdictBox(const Verdict& verdict) {
  std::string notes;
  for (const std::string& note : verdict.notes) {
    notes += Tag("li", EscapeHtml(note));
  }
  std::string box = Tag("strong", EscapeHtml(verdict.headline));
  if (!notes.empty()) box += Tag("ul", notes);
  return Tag(std::string("div class=\"verdict ") + ClassOf(verdict.decision) +
                 "\"",
             box) +
         Tag("p class=\"soft\"", EscapeHtml(CriteriaText(verdict.criteria))) +
         "\n";
}

// Of the rows of RocksDB's own options, or of the others. Empty without rows.
std::string OverviewTable(const HtmlReport& report, bool options) {
  const std::string head =
      Tag("tr",
          "<th>workload</th><th>finding</th><th>decided by, better × "
          "(interval)</th>");
  std::string rows;
  for (size_t i = 0; i < report.verdict.workloads.size(); ++i) {
    const WorkloadFinding& w = report.verdict.workloads[i];
    if (w.rocksdb_options.empty() == options) continue;
    const std::string link = "a href=\"#w" + std::to_string(i) + "\"";
    rows += Tag("tr", Tag("td", Tag(link, EscapeHtml(w.name))) +
                          Tag("td", Colored(w.finding)) + Cell(w.because));
  }
  return rows.empty() ? "" : Tag("table", head + rows) + "\n";
}

std::string Overview(const HtmlReport& report, const Plots& plots) {
  const auto plot = [](const std::string& svg) {
    return svg.empty() ? "" : Tag("div class=\"plots\"", svg) + "\n";
  };
  std::string text = Tag("h2", "All workloads");
  if (!plots.problem.empty()) {
    text += Tag("p class=\"open\"", EscapeHtml(plots.problem));
  }
  text += OverviewTable(report, false) + plot(plots.overview);
  const std::string options = OverviewTable(report, true);
  if (options.empty()) return text;
  return text + Tag("h2", "RocksDB's own options") +
         Tag("p class=\"soft\"",
             "Both sides on one file system, without and "
             "with the option. These rows say nothing "
             "of the plugin.") +
         options + plot(plots.options);
}

std::string SeriesRow(const Series& series, const Criteria& criteria) {
  const SeriesFinding f = Assess(series, criteria);
  const auto side = [](const std::vector<double>& values) {
    const Summary s = Summarize(values);
    return Tag("td", Short(s.median) + "<br/>" +
                         Tag("span class=\"soft\"",
                             Short(s.min) + " to " + Short(s.max)));
  };
  return Tag("tr", Cell(series.title) + side(series.a) + side(series.b) +
                       Cell(f.pairs > 0 ? RatioText(f) : "–"));
}

// Empty when there is nothing to show.
std::string SeriesTable(const std::string& heading, const HtmlReport& report,
                        const WorkloadFigures& w, bool percentiles) {
  std::string rows;
  for (const Series& series : w.series) {
    if (series.is_percentile != percentiles) continue;
    rows += SeriesRow(series, report.verdict.criteria);
  }
  if (rows.empty()) return "";
  const SideNames& names = NamesOf(w, report.names);
  return Tag("table",
             Tag("tr", Tag("th", heading) + Tag("th", EscapeHtml(names.a)) +
                           Tag("th", EscapeHtml(names.b)) +
                           "<th>better × (interval)</th>") +
                 rows);
}

std::string PathsAndCommands(const WorkloadFigures& w, const SideNames& names) {
  std::string text;
  const auto add = [&text](const std::string& side, const std::string& path) {
    if (path.empty()) return;
    text += Tag("p", EscapeHtml(side + " served by: " + path));
  };
  add(names.a, w.a_path);
  add(names.b, w.b_path);
  if (!w.fallback.empty()) {
    text += Tag("p class=\"open\"",
                EscapeHtml("not through io_uring: " + w.fallback));
  }
  if (!w.b_command.empty()) {
    text += Tag("details", Tag("summary", "commands") +
                               Tag("pre", EscapeHtml(w.a_command)) +
                               Tag("pre", EscapeHtml(w.b_command)));
  }
  return text;
}

std::string WorkloadSection(const HtmlReport& report, size_t i,
                            const Plots& plots) {
  const WorkloadFigures& w = report.workloads[i];
  const WorkloadFinding& finding = report.verdict.workloads[i];
  std::string text = Tag("h2 id=\"w" + std::to_string(i) + "\"",
                         EscapeHtml(w.name) + ": " + Colored(finding.finding)) +
                     Tag("p class=\"soft\"", EscapeHtml(w.measures));
  if (!w.ok()) text += Tag("pre class=\"bad\"", EscapeHtml(w.error));
  const auto plot_of = [i](const std::vector<std::string>& all) {
    return i < all.size() ? all[i] : std::string();
  };
  const std::string drawn =
      plot_of(plots.values) + plot_of(plots.ratios) + plot_of(plots.latencies);
  if (!drawn.empty()) text += Tag("div class=\"plots\"", drawn);
  text += SeriesTable("median, range", report, w, /*percentiles=*/false) +
          SeriesTable("latency of a call", report, w, /*percentiles=*/true);
  return Tag("section", text + PathsAndCommands(w, NamesOf(w, report.names))) +
         "\n";
}

std::string Facts(const HtmlReport& report) {
  std::string rows;
  for (const auto& [name, value] : report.facts) {
    rows += Tag("tr", Cell(name) + Cell(value));
  }
  return Tag("h2", "Machine and settings") +
         Tag("table class=\"facts\"", rows) + "\n";
}

// Inside a script "<" could end it, and XML knows "&": both have another form
// in JSON.
std::string JsonForScript(const nlohmann::json& json) {
  std::string text;
  // Output of programs need not be UTF-8.
  const auto on_bad_utf8 = nlohmann::json::error_handler_t::replace;
  for (char c : json.dump(1, ' ', false, on_bad_utf8)) {
    if (c == '<') {
      text += "\\u003c";
    } else if (c == '&') {
      text += "\\u0026";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string ToHtml(const HtmlReport& report, const Plots& plots) {
  std::string body =
      Tag("h1", "rocksdb-uring: " + EscapeHtml(report.names.b) +
                    " compared with " + EscapeHtml(report.names.a)) +
      VerdictBox(report.verdict) + Overview(report, plots);
  for (size_t i = 0; i < report.workloads.size(); ++i) {
    body += WorkloadSection(report, i, plots);
  }
  body += Facts(report) +
          Tag("script type=\"application/json\" id=\"data\"",
              "\n" + JsonForScript(report.json) + "\n") +
          "\n";
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"/>"
         "<meta name=\"viewport\" content=\"width=device-width, "
         "initial-scale=1\"/>"
         "<title>rocksdb-uring: comparison</title>" +
         Tag("style", kStyle) + "</head>\n" + Tag("body", "\n" + body) +
         "\n</html>\n";
}

}  // namespace rocksdb_uring
