// A library whose initialiser waits for a thread that needs RocksDB's default
// environment: with the dynamic linker's lock held, as in every initialiser of
// a library that is loaded at run time.
//
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <future>
#include <memory>
#include <thread>

#include "rocksdb/env.h"

namespace {

// Far more than it takes; a thread that waits for the lock never comes.
constexpr std::chrono::seconds kPatience{20};

bool WaitForThread() {
  auto made = std::make_shared<std::promise<rocksdb::Env*>>();
  std::thread([made] { made->set_value(rocksdb::Env::Default()); }).detach();
  return made->get_future().wait_for(kPatience) == std::future_status::ready;
}

const bool ready = WaitForThread();

}  // namespace

extern "C" __attribute__((visibility("default"))) bool initialiser_ready() {
  return ready;
}
