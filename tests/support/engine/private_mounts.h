// Mounts that only this process and its children see. They vanish with the
// process, even after SIGKILL.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace rocksdb_uring {

// Why this process has no mount namespace of its own; empty if it has one. A
// program that calls this function gets one before its first test.
const std::string& WhyNoPrivateMounts();

// Unmounts `mount_point`. A file that is left open there fails the test; the
// mount is then detached.
void Unmount(const std::string& mount_point);

}  // namespace rocksdb_uring
