// Watches the file that an operator writes to change the settings of a running
// process.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "env/base/errno_code.h"
#include "env/fs/live_control.h"

namespace rocksdb_uring {

class Ticker;

// A thread looks at the file once a second, with stat(2), and reads it when it
// has changed. Not inotify: it sees no changes that another host makes on NFS
// and no replaced directory links, by which Kubernetes updates files, and its
// instances are limited for each user (128 by default). A call a second costs
// less than any of these.
class ControlFile {
 public:
  // `path`: `%p` is replaced by the process id; a relative path starts in the
  // current directory of this moment. Applies the file before it returns, if it
  // is there. `control` is not owned.
  ControlFile(const std::string& path, LiveControl* control);
  // Waits for a look that runs. In a forked child there is no thread to wait
  // for.
  ~ControlFile();
  ControlFile(const ControlFile&) = delete;
  ControlFile& operator=(const ControlFile&) = delete;

 private:
  // Applies the file if it may have changed since the last look.
  void Look();
  void ReportUnreadable(Errno error);
  // The content; nothing, after a report, if the file cannot be read or has
  // changed meanwhile.
  std::optional<std::string> Read(const struct stat& expected);

  const uint32_t generation_;
  const std::string path_;
  LiveControl* const control_;
  // As of the last look that read it.
  struct stat seen_ = {};
  // A write within the same tick of the clock would leave `seen_` as it is.
  bool settled_ = false;
  std::optional<std::string> text_;
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace rocksdb_uring
