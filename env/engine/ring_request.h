// Turns an operation into the request that a ring takes.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "env/engine/io_op.h"
#include "env/ring/ring.h"

namespace rocksdb_uring {

// Requests handed to the kernel at once: few enough that the device starts on
// the first ones while the later ones are prepared (measured:
// env/MEASUREMENTS.md).
constexpr unsigned kSubmitChunk = 8;

// Whether one request can carry the whole operation: lengths are 32 bits wide
// on a ring, and one offset has another meaning there.
bool FitsRing(const IoOp& op);

// REQUIRES: FitsRing(op).
RingRequest MakeRequest(const IoOp& op, uint64_t user_data);

}  // namespace rocksdb_uring
