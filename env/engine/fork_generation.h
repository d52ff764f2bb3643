// Tells a forked child from the process that made an object.
#pragma once

#include <cstdint>

namespace rocksdb_uring {

// Grows by one in every child of fork(). Objects that hold rings remember the
// value of their birth: if it has changed, the rings are the parent's and must
// not be touched. Safe for concurrent use; costs one load.
uint32_t ForkGeneration();

}  // namespace rocksdb_uring
