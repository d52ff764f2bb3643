// Reads the text format of Prometheus, and accepts nothing that breaks its
// rules or its conventions.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace rocksdb_uring {

struct PrometheusMetrics {
  using Labels = std::map<std::string, std::string>;
  struct Sample {
    std::string name;
    Labels labels;
    double value;
  };

  // The value of the sample with this name and these labels; -1 if there is
  // none.
  double Value(const std::string& name, const Labels& labels = {}) const;

  std::vector<Sample> samples;
  // What is wrong with the text, a line each; empty if nothing is.
  std::string complaints;
};

// Checks that help and type come before the samples of a metric and these in
// one piece, names, labels and escapes, that no sample comes twice, that
// counters end in _total and no gauge does, and that buckets of histograms
// ascend, end with +Inf and fit _count and _sum.
PrometheusMetrics ParsePrometheus(const std::string& text);

}  // namespace rocksdb_uring
