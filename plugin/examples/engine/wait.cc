// Waits for a read with a timeout, and ends one at its deadline.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "rocksdb_uring/engine.h"

using rocksdb_uring::Engine;
using rocksdb_uring::EngineBuffer;
using rocksdb_uring::EngineConfig;
using rocksdb_uring::Operation;
using rocksdb_uring::OperationState;

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  std::string error;
  const std::shared_ptr<Engine> engine = Engine::Create(EngineConfig(), &error);
  const int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (engine == nullptr || fd < 0) {
    fprintf(stderr, "%s\n", engine == nullptr ? error.c_str() : argv[1]);
    return 1;
  }

  // A wait that ends does not end the read: its buffer is the kernel's until it
  // is complete.
  EngineBuffer buffer = engine->AllocateBuffer(4096);
  Operation read;
  read.Read(fd, buffer.data(), 4096, 0);
  if (engine->Submit(&read)) {
    while (!engine->Wait(&read, /*timeout_us=*/1000)) {
      printf("still reading\n");
    }
  } else {
    engine->Run(&read);
  }
  printf("read %lld bytes\n", static_cast<long long>(read.result()));

  // A deadline does: buffer and descriptor are ours again in any case.
  Operation bounded;
  Operation* const list = &bounded;
  bounded.Read(fd, buffer.data(), 4096, 0);
  if (engine->RunUntil(&list, 1, /*timeout_us=*/1000000)) {
    printf("in time: %lld bytes\n", static_cast<long long>(bounded.result()));
  } else if (bounded.state() == OperationState::kAbandoned) {
    printf("the device does not answer\n");
  }
  close(fd);
  return read.result() < 0 ? 1 : 0;
}
