// How denied_test_launch says that a condition cannot be made real.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rocksdb_uring {

// Its exit code then; the reason is its output.
constexpr int kExitNotReal = 77;

// A reason that is no defect of the machine: Linux 5.12 to about 6.12.
constexpr char kNotCharged[] =
    "this kernel does not charge rings to RLIMIT_MEMLOCK";

}  // namespace rocksdb_uring
