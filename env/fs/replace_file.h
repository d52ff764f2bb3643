// Writes a file as a whole, for readers that come at any moment.
#pragma once

#include <string>

namespace rocksdb_uring {

// Puts `content` into a new file beside `path` and renames it to `path`: a
// reader sees the old or the new content. Follows no link that is planted under
// either name, so it is safe in a directory that others may write to. The mode
// is 0666 less the umask. False if it could not be written; nothing is left
// behind then. Not durable: nothing is synced.
bool ReplaceFile(const std::string& path, const std::string& content);

}  // namespace rocksdb_uring
