// A machine without io_uring, for real: a seccomp filter as containers have it
// makes the system calls fail, in a process of its own.
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/file/child.h"
#include "tests/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

struct Denial {
  const char* mode;
  int error;
};

void PrintTo(const Denial& denial, std::ostream* out) {
  *out << denial.mode << " with " << denial.error;
}

class FallbackTest : public ::testing::TestWithParam<Denial> {
 protected:
  void SetUp() override {
    WriteFile(path_, RandomBytes(200000, 23));
    SkipWithoutDirectReads(true, path_);
    const std::string report = directory_.file("report");
    result_ = RunChild({FILE_TEST_CHILD_PATH, GetParam().mode,
                        std::to_string(GetParam().error), path_, report});
    std::istringstream lines(ReadWholeFile(report));
    for (std::string line; std::getline(lines, line);) {
      report_[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
    }
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000023.sst");
  ChildResult result_;
  std::map<std::string, std::string> report_;
};

TEST_P(FallbackTest, ServesEverythingThroughPosix) {
  EXPECT_EQ(result_.exit_code, 0);
  EXPECT_EQ(report_["open"], "OK");
  EXPECT_EQ(report_["buffered"], "1");
  EXPECT_EQ(report_["direct"], "1");
  EXPECT_EQ(report_["buffered_async"].rfind("Not implemented", 0), 0u)
      << report_["buffered_async"];
  EXPECT_EQ(report_["direct_async"].rfind("Not implemented", 0), 0u)
      << report_["direct_async"];
}

TEST_P(FallbackTest, SaysWhyAndWhatToDo) {
  const auto json = nlohmann::json::parse(report_["statistics"]);
  const std::string reason = json["fallback"]["reason"];
  const std::string remedy = json["fallback"]["remedy"];
  EXPECT_NE(reason.find("io_uring"), std::string::npos) << reason;
  EXPECT_FALSE(remedy.empty());
  EXPECT_EQ(json["engine"]["kind"], "posix");
  EXPECT_EQ(json["ops"]["multi_read"]["ring"]["count"], 0);
  EXPECT_GT(json["ops"]["read"]["posix"]["count"], 0);
}

TEST_P(FallbackTest, RequireFailsWithTheSameText) {
  const auto json = nlohmann::json::parse(report_["statistics"]);
  const std::string& text = report_["require"];
  EXPECT_EQ(report_["required_is_null"], "1");
  EXPECT_NE(text.find("fallback=require"), std::string::npos) << text;
  EXPECT_NE(text.find(json["fallback"]["reason"].get<std::string>()),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(json["fallback"]["remedy"].get<std::string>()),
            std::string::npos)
      << text;
}

TEST_P(FallbackTest, PrintsNothing) { EXPECT_EQ(result_.output, ""); }

INSTANTIATE_TEST_SUITE_P(Denials, FallbackTest,
                         ::testing::Values(Denial{"deny", EPERM},
                                           Denial{"deny", ENOSYS},
                                           Denial{"deny", EACCES},
                                           Denial{"deny_enter", EPERM}),
                         [](const ::testing::TestParamInfo<Denial>& info) {
                           return std::string(info.param.mode) + "_" +
                                  std::to_string(info.param.error);
                         });

}  // namespace
}  // namespace rocksdb_uring
