// Where a file that is written ends, and the space that it takes behind that.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "env/file/open_file.h"

namespace rocksdb_uring {

// Sets the size of the file, in bytes; 0 or a negated errno. Repeated when a
// signal interrupts it.
int64_t CutFile(const OpenFile& file, uint64_t size);

// Takes the space of [offset, offset + length). It becomes the file's size
// unless `keeps_size`, and even then if that makes the writes of a table faster
// and the caller says that Close cuts off the rest (`may_set_size`). A crash
// before that leaves zeros behind a table that no MANIFEST names. Blocks; 0 or
// a negated errno.
int64_t Preallocate(const OpenFile& file, uint64_t offset, uint64_t length,
                    bool keeps_size, bool may_set_size);

// Gives back what was preallocated behind `size` and not written. `allocated`
// is up to where space may have been allocated; `punches` whether blocks may be
// punched out. Failures do no harm: the space goes with the file.
// A WAL that has another name by now is left as it is.
void TrimPreallocation(const OpenFile& file, uint64_t size, uint64_t allocated,
                       bool punches);

}  // namespace rocksdb_uring
