// A system error number with its sign made part of the type: system calls set
// a positive errno, rings and the engine return it negated, and mixing the two
// is the classic way to report "Unknown error -14".
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace rocksdb_uring {

class Errno {
 public:
  // `value` as in errno: positive, or 0 for success.
  static constexpr Errno FromErrno(int value) { return Errno(value); }
  // `result` as from io_uring and IoOp::result: negated errno, or >= 0.
  static constexpr Errno FromResult(int64_t result) {
    return Errno(result < 0 ? static_cast<int>(-result) : 0);
  }

  constexpr bool ok() const { return value_ == 0; }
  // Positive errno, 0 for success.
  constexpr int value() const { return value_; }
  struct Buffer {
    char data[128];
  };
  // The text of the C library for a log line, in `buffer` or in constant
  // memory. Allocates nothing: error.text(Errno::Buffer()) is valid to the end
  // of the statement.
  const char* text(Buffer&& buffer) const {
    return strerror_r(value_, buffer.data, sizeof(buffer.data));
  }
  // The text of the C library, as RocksDB's own messages have it.
  std::string message() const {
    char buffer[256];
    // GNU strerror_r: returns the text, which need not be in `buffer`.
    return std::string(strerror_r(value_, buffer, sizeof(buffer)));
  }

 private:
  explicit constexpr Errno(int value) : value_(value) {}
  int value_;
};

}  // namespace rocksdb_uring
