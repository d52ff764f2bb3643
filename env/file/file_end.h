// Where a file that was written ends.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "env/file/open_file.h"

namespace rocksdb_uring {

// Sets the size of the file, in bytes; 0 or a negated errno. Repeated when a
// signal interrupts it.
int64_t CutFile(const OpenFile& file, uint64_t size);

// Gives back what was preallocated behind `size` and not written. `allocated`
// is up to where space may have been allocated; `punches` whether blocks may be
// punched out. Failures do no harm: the space goes with the file.
// A WAL that has another name by now is left as it is.
void TrimPreallocation(const OpenFile& file, uint64_t size, uint64_t allocated,
                       bool punches);

}  // namespace rocksdb_uring
