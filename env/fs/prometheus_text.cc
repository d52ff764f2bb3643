// Lines, labels and what has to be escaped in them.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/fs/prometheus_text.h"

namespace rocksdb_uring {

namespace {

std::string Escaped(const std::string& text, bool in_label) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && in_label) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void PrometheusText::Metric(const std::string& name, const char* type,
                            const std::string& help) {
  name_ = name;
  text_ += "# HELP " + name + " " + Escaped(help, false) + "\n";
  text_ += "# TYPE " + name + " " + type + "\n";
}

void PrometheusText::AppendLabels(const Labels& labels, bool* first) {
  for (const auto& [name, value] : labels) {
    text_ += (*first ? "{" : ",") + name + "=\"" + Escaped(value, true) + "\"";
    *first = false;
  }
}

void PrometheusText::Sample(const char* suffix, const Labels& labels,
                            const std::string& value) {
  text_ += name_ + suffix;
  bool first = true;
  AppendLabels(common_, &first);
  AppendLabels(labels, &first);
  text_ += (first ? " " : "} ") + value + "\n";
}

std::string Seconds(uint64_t ns) {
  constexpr uint64_t kPerSecond = 1000000000;
  std::string out = std::to_string(ns / kPerSecond);
  if (ns % kPerSecond != 0) {
    // A leading 1 keeps the zeros behind the point.
    std::string fraction = std::to_string(kPerSecond + ns % kPerSecond);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    out += "." + fraction.substr(1);
  }
  return out;
}

}  // namespace rocksdb_uring
