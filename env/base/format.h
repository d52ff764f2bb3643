// printf into a string, for lines that people read.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdarg>
#include <cstdio>
#include <string>

namespace rocksdb_uring {

// Cut off after 1,023 bytes.
[[gnu::format(printf, 1, 2)]] inline std::string Format(const char* format,
                                                        ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  return line;
}

}  // namespace rocksdb_uring
