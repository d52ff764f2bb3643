// denied_test_child SCENARIO SEED: works with the plugin in the current
// directory, and writes what it has found to report.json. Prints nothing.
//
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>

#include "tests/faults/denied/scenarios.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    return 2;
  }
  rocksdb_uring::Scenarios scenarios(strtoull(argv[2], nullptr, 10));
  if (!scenarios.Run(argv[1])) {
    return 2;
  }
  std::ofstream report("report.json");
  report << scenarios.Report().dump(2);
  report.close();
  return report.good() ? 0 : 1;
}
