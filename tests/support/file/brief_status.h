// What of a status two file systems must agree on: all but its text.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "env/file/rocksdb_compat.h"
#include "rocksdb/status.h"

namespace rocksdb_uring {

inline std::string BriefOf(const rocksdb::Status& status) {
  if (status.ok()) {
    return "OK";
  }
  return "code " + std::to_string(status.code()) + ", sub-code " +
         std::to_string(status.subcode()) + ", severity " +
         std::to_string(status.severity());
}

inline std::string BriefOf(const rocksdb::IOStatus& status) {
  const std::string brief =
      BriefOf(static_cast<const rocksdb::Status&>(status));
  return status.ok() ? brief
                     : brief + (status.GetRetryable() ? ", retryable" : "") +
                           (status.GetDataLoss() ? ", data loss" : "") +
                           ", scope " + std::to_string(status.GetScope());
}

}  // namespace rocksdb_uring
