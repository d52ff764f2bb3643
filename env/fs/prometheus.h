// The statistics in the text format of Prometheus.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "env/engine/shared_engine.h"
#include "env/fs/live_control.h"

namespace rocksdb_uring {

// All metrics, in the exposition format 0.0.4. Names are part of the interface:
// later versions add some and keep the existing ones. `engine` is null while
// the file system is switched off. With `label_process` every metric has the
// label `pid`: for files of several processes in one directory, where node
// exporter accepts no metric twice.
std::string StatsToPrometheus(const SharedEngine* engine,
                              const FallbackState& fallback,
                              const ControlReport& control, bool label_process);

}  // namespace rocksdb_uring
