// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/plots.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>

#include "tools/compare/child.h"
#include "tools/compare/svg.h"

namespace rocksdb_uring {

namespace {

// A telephone's width: text keeps its size there, and grows on wider screens.
constexpr int kWidth = 340;
constexpr int kMargin = 70;
constexpr int kLineHeight = 26;

// Readable on white and on the dark page; the page's style replaces black.
constexpr const char* kPreamble =
    "set encoding utf8\n"
    "colour_a = 0xb8860b\n"
    "colour_b = 0x2f7ed8\n"
    "colour_grid = 0x888888\n"
    "set tics nomirror\n"
    "set border 3\n";

std::string Number(double value) {
  char text[32];
  snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

std::string FileOf(const std::string& directory, const std::string& name) {
  return directory + "/" + name + ".svg";
}

std::string Start(const std::string& directory, const std::string& name,
                  int height) {
  return "unset output\nreset\n" + std::string(kPreamble) +
         "set terminal svg size " + std::to_string(kWidth) + "," +
         std::to_string(height) +
         " dynamic noenhanced font 'sans-serif,11' name '" + name +
         "'\nset output " + Quoted(FileOf(directory, name)) + "\n";
}

// A line of dots with its median and interval.
struct Lane {
  std::string label;
  std::vector<double> dots;
  double median = 1;
  MedianInterval interval;
};

// Adds those of `round` that lie in the range, at most one for each sixth of
// it.
std::vector<double> Spaced(const std::vector<double>& round, double low,
                           double high, std::vector<double> chosen) {
  const double gap = std::log(high / low) / 6;
  for (double tic : round) {
    const bool is_free = std::all_of(
        chosen.begin(), chosen.end(),
        [&](double other) { return std::abs(std::log(tic / other)) >= gap; });
    if (tic >= low && tic <= high && is_free) chosen.push_back(tic);
  }
  return chosen;
}

std::string Tics(const std::vector<double>& tics, std::string (*name)(double)) {
  std::string text;
  for (double tic : tics) {
    text += (text.empty() ? "" : ",") + Quoted(name(tic)) + " " + Number(tic);
  }
  return "set xtics (" + text + ")\n";
}

std::string RatioTics(double low, double high) {
  const std::vector<double> round = {
      0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 1.05, 1.1,
      1.2,  1.5,  2,    3,   5,   10,  20,  50,  100, 200,  500,  1000};
  return Tics(Spaced(round, low, high, {1}), Number);  // 1 is always there
}

std::string RatioAxis(const std::vector<Lane>& lanes, double gain) {
  double low = 0.9;
  double high = gain * 1.02;
  for (const Lane& lane : lanes) {
    for (double dot : lane.dots) {
      low = std::min(low, dot * 0.97);
      high = std::max(high, dot * 1.03);
    }
  }
  const auto line = [](double x, const char* dash) {
    return "set arrow from " + Number(x) + ", graph 0 to " + Number(x) +
           ", graph 1 nohead back lc rgb colour_grid" + dash + "\n";
  };
  return "set logscale x\nset xrange [" + Number(low) + ":" + Number(high) +
         "]\n" + RatioTics(low, high) + line(1, "") + line(gain, " dt (4,4)");
}

// Dots side by side in a lane, so that equal ratios do not hide each other.
std::string LaneData(const std::vector<Lane>& lanes) {
  std::string dots = "$dots << EOD\n";
  std::string medians = "$medians << EOD\n";
  for (size_t i = 0; i < lanes.size(); ++i) {
    const double y = static_cast<double>(lanes.size() - i);
    for (size_t k = 0; k < lanes[i].dots.size(); ++k) {
      const double shift = (static_cast<double>(k % 5) - 2) * 0.07;
      dots += Number(lanes[i].dots[k]) + " " + Number(y + 0.15 + shift) + "\n";
    }
    medians += Number(lanes[i].median) + " " + Number(y - 0.25) + " " +
               Number(lanes[i].interval.low) + " " +
               Number(lanes[i].interval.high) + "\n";
  }
  return dots + "EOD\n" + medians + "EOD\n";
}

std::string RatioScript(const std::vector<Lane>& lanes, double gain,
                        const SideNames& names) {
  std::string tics;
  for (size_t i = 0; i < lanes.size(); ++i) {
    tics += (i == 0 ? "" : ",") + Quoted(lanes[i].label) + " " +
            std::to_string(lanes.size() - i);
  }
  return RatioAxis(lanes, gain) + LaneData(lanes) + "set ytics (" + tics +
         ")\nset yrange [0.4:" + std::to_string(lanes.size()) +
         ".6]\nset xlabel " +
         Quoted(names.b + " better than " + names.a + " by the factor") +
         "\nplot $dots with points pt 7 ps 0.45 lc rgb colour_b notitle, "
         "$medians using 1:2:3:4 with xerrorbars pt 5 ps 0.6 lw 2 lc rgb "
         "'black' notitle\n";
}

Lane LaneOf(const std::string& label, const SeriesFinding& finding,
            const WorkloadFigures& figures) {
  Lane lane;
  lane.label = label;
  lane.median = finding.ratio.median;
  lane.interval = finding.interval;
  for (const Series& series : figures.series) {
    if (series.key == finding.key) lane.dots = series.Ratios();
  }
  return lane;
}

std::string ValueScript(const Series& series, const SideNames& names) {
  std::string data = "$pairs << EOD\n";
  for (size_t i = 0; i < series.a.size(); ++i) {
    data += std::to_string(i + 1) + " " + Number(series.a[i]) + " " +
            Number(series.b[i]) + "\n";
  }
  return data + "EOD\nset yrange [0:*]\nset xrange [0.5:" +
         std::to_string(series.a.size()) +
         ".5]\nset format y '%.1s%c'\nset xlabel 'pair'\nset ylabel " +
         Quoted(series.title) +
         "\nset xtics autofreq format '%.0f'\nset xtics " +
         std::to_string(std::max<size_t>(1, series.a.size() / 8)) +
         "\nset key outside top center horizontal\n"
         "plot $pairs using 1:2 with points pt 7 ps 0.6 lc rgb colour_a "
         "title " +
         Quoted(names.a) +
         ", $pairs using 1:3 with points pt 5 ps 0.6 lc rgb colour_b title " +
         Quoted(names.b) + ", " + Number(Summarize(series.a).median) +
         " lc rgb colour_a dt 2 notitle, " +
         Number(Summarize(series.b).median) + " lc rgb colour_b dt 2 notitle\n";
}

std::string Time(double us) {
  if (us >= 1e6) return Number(us / 1e6) + " s";
  return us >= 1e3 ? Number(us / 1e3) + " ms" : Number(us) + " µs";
}

std::string TimeTics(double low, double high) {
  std::vector<double> round;
  for (double decade = 0.1; decade < high; decade *= 10) {
    for (double digit : {1, 2, 5}) round.push_back(digit * decade);
  }
  return Tics(Spaced(round, low, high, {}), Time);
}

// The figures of one side, above or below the middle of their lanes.
std::string LatencyData(const std::string& name,
                        const std::vector<const Series*>& lanes,
                        std::vector<double> Series::*side, double shift) {
  std::string dots = "$" + name + " << EOD\n";
  std::string medians = "$" + name + "_median << EOD\n";
  for (size_t i = 0; i < lanes.size(); ++i) {
    const std::string y =
        " " + Number(static_cast<double>(lanes.size() - i) + shift) + "\n";
    for (double value : lanes[i]->*side) dots += Number(value) + y;
    medians += Number(Summarize(lanes[i]->*side).median) + y;
  }
  return dots + "EOD\n" + medians + "EOD\n";
}

// On a logarithmic axis: a maximum is many times a median.
std::string LatencyScript(const std::vector<const Series*>& lanes,
                          const SideNames& names) {
  double low = HUGE_VAL;
  double high = 0;
  std::string tics;
  for (size_t i = 0; i < lanes.size(); ++i) {
    const Summary a = Summarize(lanes[i]->a);
    const Summary b = Summarize(lanes[i]->b);
    low = std::min({low, a.min, b.min});
    high = std::max({high, a.max, b.max});
    const std::string& title = lanes[i]->title;
    tics += (i == 0 ? "" : ",") + Quoted(title.substr(0, title.find(' '))) +
            " " + std::to_string(lanes.size() - i);
  }
  low = std::max(low, 0.1) * 0.9;
  high = std::max(high, low) * 1.1;
  const auto plot = [](const char* side, const char* symbols) {
    const std::string data = std::string("$") + side;
    const std::string colour = std::string(" lc rgb colour_") + side;
    return data + " with points pt 7 ps 0.3" + colour + " notitle, " + data +
           "_median with points " + symbols + colour + " title ";
  };
  return LatencyData("a", lanes, &Series::a, 0.18) +
         LatencyData("b", lanes, &Series::b, -0.18) + "set logscale x\n" +
         "set xrange [" + Number(low) + ":" + Number(high) + "]\n" +
         TimeTics(low, high) + "set ytics (" + tics +
         ")\nset yrange [0.5:" + std::to_string(lanes.size()) +
         ".5]\nset xlabel 'latency of a call; median and pairs'\n"
         "set key outside top center horizontal\nplot " +
         plot("a", "pt 7 ps 0.8") + Quoted(names.a) + ", " +
         plot("b", "pt 5 ps 0.8") + Quoted(names.b) + "\n";
}

int HeightOf(size_t lanes) {
  return kMargin + kLineHeight * static_cast<int>(lanes);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

bool RunGnuplot(const std::string& script, const std::string& directory,
                std::string* problem) {
  const std::string path = directory + "/plots.gnuplot";
  std::ofstream(path) << script;
  Command command;
  command.argv = {"gnuplot", path};
  command.limit_s = 60;
  Outcome outcome;
  if (RunCommand(command, &outcome, problem) && outcome.ok()) return true;
  constexpr int kNotFound = 127;
  *problem = outcome.exit_code == kNotFound
                 ? "gnuplot is not installed. For plots, install it and run "
                   "the comparison again: apt-get install gnuplot-nox"
                 : "gnuplot failed: " + outcome.err.substr(0, 400);
  return false;
}

// All plots of a report, drawn by one run of gnuplot.
class Drawing {
 public:
  explicit Drawing(std::string directory) : directory_(std::move(directory)) {}

  void Add(const std::string& name, const std::vector<Lane>& lanes, double gain,
           const SideNames& names) {
    if (lanes.empty()) return;
    script_ += Start(directory_, name, HeightOf(lanes.size())) +
               RatioScript(lanes, gain, names);
  }

  void Add(const std::string& name, const Series& series,
           const SideNames& names) {
    constexpr int kHeight = 190;
    script_ += Start(directory_, name, kHeight) + ValueScript(series, names);
  }

  void AddLatencies(const std::string& name, const WorkloadFigures& figures,
                    const SideNames& names) {
    std::vector<const Series*> lanes;
    for (const Series& series : figures.series) {
      if (series.is_percentile) lanes.push_back(&series);
    }
    if (lanes.empty()) return;
    script_ += Start(directory_, name, HeightOf(lanes.size())) +
               LatencyScript(lanes, names);
  }

  bool Run(std::string* problem) const {
    return RunGnuplot(script_ + "unset output\n", directory_, problem);
  }

  // Empty if there was nothing to draw.
  std::string Take(const std::string& name, const std::string& title) const {
    const std::string svg = ReadFile(FileOf(directory_, name));
    std::remove(FileOf(directory_, name).c_str());
    return svg.empty() ? "" : InlineSvg(svg, name, title);
  }

 private:
  const std::string directory_;
  std::string script_;
};

std::vector<Lane> LanesOf(const WorkloadFinding& workload,
                          const WorkloadFigures& figures) {
  std::vector<Lane> lanes;
  for (const SeriesFinding& finding : workload.series) {
    if (finding.role == Role::kShown) continue;
    lanes.push_back(LaneOf(finding.title, finding, figures));
  }
  return lanes;
}

}  // namespace

Plots DrawPlots(const std::vector<WorkloadFigures>& workloads,
                const Verdict& verdict, const SideNames& names,
                const std::string& directory) {
  const double gain = 1 + verdict.criteria.gain_percent / 100;
  Drawing drawing(directory);
  std::vector<Lane> overview;
  std::vector<Lane> options;
  for (size_t i = 0; i < workloads.size(); ++i) {
    const WorkloadFinding& finding = verdict.workloads[i];
    if (finding.series.empty()) continue;
    (finding.rocksdb_options.empty() ? overview : options)
        .push_back(LaneOf(finding.name, finding.series.front(), workloads[i]));
    const SideNames& own = NamesOf(workloads[i], names);
    const std::string number = std::to_string(i);
    drawing.Add("ratios" + number, LanesOf(finding, workloads[i]), gain, own);
    drawing.Add("values" + number, workloads[i].series.front(), own);
    drawing.AddLatencies("latencies" + number, workloads[i], own);
  }
  drawing.Add("overview", overview, gain, names);
  drawing.Add("options", options, gain, {"without", "with the option"});
  Plots plots;
  if (!drawing.Run(&plots.problem)) return plots;
  plots.overview = drawing.Take("overview", "ratios of all workloads");
  plots.options = drawing.Take("options", "ratios of RocksDB's own options");
  for (size_t i = 0; i < workloads.size(); ++i) {
    const std::string number = std::to_string(i);
    const std::string& name = workloads[i].name;
    plots.ratios.push_back(
        drawing.Take("ratios" + number, name + ": ratios pair by pair"));
    plots.values.push_back(
        drawing.Take("values" + number, name + ": figures pair by pair"));
    plots.latencies.push_back(
        drawing.Take("latencies" + number, name + ": percentiles"));
  }
  return plots;
}

}  // namespace rocksdb_uring
