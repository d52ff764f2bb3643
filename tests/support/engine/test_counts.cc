// SPDX-License-Identifier: Apache-2.0

#include "tests/support/engine/test_counts.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "env/base/file_descriptor.h"

namespace rocksdb_uring {

namespace {

std::atomic<uint64_t> faults{0};
std::atomic<uint64_t> bad_inputs{0};

// 1234567 as 1,234,567.
std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t end = digits.size(); end > 3; end -= 3) {
    digits.insert(end - 3, ",");
  }
  return digits;
}

}  // namespace

void CountFaults(uint64_t count) { faults += count; }
uint64_t FaultsInjected() { return faults; }
void CountBadInputs(uint64_t count) { bad_inputs += count; }

void ReportCounts(const std::string& program) {
  const std::string name = program.substr(program.rfind('/') + 1);
  if (faults + bad_inputs > 0) {
    printf("%s: %s faults injected, %s bad inputs tried\n", name.c_str(),
           Grouped(faults).c_str(), Grouped(bad_inputs).c_str());
  }
  const char* const path = getenv("ROCKSDB_URING_TEST_COUNTS");
  if (path == nullptr) {
    return;
  }
  // One write: processes that end at the same time do not mix their lines.
  const FileDescriptor file(
      open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  const std::string line = name + " " + std::to_string(faults) + " " +
                           std::to_string(bad_inputs) + "\n";
  if (write(file.get(), line.data(), line.size()) !=
      static_cast<ssize_t>(line.size())) {
    perror(path);
  }
}

}  // namespace rocksdb_uring
