// Writes the text format of Prometheus.
//
// Written here, because the library for it (prometheus-cpp, core) exists as a
// shared library only in Debian: every program that preloads the plugin, and
// every RocksDB that is built with it, would need it at run time, for a format
// of three kinds of lines.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rocksdb_uring {

class PrometheusText {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  // `common` are labels of every sample.
  explicit PrometheusText(Labels common) : common_(std::move(common)) {}

  // Begins a metric; `type` is counter, gauge or histogram. All samples of a
  // metric follow it.
  void Metric(const std::string& name, const char* type,
              const std::string& help);
  // A sample of that metric, whose name `suffix` follows.
  void Sample(const char* suffix, const Labels& labels,
              const std::string& value);
  void Sample(const Labels& labels, uint64_t value) {
    Sample("", labels, std::to_string(value));
  }

  const std::string& text() const { return text_; }

 private:
  void AppendLabels(const Labels& labels, bool* first);

  const Labels common_;
  std::string name_;
  std::string text_;
};

// As seconds, exactly, whatever the locale: programs may have set one that
// writes 0,5.
std::string Seconds(uint64_t ns);

}  // namespace rocksdb_uring
