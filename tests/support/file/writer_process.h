// A child process that runs beside the test until the test kills it.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace rocksdb_uring {

class WriterProcess {
 public:
  // Runs argv[0]; what it prints goes to the file `output`.
  WriterProcess(const std::vector<std::string>& argv,
                const std::string& output);
  // Kills it if nobody has.
  ~WriterProcess();
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;

  // Whether it has not ended by itself.
  bool running();
  // SIGKILL, and waits until it is gone. Returns whether that has ended it.
  bool Kill();

 private:
  // -1 if it could not be started, or has ended.
  pid_t child_ = -1;
};

}  // namespace rocksdb_uring
