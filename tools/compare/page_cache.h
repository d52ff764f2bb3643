// Brings the page cache into a known state for a set of files before a run, and
// checks that it did.
//
// SPDX-License-Identifier: Apache-2.0
#ifndef ROCKSDB_URING_TOOLS_COMPARE_PAGE_CACHE_H_
#define ROCKSDB_URING_TOOLS_COMPARE_PAGE_CACHE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace rocksdb_uring {

enum class DropMethod {
  kAuto,    // kFiles, then kSystem where pages stayed and this process is root
  kFiles,   // posix_fadvise(DONTNEED) on the files: no privilege, no effect
            // on other programs
  kSystem,  // 3 to /proc/sys/vm/drop_caches: root, and every program on the
            // machine pays
};

// "auto", "files" or "system". Returns false for anything else.
bool ParseDropMethod(const std::string& name, DropMethod* method);

// The table and blob files of a database, the only ones that reads touch once
// it is open.
std::vector<std::string> DataFiles(const std::string& db);

// Share (0..1) of the files' pages that the page cache holds. -1 when it cannot
// be told.
double ResidentShare(const std::vector<std::string>& files);

// Drops the files from the page cache. Returns false with *error when more than
// one per cent stays.
bool DropFromCache(const std::vector<std::string>& files, DropMethod method,
                   std::string* error);

// Brings all of the files into the page cache. Returns false with *error when
// they do not stay, as when memory is too small for them.
bool ReadIntoCache(const std::vector<std::string>& files, std::string* error);

// Brings a random `percent` of the files into the page cache. The same seed
// picks the same share. REQUIRES: the files have been dropped.
bool ReadShareIntoCache(const std::vector<std::string>& files, int percent,
                        uint64_t seed, std::string* error);

}  // namespace rocksdb_uring

#endif  // ROCKSDB_URING_TOOLS_COMPARE_PAGE_CACHE_H_
