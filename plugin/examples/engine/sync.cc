// Makes a file durable: preallocates it, writes, starts the write-out early,
// and syncs.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "rocksdb_uring/engine.h"

using rocksdb_uring::Engine;
using rocksdb_uring::EngineConfig;
using rocksdb_uring::Operation;

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  std::string error;
  const std::shared_ptr<Engine> engine = Engine::Create(EngineConfig(), &error);
  const int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (engine == nullptr || fd < 0) {
    fprintf(stderr, "%s\n", engine == nullptr ? error.c_str() : argv[1]);
    return 1;
  }
  const std::string data(1 << 20, 'x');
  Operation operation;
  operation.Fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, data.size());
  // Not all filesystems preallocate: nothing depends on it.
  (void)engine->Run(&operation);
  operation.Write(fd, data.data(), data.size(), 0);
  const int64_t written = engine->Run(&operation);
  operation.SyncFileRange(fd, 0, data.size(), SYNC_FILE_RANGE_WRITE);
  (void)engine->Run(&operation);
  // Durable, with its size. Fsync is for the other attributes, too.
  operation.Fdatasync(fd);
  const int64_t synced = engine->Run(&operation);
  close(fd);
  printf("wrote %lld bytes, sync: %lld\n", static_cast<long long>(written),
         static_cast<long long>(synced));
  return written == 1 << 20 && synced == 0 ? 0 : 1;
}
