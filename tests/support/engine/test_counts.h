// How much trouble this test process has made: sums that the end of its main
// prints, and appends as one line to the file that ROCKSDB_URING_TEST_COUNTS
// names, where tests/run.sh adds them up.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace rocksdb_uring {

// Errors, short transfers and refusals that a seam has given in place of the
// kernel's answer, killed processes and power failures. Delays do not count.
// Safe for concurrent use.
void CountFaults(uint64_t count = 1);
uint64_t FaultsInjected();

// Options, URIs, flags and the like that were wrong on purpose, and refused.
void CountBadInputs(uint64_t count = 1);

// `program` is argv[0].
void ReportCounts(const std::string& program);

}  // namespace rocksdb_uring
