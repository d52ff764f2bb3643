// The environment of gtest that gives a test program its own mounts.
//
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/engine/private_mounts.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace rocksdb_uring {

namespace {

std::string& Why() {
  static std::string why;
  return why;
}

// Runs before any test has started a thread: a thread keeps the mount namespace
// it was created in.
class PrivateMounts : public ::testing::Environment {
 public:
  void SetUp() override {
    // In a chroot / is no mount (EINVAL); fixtures unmount what they have
    // mounted in any case.
    if (unshare(CLONE_NEWNS) != 0 ||
        (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 &&
         errno != EINVAL)) {
      Why() = std::string("mounts of its own are refused: ") + strerror(errno) +
              "; run it as root";
    }
  }
};

// The linker takes this file from its library for programs that use its
// functions only, so no other program gets the environment.
const ::testing::Environment* const private_mounts =
    ::testing::AddGlobalTestEnvironment(new PrivateMounts());

}  // namespace

const std::string& WhyNoPrivateMounts() { return Why(); }

void Unmount(const std::string& mount_point) {
  // The kernel may drop its last reference to a closed file some time after
  // close() has returned.
  for (int attempt = 0; attempt < 3000; ++attempt) {
    if (umount2(mount_point.c_str(), 0) == 0) {
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ADD_FAILURE() << mount_point << " is busy: a file was left open";
  umount2(mount_point.c_str(), MNT_DETACH);
}

}  // namespace rocksdb_uring
