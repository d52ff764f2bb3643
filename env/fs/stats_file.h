// The statistics as JSON, and a file that they, or another text, are written
// to.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "env/base/mutex.h"
#include "env/engine/shared_engine.h"
#include "env/fs/live_control.h"

namespace rocksdb_uring {

// One JSON object. Its keys are part of the interface: later versions add keys
// and keep the existing ones.
// `engine` is null while the file system is switched off.
std::string StatsToJson(const SharedEngine* engine,
                        const FallbackState& fallback,
                        const ControlReport& control);

// The numbers of such an object by their dotted names:
// `ops.multi_read.ring.count`.
std::map<std::string, uint64_t> FlattenStats(const std::string& json);

// The name that an open file has now; empty if it has been closed meanwhile.
std::string FileOfDescriptor(int fd);

// Writes a file when it is told to, on destruction, and at exit if the process
// ends before that. Each write replaces the file by rename (replace_file.h),
// one at a time in this process. Failures to write are silent, because
// statistics must not break a database.
class StatsFile {
 public:
  // `path`: `%p` is replaced by the process id; a relative path starts in the
  // current directory of this moment. `content` is called by any thread, until
  // the destructor returns.
  StatsFile(const std::string& path, std::function<std::string()> content);
  // Writes a last time, unless this is a forked child: then the file is the
  // parent's.
  ~StatsFile();
  StatsFile(const StatsFile&) = delete;
  StatsFile& operator=(const StatsFile&) = delete;

  // As SharedEngine::RegisterForkHandler, for callers that create and destroy
  // objects of this class while they hold a lock.
  static void RegisterForkHandler();

  // Replaces the file, unless `content` returns nothing. Safe for concurrent
  // use.
  void Write();

 private:
  const uint32_t generation_;
  const std::string path_;
  const std::function<std::string()> content_;
};

}  // namespace rocksdb_uring
