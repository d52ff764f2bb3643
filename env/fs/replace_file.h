// Writes a whole file, so that concurrent readers see the old or new content.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace rocksdb_uring {

// Writes `content` to a new file beside `path` and renames it to `path`. Does
// not follow a link planted under either name, so it is safe in a directory
// that other users may write to. The mode is 0666 without the bits of the
// umask. Returns false on failure, and then leaves no file behind. Syncs
// nothing.
bool ReplaceFile(const std::string& path, const std::string& content);

}  // namespace rocksdb_uring
