// A small program on the plugin, for tests that need a process of their own.
//
//   file_test_child leak OPTIONS FILE
//     reads FILE through a file system that is never destroyed, and returns
//     from main
//
// It prints nothing.
//
// SPDX-License-Identifier: Apache-2.0

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/file/rocksdb_compat.h"
#include "rocksdb_uring/uring.h"

namespace {

using rocksdb_uring::AlignedBuffer;
using rocksdb_uring::NewUringFileSystem;

namespace rocksdb = ROCKSDB_NAMESPACE;

constexpr size_t kBlock = 4096;

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

std::unique_ptr<rocksdb::FSRandomAccessFile> Open(
    rocksdb::FileSystem* file_system, const std::string& path, bool direct) {
  rocksdb::FileOptions options;
  options.use_direct_reads = direct;
  std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  file_system->NewRandomAccessFile(path, options, &file, nullptr)
      .PermitUncheckedError();
  return file;
}

// All blocks of the file in one batch, and one by one.
bool ReadsRight(rocksdb::FSRandomAccessFile* file, const std::string& model) {
  const size_t count = model.size() / kBlock + 1;
  const AlignedBuffer buffer(count * kBlock, kBlock);
  std::vector<rocksdb::FSReadRequest> requests(count);
  for (size_t i = 0; i < count; ++i) {
    requests[i].offset = i * kBlock;
    requests[i].len = kBlock;
    requests[i].scratch = buffer.data() + i * kBlock;
  }
  const rocksdb::IOOptions options;
  if (!file->MultiRead(requests.data(), count, options, nullptr).ok()) {
    return false;
  }
  std::string batch;
  std::string singles;
  for (rocksdb::FSReadRequest& request : requests) {
    if (!request.status.ok()) {
      return false;
    }
    batch += request.result.ToString();
    rocksdb::Slice result;
    if (!file->Read(request.offset, request.len, options, &result,
                    request.scratch, nullptr)
             .ok()) {
      return false;
    }
    singles += result.ToString();
  }
  return batch == model && singles == model;
}

int Leak(const std::string& options, const std::string& path) {
  // Reachable for ever, as RocksDB's default file system.
  static auto* leaked = new std::shared_ptr<rocksdb::FileSystem>();
  if (!NewUringFileSystem(options, leaked).ok()) {
    return 1;
  }
  const auto file = Open(leaked->get(), path, false);
  return file != nullptr && ReadsRight(file.get(), Contents(path)) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "leak" && argc == 4) {
    return Leak(argv[2], argv[3]);
  }
  return 2;
}
