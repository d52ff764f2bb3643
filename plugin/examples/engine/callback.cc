// Reads a file with callbacks: each takes the next block, until all are read.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "rocksdb_uring/engine.h"

using rocksdb_uring::Engine;
using rocksdb_uring::EngineConfig;
using rocksdb_uring::Operation;

namespace {

constexpr uint64_t kBlock = 4096;
constexpr size_t kDepth = 16;

struct Slot {
  Operation operation;
  std::vector<char> buffer = std::vector<char>(kBlock);
  bool running = false;
};

struct Scan {
  uint64_t bytes = 0;
  bool at_end = false;
  int64_t error = 0;
  Slot slots[kDepth];
};

// Runs inside Wait, Poll or Run of any thread; here there is one. Does little:
// other completions wait for it.
void Done(Operation* operation, void* context) {
  auto* const scan = static_cast<Scan*>(context);
  const int64_t result = operation->result();
  scan->at_end = scan->at_end || result <= 0;
  if (result < 0) {
    scan->error = result;
  } else {
    scan->bytes += static_cast<uint64_t>(result);
  }
}

}  // namespace

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
  Scan scan;
  uint64_t next = 0;
  Slot* running = nullptr;
  do {
    running = nullptr;
    for (Slot& slot : scan.slots) {
      slot.running = slot.running && !slot.operation.completed();
      if (!slot.running && !scan.at_end) {
        slot.operation.set_callback(Done, &scan);
        slot.operation.Read(fd, slot.buffer.data(), kBlock, next);
        next += kBlock;
        slot.running = engine->Submit(&slot.operation);
        if (!slot.running) {
          // No room, or no ring: read here.
          engine->Run(&slot.operation);
        }
      }
      running = slot.running ? &slot : running;
    }
    if (running != nullptr) {
      engine->Wait(&running->operation);
    }
  } while (running != nullptr || !scan.at_end);
  close(fd);
  printf("read %llu bytes\n", static_cast<unsigned long long>(scan.bytes));
  return scan.error == 0 ? 0 : 1;
}
