// Line by line, with a look at whole histograms at the end.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/file/prometheus_parser.h"

#include <cmath>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>

namespace rocksdb_uring {

namespace {

using Labels = PrometheusMetrics::Labels;
using Sample = PrometheusMetrics::Sample;

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The buckets of one series of a histogram.
struct Series {
  std::vector<std::pair<double, double>> buckets;
  double sum = -1;
  double count = -1;
};

class Parser {
 public:
  void Read(const std::string& line) {
    std::smatch match;
    static const std::regex help("# HELP ([a-z_:][a-z0-9_:]*) (.+)");
    static const std::regex type(
        "# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge|histogram)");
    static const std::regex sample(
        "([a-z_:][a-z0-9_:]*)(\\{(.*)\\})? ([0-9.e+-]+|\\+Inf)");
    if (std::regex_match(line, match, help)) {
      Begin(match[1]);
    } else if (std::regex_match(line, match, type)) {
      Require(match[1] == metric_ && type_.empty(), line, "type without help");
      type_ = match[2];
      Require((type_ == "counter") == EndsWith(metric_, "_total"), line,
              "counters, and no others, end in _total");
    } else if (std::regex_match(line, match, sample)) {
      Add(line, {match[1], LabelsIn(line, match[3]),
                 strtod(match[4].str().c_str(), nullptr)});
    } else {
      Require(false, line, "is no line of the format");
    }
  }

  PrometheusMetrics Finish() {
    EndMetric();
    return metrics_;
  }

 private:
  void Require(bool holds, const std::string& line, const std::string& rule) {
    if (!holds) {
      metrics_.complaints += line + ": " + rule + "\n";
    }
  }

  void Begin(const std::string& metric) {
    EndMetric();
    Require(all_.insert(metric).second, metric, "comes twice");
    metric_ = metric;
    type_.clear();
  }

  Labels LabelsIn(const std::string& line, const std::string& text) {
    static const std::regex label(
        "([a-z_][a-z0-9_]*)=\"((?:[^\"\\\\]|\\\\[\\\\n\"])*)\"(,|$)");
    Labels labels;
    size_t at = 0;
    for (std::sregex_iterator i(text.begin(), text.end(), label), end; i != end;
         ++i) {
      Require(static_cast<size_t>(i->position()) == at, line, "labels");
      at += static_cast<size_t>(i->length());
      Require(labels.emplace((*i)[1], (*i)[2]).second, line, "label twice");
    }
    Require(at == text.size(), line, "labels");
    return labels;
  }

  void Add(const std::string& line, const Sample& sample) {
    Require(!type_.empty(), line, "sample without type");
    const bool histogram = type_ == "histogram";
    Require(histogram ? sample.name == metric_ + "_bucket" ||
                            sample.name == metric_ + "_sum" ||
                            sample.name == metric_ + "_count"
                      : sample.name == metric_,
            line, "belongs to another metric than " + metric_);
    Require(seen_.insert({sample.name, sample.labels}).second, line, "twice");
    metrics_.samples.push_back(sample);
    if (histogram) {
      AddToSeries(line, sample);
    }
  }

  void AddToSeries(const std::string& line, Sample sample) {
    const auto end = sample.labels.find("le");
    const bool bucket = EndsWith(sample.name, "_bucket");
    Require(bucket == (end != sample.labels.end()), line, "le of buckets");
    double le = 0;
    if (end != sample.labels.end()) {
      le = strtod(end->second.c_str(), nullptr);
      sample.labels.erase(end);
    }
    Series& series = series_[sample.labels];
    if (bucket) {
      series.buckets.emplace_back(le, sample.value);
    } else {
      (EndsWith(sample.name, "_sum") ? series.sum : series.count) =
          sample.value;
    }
  }

  void EndMetric() {
    Require(metric_.empty() || !type_.empty(), metric_, "has no type");
    for (const auto& [labels, series] : series_) {
      for (size_t i = 1; i < series.buckets.size(); ++i) {
        Require(series.buckets[i - 1].first < series.buckets[i].first &&
                    series.buckets[i - 1].second <= series.buckets[i].second,
                metric_, "buckets ascend");
      }
      Require(!series.buckets.empty() &&
                  series.buckets.back().first == HUGE_VAL &&
                  series.buckets.back().second == series.count,
              metric_, "the last bucket is +Inf and has all");
      Require(series.sum >= 0, metric_, "has a sum");
    }
    series_.clear();
  }

  PrometheusMetrics metrics_;
  std::string metric_;
  std::string type_;
  std::set<std::string> all_;
  std::set<std::pair<std::string, Labels>> seen_;
  std::map<Labels, Series> series_;
};

}  // namespace

double PrometheusMetrics::Value(const std::string& name,
                                const Labels& labels) const {
  for (const Sample& sample : samples) {
    if (sample.name == name && sample.labels == labels) {
      return sample.value;
    }
  }
  return -1;
}

PrometheusMetrics ParsePrometheus(const std::string& text) {
  Parser parser;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    parser.Read(line);
  }
  PrometheusMetrics metrics = parser.Finish();
  if (text.empty() || text.back() != '\n') {
    metrics.complaints += "the last line does not end\n";
  }
  return metrics;
}

}  // namespace rocksdb_uring
