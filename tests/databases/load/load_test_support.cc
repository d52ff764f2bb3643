// SPDX-License-Identifier: Apache-2.0

#include "tests/databases/load/load_test_support.h"

#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

bool BuiltWithSanitizer() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return true;
#else
  return false;
#endif
#else
  return false;
#endif
}

namespace {

Ran Parse(const ChildResult& result) {
  Ran ran;
  ran.exit_code = result.exit_code;
  ran.output = result.output;
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) {
    // Names may hold an equals sign: the value begins behind the last one.
    const size_t equals = line.rfind('=');
    if (equals != std::string::npos) {
      ran.said[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  return ran;
}

}  // namespace

void PreloadTest::SetUp() {
  unsetenv("ROCKSDB_URING");
  unsetenv("ROCKSDB_URING_OPTIONS");
  if (BuiltWithSanitizer()) {
    GTEST_SKIP() << "a library built with a sanitizer cannot be preloaded";
  }
}

Ran PreloadTest::RunPreloaded(const std::vector<std::string>& argv,
                              const Environment& more) {
  Environment environment = {
      {"LD_PRELOAD", ROCKSDB_URING_PRELOAD},
      {"ROCKSDB_URING_OPTIONS", "stats_interval_s=0;stats_file=" + stats_}};
  for (const auto& variable : more) {
    environment.erase(std::remove_if(environment.begin(), environment.end(),
                                     [&](const auto& own) {
                                       return own.first == variable.first;
                                     }),
                      environment.end());
    environment.push_back(variable);
  }
  unlink(stats_.c_str());
  return Parse(RunChild(argv, environment));
}

Ran PreloadTest::RunPlain(const std::vector<std::string>& argv,
                          const Environment& more) {
  unlink(stats_.c_str());
  return Parse(RunChild(argv, more));
}

nlohmann::json PreloadTest::Statistics() const {
  if (access(stats_.c_str(), R_OK) != 0) {
    return nullptr;
  }
  return nlohmann::json::parse(ReadWholeFile(stats_), nullptr, false);
}

uint64_t PreloadTest::Counter(const std::string& pointer) const {
  const nlohmann::json statistics = Statistics();
  return statistics.is_object()
             ? statistics.at(nlohmann::json::json_pointer(pointer))
                   .get<uint64_t>()
             : 0;
}

}  // namespace rocksdb_uring
