// The HTML report, written from figures that were never measured: it is whole,
// names no other address, and holds verdict and data.
//
// SPDX-License-Identifier: Apache-2.0
#include "tools/compare/html_report.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/engine/test_support.h"
#include "tests/unit/tools/synthetic_figures.h"
#include "tests/unit/tools/tool_program.h"
#include "tools/compare/outputs.h"
#include "tools/compare/svg.h"

namespace rocksdb_uring {
namespace {

// The first thing that is wrong with the elements of a page: each is closed, in
// order, and ids differ. Empty when nothing is.
std::string FirstFlaw(const std::string& page) {
  static const std::regex tag(
      R"re(<(/?)([a-zA-Z][\w]*)((?:\s+[\w:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(/?)>|<)re");
  static const std::regex id(R"re(\sid\s*=\s*["']([^"']*)["'])re");
  std::vector<std::string> open;
  std::vector<std::string> ids;
  const size_t start = page.find("<html");
  if (start == std::string::npos) return "no html element";
  for (std::sregex_iterator at(page.begin() + start, page.end(), tag), end;
       at != end; ++at) {
    const std::smatch& match = *at;
    if (match[0] == "<") return "a stray <";
    const std::string attributes = match[3];
    std::smatch named;
    if (std::regex_search(attributes, named, id)) {
      for (const std::string& other : ids) {
        if (other == named[1]) return "id twice: " + other;
      }
      ids.push_back(named[1]);
    }
    if (match[4] == "/") continue;
    if (match[1] != "/") {
      open.push_back(match[2]);
    } else if (open.empty() || open.back() != match[2]) {
      return "closed without being open: " + match[2].str();
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "not closed: " + open.back();
}

// Nothing that a browser would fetch, and no address at all.
void ExpectSelfContained(const std::string& page) {
  EXPECT_FALSE(Contains(page, "http:"));
  EXPECT_FALSE(Contains(page, "https:"));
  EXPECT_FALSE(Contains(page, "//www"));
  EXPECT_FALSE(Contains(page, "@import"));
  EXPECT_FALSE(Contains(page, "url("));
  EXPECT_FALSE(Contains(page, " src="));
  static const std::regex outside(R"re(href\s*=\s*["'][^#])re");
  EXPECT_FALSE(std::regex_search(page, outside));
}

nlohmann::json DataOf(const std::string& page) {
  const std::string start = "<script type=\"application/json\" id=\"data\">";
  const size_t from = page.find(start);
  const size_t to = page.find("</script>", from);
  if (from == std::string::npos || to == std::string::npos) return {};
  return nlohmann::json::parse(
      page.substr(from + start.size(), to - from - start.size()), nullptr,
      /*allow_exceptions=*/false);
}

class HtmlReportTest : public testing::Test {
 protected:
  std::string Write(const std::vector<WorkloadFigures>& workloads,
                    bool complete) {
    OutputSettings settings;
    settings.report_path = directory_.file("report.html");
    settings.contenders = {"POSIX", "uring://"};
    settings.names = {"posix", "uring"};
    Machine machine;
    machine.kernel = "6.18 <&>";
    Outputs outputs(settings, machine, directory_.file(""));
    std::string error;
    const nlohmann::json json = {{"machine", ToJson(machine)},
                                 {"settings", {{"pairs", 6}}},
                                 {"hostile", "</script><b>&amp;"}};
    EXPECT_TRUE(outputs.Write(workloads, complete, json, &error)) << error;
    std::ifstream file(settings.report_path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

 private:
  const TempDir directory_;
};

std::vector<WorkloadFigures> SomeWorkloads() {
  WorkloadFigures multiget = Synthetic("multiget", 6, 3.4, 0.1);
  AddSeries("cpu", Role::kCpu, 2, 0.1, &multiget);
  multiget.measures = "MultiGet of 32, \"direct\" & <cold>";
  multiget.b_path = "ring 97% page_cache 3%";
  multiget.b_command = "LD_PRELOAD=x db_bench --a='<b>'";
  WorkloadFigures failed;
  failed.name = "scan";
  failed.error = "exited with status 1 <&>";
  return {multiget, Synthetic("get", 6, 1.0, 0.02), failed};
}

TEST_F(HtmlReportTest, IsWellFormedAndSelfContained) {
  const std::string page = Write(SomeWorkloads(), true);
  EXPECT_EQ(FirstFlaw(page), "");
  ExpectSelfContained(page);
  EXPECT_TRUE(Contains(page, "prefers-color-scheme: dark"));
  EXPECT_TRUE(Contains(page, "name=\"viewport\""));
}

TEST_F(HtmlReportTest, HasVerdictFirstThenWorkloadsAndMachine) {
  const std::string page = Write(SomeWorkloads(), true);
  const size_t verdict = page.find("adopt for these workloads, with uring://");
  const size_t workload = page.find("MultiGet of 32");
  const size_t machine = page.find("6.18 &lt;&amp;&gt;");
  EXPECT_LT(verdict, workload);
  EXPECT_LT(workload, machine);
  EXPECT_NE(machine, std::string::npos);
  EXPECT_TRUE(Contains(page, "uring served by: ring 97% page_cache 3%"));
  EXPECT_TRUE(Contains(page, "exited with status 1 &lt;&amp;&gt;"));
}

// A plot where gnuplot is installed, and a table in any case.
TEST_F(HtmlReportTest, PercentilesHaveATableOfTheirOwn) {
  WorkloadFigures multiget = Synthetic("multiget", 6, 3.4, 0.1);
  EXPECT_FALSE(Contains(Write({multiget}, true), "latency of a call"));
  AddSeries("p99.9 µs", Role::kShown, 2, 0.1, &multiget);
  multiget.series.back().is_percentile = true;
  const std::string page = Write({multiget}, true);
  EXPECT_EQ(FirstFlaw(page), "");
  const size_t table = page.find("<th>latency of a call</th>");
  ASSERT_NE(table, std::string::npos);
  EXPECT_LT(page.find("<td>keys/s</td>"), table);
  EXPECT_LT(table, page.find("<td>p99.9 µs</td>"));
  if (Contains(page, "<svg")) {
    EXPECT_TRUE(Contains(page, "multiget: percentiles"));
    EXPECT_TRUE(Contains(page, ">1 ms<")) << "a tick of the axis";
  }
}

TEST_F(HtmlReportTest, OptionsOfRocksDbAreApartFromThePlugin) {
  WorkloadFigures option = Synthetic("rocksdb_x", 6, 1.4, 0.1);
  option.rocksdb_options = "x=1";
  option.names = {"posix, without", "posix, with"};
  const std::string page =
      Write({option, Synthetic("multiget", 6, 3.4, 0.1)}, true);
  EXPECT_EQ(FirstFlaw(page), "");
  const size_t heading = page.find("RocksDB's own options</h2>");
  ASSERT_NE(heading, std::string::npos);
  EXPECT_LT(page.find(">multiget</a>"), heading);
  EXPECT_GT(page.find(">rocksdb_x</a>"), heading);
  EXPECT_TRUE(Contains(page, "<th>posix, with</th>"));
}

TEST_F(HtmlReportTest, HoldsAllDataAsJson) {
  const nlohmann::json json = DataOf(Write(SomeWorkloads(), true));
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["verdict"]["decision"], "adopt_for_some");
  EXPECT_EQ(json["hostile"], "</script><b>&amp;");
}

TEST_F(HtmlReportTest, InterruptedRunLeavesAWholePartialReport) {
  WorkloadFigures half = Synthetic("get", 2, 1.0, 0.02);
  half.error = "interrupted";
  for (const auto& workloads :
       {std::vector<WorkloadFigures>{}, std::vector<WorkloadFigures>{half}}) {
    const std::string page = Write(workloads, false);
    EXPECT_EQ(FirstFlaw(page), "");
    EXPECT_TRUE(Contains(page, "partial: "));
    EXPECT_EQ(DataOf(page)["verdict"]["complete"], false);
  }
}

TEST_F(HtmlReportTest, WithoutGnuplotTablesRemain) {
  const std::string search_path = secure_getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  const std::string page = Write(SomeWorkloads(), true);
  setenv("PATH", search_path.c_str(), 1);
  EXPECT_EQ(FirstFlaw(page), "");
  EXPECT_TRUE(Contains(page, "apt-get install gnuplot-nox"));
  EXPECT_TRUE(Contains(page, "<td>keys/s</td>"));
  EXPECT_FALSE(Contains(page, "<svg"));
}

TEST(InlineSvgTest, LeavesNoAddressesAndNoSharedIds) {
  const std::string svg =
      "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 1 1\" "
      "xmlns=\"http://www.w3.org/2000/svg\" "
      "xmlns:xlink=\"http://www.w3.org/1999/xlink\">\n<title>x</title>"
      "<defs><circle id='gpPt5'/><use xlink:href='#gpPt5' id='gpPt6'/></defs>"
      "<g id=\"gnuplot_canvas\"><use xlink:href='#gpPt6'/></g></svg>";
  const std::string inlined = InlineSvg(svg, "one", "a < b");
  EXPECT_EQ(inlined.compare(0, 5, "<svg "), 0);
  ExpectSelfContained(inlined);
  EXPECT_EQ(
      FirstFlaw("<html>" + inlined + InlineSvg(svg, "two", "") + "</html>"),
      "");
  EXPECT_TRUE(Contains(inlined, "<title>a &lt; b</title>"));
  EXPECT_TRUE(Contains(inlined, "href='#one_gpPt6'"));
}

}  // namespace
}  // namespace rocksdb_uring
