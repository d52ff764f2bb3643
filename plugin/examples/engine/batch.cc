// A batch of writes, then a batch of reads, each with one call.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "rocksdb_uring/engine.h"

using rocksdb_uring::Engine;
using rocksdb_uring::EngineConfig;
using rocksdb_uring::Operation;

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  EngineConfig config;
  std::string error;
  if (!config.Parse("queue_depth=32;rings_max=8", &error)) {
    fprintf(stderr, "%s\n", error.c_str());
    return 2;
  }
  const std::shared_ptr<Engine> engine = Engine::Create(config, &error);
  const int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (engine == nullptr || fd < 0) {
    fprintf(stderr, "%s\n", engine == nullptr ? error.c_str() : argv[1]);
    return 1;
  }
  constexpr size_t kCount = 32;
  constexpr size_t kBlock = 4096;
  std::vector<Operation> operations(kCount);
  std::vector<Operation*> list;
  std::vector<std::string> blocks;
  for (size_t i = 0; i < kCount; ++i) {
    list.push_back(&operations[i]);
    blocks.emplace_back(kBlock, static_cast<char>('a' + i % 26));
    operations[i].Write(fd, blocks[i].data(), kBlock, i * kBlock);
  }
  engine->Run(list.data(), list.size());

  std::vector<std::vector<char>> buffers(kCount, std::vector<char>(kBlock));
  for (size_t i = 0; i < kCount; ++i) {
    operations[i].Read(fd, buffers[i].data(), kBlock, i * kBlock);
  }
  engine->Run(list.data(), list.size());
  size_t right = 0;
  for (size_t i = 0; i < kCount; ++i) {
    right += operations[i].result() == kBlock &&
             std::memcmp(buffers[i].data(), blocks[i].data(), kBlock) == 0;
  }
  close(fd);
  printf("%zu of %zu blocks are right\n", right, kCount);
  return right == kCount ? 0 : 1;
}
