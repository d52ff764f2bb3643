// Writes three pieces of memory as one, and reads them back into two.
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
  char one[] = "one ";
  char two[] = "two ";
  char three[] = "three";
  const iovec out[] = {{one, 4}, {two, 4}, {three, 5}};
  Operation operation;
  operation.Writev(fd, out, 3, 0);
  engine->Run(&operation);
  printf("wrote %lld bytes\n", static_cast<long long>(operation.result()));

  char first[7] = {};
  char rest[16] = {};
  const iovec in[] = {{first, 6}, {rest, 15}};
  operation.Readv(fd, in, 2, 0);
  // The file has fewer bytes than there is room for.
  const int64_t read = engine->Run(&operation);
  close(fd);
  printf("read %lld bytes: %s%s\n", static_cast<long long>(read), first, rest);
  return read == 13 ? 0 : 1;
}
