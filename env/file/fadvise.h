// Dropping a file's pages from the page cache, for every kind of file.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include "env/file/io_status.h"
#include "env/file/open_file.h"

namespace rocksdb_uring {

// [offset, offset + length) of the file, in bytes; length 0 means to its end.
// OK for direct files, which have no pages there.
inline rocksdb::IOStatus DropFromPageCache(const OpenFile& file, size_t offset,
                                           size_t length) {
  if (file.direct()) {
    return rocksdb::IOStatus::OK();
  }
  const int error =
      posix_fadvise(file.fd.get(), static_cast<off_t>(offset),
                    static_cast<off_t>(length), POSIX_FADV_DONTNEED);
  if (error == 0) {
    return rocksdb::IOStatus::OK();
  }
  return MakeIOStatus("While fadvise NotNeeded offset " +
                          std::to_string(offset) + " len " +
                          std::to_string(length),
                      file.name, Errno::FromErrno(error));
}

}  // namespace rocksdb_uring
