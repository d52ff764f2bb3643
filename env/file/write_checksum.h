// Checks data against the checksum that RocksDB hands over with them.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "env/file/rocksdb_compat.h"

namespace rocksdb_uring {

// OK if `data` have the checksum of `info`, or if it is empty or of a kind
// that is not known here (only CRC32c is, the one that RocksDB hands over);
// else Corruption that names the file and the offset in it.
rocksdb::IOStatus VerifyHandedOver(const rocksdb::Slice& data,
                                   const rocksdb::DataVerificationInfo& info,
                                   const std::string& file_name,
                                   uint64_t offset);

}  // namespace rocksdb_uring
