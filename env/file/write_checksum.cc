// CRC32c of the data against the one that came with them.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/write_checksum.h"

#include <algorithm>
#include <memory>

#include "rocksdb/file_checksum.h"

namespace rocksdb_uring {

using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

// Little endian, as it is handed over. RocksDB's public way to its CRC32c is
// the generator of file checksums, which gives the same number big endian.
std::string Crc32c(const Slice& data) {
  // Asked for once: each answer counts a reference that the process shares.
  // Never destroyed, since files may outlive static objects.
  static const auto* const factory =
      new std::shared_ptr<rocksdb::FileChecksumGenFactory>(
          rocksdb::GetFileChecksumGenCrc32cFactory());
  const std::unique_ptr<rocksdb::FileChecksumGenerator> generator =
      (*factory)->CreateFileChecksumGenerator(
          rocksdb::FileChecksumGenContext());
  generator->Update(data.data(), data.size());
  generator->Finalize();
  std::string checksum = generator->GetChecksum();
  std::reverse(checksum.begin(), checksum.end());
  return checksum;
}

}  // namespace

IOStatus VerifyHandedOver(const Slice& data,
                          const rocksdb::DataVerificationInfo& info,
                          const std::string& file_name, uint64_t offset) {
  constexpr size_t kCrc32cBytes = 4;
  if (info.checksum.size() != kCrc32cBytes ||
      info.checksum == Slice(Crc32c(data))) {
    return IOStatus::OK();
  }
  return IOStatus::Corruption(
      "Checksum handed over for " + std::to_string(data.size()) +
          " bytes at offset " + std::to_string(offset) + " does not match",
      file_name);
}

}  // namespace rocksdb_uring
