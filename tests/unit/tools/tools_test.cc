// Runs uring_probe and uring_bench as a user does: their exit codes, what they
// say when something is wrong, and that their JSON can be read.
//
// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "env/base/version.h"
#include "tests/support/engine/test_counts.h"
#include "tests/support/engine/test_support.h"

#ifndef URING_PROBE_PATH
#error "URING_PROBE_PATH is to be defined as the program's path"
#endif
#ifndef URING_BENCH_PATH
#error "URING_BENCH_PATH is to be defined as the program's path"
#endif
#ifndef URING_COMPARE_PATH
#error "URING_COMPARE_PATH is to be defined as the program's path"
#endif

namespace rocksdb_uring {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

struct Program {
  std::vector<std::string> argv;
  Environment environment;
  // What io_uring_setup fails with, as under a container's seccomp profile; 0
  // for no filter.
  int deny_setup_errno = 0;
  // As for io_uring_enter.
  int deny_enter_errno = 0;
};

// In the child, between fork and exec.
bool DenyCall(long call, int error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K,
               SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

[[noreturn]] void Execute(const Program& program, const std::string& out,
                          const std::string& err) {
  constexpr int kExitNotRun = 99;
  std::vector<char*> argv;
  for (const std::string& argument : program.argv) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  for (const auto& variable : program.environment) {
    setenv(variable.first.c_str(), variable.second.c_str(), 1);
  }
  const bool ready =
      freopen(out.c_str(), "w", stdout) != nullptr &&
      freopen(err.c_str(), "w", stderr) != nullptr &&
      (program.deny_setup_errno == 0 ||
       DenyCall(__NR_io_uring_setup, program.deny_setup_errno)) &&
      (program.deny_enter_errno == 0 ||
       DenyCall(__NR_io_uring_enter, program.deny_enter_errno));
  if (ready) {
    execv(argv[0], argv.data());
  }
  _exit(kExitNotRun);
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class ToolsTest : public testing::Test {
 protected:
  ToolsTest() {
    std::filesystem::create_directory(empty());
    unsetenv("ROCKSDB_URING");
    unsetenv("ROCKSDB_URING_OPTIONS");
  }

  std::string path(const std::string& name) const {
    return directory_.file(name);
  }
  std::string empty() const { return path("empty"); }

  std::string MakeFile(const std::string& name, size_t bytes) {
    std::ofstream(path(name)) << std::string(bytes, 'x');
    return path(name);
  }

  Outcome Run(const Program& program) {
    const std::string out = path("stdout");
    const std::string err = path("stderr");
    const pid_t child = fork();
    if (child == 0) {
      Execute(program, out, err);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    Outcome outcome;
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    outcome.out = ReadAll(out);
    outcome.err = ReadAll(err);
    return outcome;
  }

  Outcome Probe(std::vector<std::string> arguments,
                Environment environment = {}) {
    Program program;
    program.argv = {URING_PROBE_PATH};
    program.argv.insert(program.argv.end(), arguments.begin(), arguments.end());
    program.environment = std::move(environment);
    return Run(program);
  }

  // A short run on a small file.
  Outcome Bench(std::vector<std::string> arguments) {
    Program program;
    program.argv = {URING_BENCH_PATH, "--runtime=0.3", "--warmup=0"};
    program.argv.insert(program.argv.end(), arguments.begin(), arguments.end());
    return Run(program);
  }

  // What `arguments` are wrong in: one line that holds all of `parts`.
  void ExpectBadBench(std::vector<std::string> arguments,
                      const std::vector<std::string>& parts) {
    const Outcome outcome = Bench(std::move(arguments));
    CountBadInputs();
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_EQ(outcome.out, "");
    for (const std::string& part : parts) {
      EXPECT_TRUE(Contains(outcome.err, part)) << part << " in " << outcome.err;
    }
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
  }

 private:
  const TempDir directory_;
};

// The version that CMake read for packages and sonames is the header's.
TEST_F(ToolsTest, VersionIsThatOfTheProject) {
  EXPECT_STREQ(kVersion, ROCKSDB_URING_PROJECT_VERSION);
  for (const auto& tool :
       {std::make_pair("uring_probe", URING_PROBE_PATH),
        std::make_pair("uring_bench", URING_BENCH_PATH),
        std::make_pair("uring_compare", URING_COMPARE_PATH)}) {
    Program program;
    program.argv = {tool.second, "--version"};
    const Outcome outcome = Run(program);
    EXPECT_EQ(outcome.exit_code, 0) << tool.first;
    EXPECT_EQ(outcome.out, std::string(tool.first) + " " + kVersion + "\n");
    EXPECT_EQ(outcome.err, "") << tool.first;
  }
}

class ProbeTest : public ToolsTest {};
class BenchTest : public ToolsTest {};

TEST_F(ProbeTest, VerdictAndExitCodeAgree) {
  const Outcome outcome = Probe({"--json", empty()});
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.exit_code, json["usable"].get<bool>() ? 0 : 1);
  EXPECT_EQ(json["reason"].get<std::string>().empty(),
            json["usable"].get<bool>());
  EXPECT_EQ(json["remedy"].get<std::string>().empty(),
            json["usable"].get<bool>());
}

TEST_F(ProbeTest, TextNamesTheVerdictFirst) {
  const Outcome outcome = Probe({empty()});
  const std::string first = outcome.out.substr(0, outcome.out.find('\n'));
  EXPECT_TRUE(Contains(
      first, outcome.exit_code == 0 ? "io_uring is usable" : "POSIX only"))
      << outcome.out;
}

TEST_F(ProbeTest, CreatesNothing) {
  Probe({empty()});
  EXPECT_TRUE(std::filesystem::is_empty(empty()));
}

TEST_F(ProbeTest, DirectoryWithoutFilesIsNotTested) {
  const auto json = nlohmann::json::parse(Probe({"--json", empty()}).out);
  for (const char* trial : {"direct_read", "nowait_read", "ring_read"}) {
    EXPECT_EQ(json["path"][trial]["answer"], "not tested") << trial;
  }
}

TEST_F(ProbeTest, ReadsAFileAndFindsOneInADirectory) {
  const std::string file = MakeFile("data", 8192);
  for (const std::string& argument : {file, path(".")}) {
    const auto json = nlohmann::json::parse(Probe({"--json", argument}).out);
    EXPECT_NE(json["path"]["direct_read"]["answer"], "not tested") << argument;
    EXPECT_NE(json["path"]["nowait_read"]["answer"], "not tested") << argument;
    EXPECT_NE(json["path"]["tested_file"], "") << argument;
  }
}

TEST_F(ProbeTest, BadUsage) {
  const std::string fifo = path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--no_such_flag"}, "--no_such_flag"},
      {{"--flagfile=x"}, "--flagfile"},
      {{"--json=maybe"}, "maybe"},
      {{path("missing")}, "missing"},
      {{"/", "/tmp"}, "/tmp"},
      {{fifo}, "neither a file nor a directory"}};
  for (const auto& bad : cases) {
    const Outcome outcome = Probe(bad.first);
    CountBadInputs();
    EXPECT_EQ(outcome.exit_code, 2) << bad.second;
    EXPECT_EQ(outcome.out, "") << bad.second;
    EXPECT_TRUE(Contains(outcome.err, bad.second)) << outcome.err;
  }
}

TEST_F(ProbeTest, Help) {
  const Outcome outcome = Probe({"--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(Contains(outcome.out, "--json"));
  EXPECT_TRUE(Contains(outcome.out, "Exit status"));
}

TEST_F(ProbeTest, SwitchedOffByTheEnvironment) {
  const Outcome outcome = Probe({empty()}, {{"ROCKSDB_URING", "off"}});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Contains(outcome.out, "ROCKSDB_URING=off is set"));
  EXPECT_TRUE(Contains(outcome.out, "unset ROCKSDB_URING"));
}

TEST_F(ProbeTest, ShowsOptionsFromTheEnvironment) {
  const Outcome outcome =
      Probe({empty()}, {{"ROCKSDB_URING_OPTIONS", "queue_depth=32"}});
  EXPECT_TRUE(Contains(outcome.out, "ROCKSDB_URING_OPTIONS=queue_depth=32"));
}

// EPERM: docker. ENOSYS: podman, gVisor, kernels without io_uring.
TEST_F(ProbeTest, SeccompOnSetupIsNamed) {
  const std::vector<std::pair<int, std::string>> cases = {
      {EPERM, "Operation not permitted"}, {ENOSYS, "not implemented"}};
  for (const auto& denied : cases) {
    Program program;
    program.argv = {URING_PROBE_PATH, "--json", empty()};
    program.deny_setup_errno = denied.first;
    const Outcome outcome = Run(program);
    EXPECT_EQ(outcome.exit_code, 1);
    const auto json = nlohmann::json::parse(outcome.out);
    const auto reason = json["reason"].get<std::string>();
    EXPECT_TRUE(Contains(reason, "io_uring_setup")) << reason;
    EXPECT_TRUE(Contains(reason, denied.second)) << reason;
    EXPECT_NE(json["remedy"], "");
    EXPECT_EQ(json["limits"]["seccomp"], "a filter is active");
  }
}

TEST_F(ProbeTest, SeccompOnEnterIsNamed) {
  SkipWithoutRing();
  Program program;
  program.argv = {URING_PROBE_PATH, empty()};
  program.deny_enter_errno = EPERM;
  const Outcome outcome = Run(program);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Contains(outcome.out, "io_uring_enter")) << outcome.out;
}

TEST_F(BenchTest, BadFlagsNameFlagValueAndRange) {
  const std::string file = "--file=" + MakeFile("data", 1 << 20);
  ExpectBadBench({file, "--depth=0"}, {"--depth", "0", "1 to"});
  ExpectBadBench({file, "--depth=many"}, {"--depth", "many", "int32"});
  ExpectBadBench({file, "--queue_depth=4"}, {"--queue_depth", "4", "8 to"});
  ExpectBadBench({file, "--pattern=zigzag"},
                 {"--pattern", "zigzag", "seqread"});
  ExpectBadBench({file, "--engine=magic"}, {"--engine", "magic", "posix"});
  ExpectBadBench({file, "--layout=own"}, {"--layout", "own", "lease"});
  ExpectBadBench({file, "--path=left"}, {"--path", "left", "auto"});
  ExpectBadBench({file, "--runtime=-1"}, {"--runtime", "-1"});
  ExpectBadBench({file, "--nonsense=1"}, {"--nonsense"});
  ExpectBadBench({file, "stray"}, {"stray"});
}

TEST_F(BenchTest, FlagsThatDoNotGoTogether) {
  const std::string file = "--file=" + MakeFile("data", 1 << 20);
  ExpectBadBench({}, {"--file"});
  ExpectBadBench({file, "--depth=8", "--batch=8"}, {"--batch", "--depth"});
  ExpectBadBench({file, "--depth=8", "--engine=posix"}, {"--depth", "posix"});
  ExpectBadBench({file, "--block_size=100"}, {"--block_size", "100", "512"});
  ExpectBadBench({file, "--size_mb=2"}, {"--size_mb", "2"});
  ExpectBadBench({"--file=" + path("new")}, {"--size_mb", "does not exist"});
  EXPECT_FALSE(std::filesystem::exists(path("new")));
}

TEST_F(BenchTest, DestroysNoFileUnasked) {
  const std::string name = MakeFile("data", 1 << 20);
  ExpectBadBench({"--file=" + name, "--pattern=randwrite", "--nodirect"},
                 {"--overwrite", name});
  EXPECT_EQ(ReadAll(name), std::string(1 << 20, 'x'));
  const Outcome outcome =
      Bench({"--file=" + name, "--pattern=randwrite", "--nodirect",
             "--engine=posix", "--overwrite"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(ReadAll(name), std::string(1 << 20, 'x'));
}

TEST_F(BenchTest, MakesItsFileAndWritesJson) {
  const Outcome outcome = Bench({"--file=" + path("new"), "--size_mb=2",
                                 "--nodirect", "--engine=posix", "--batch=4",
                                 "--threads=2", "--json=" + path("result")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(std::filesystem::file_size(path("new")), 2U << 20);
  const auto json = nlohmann::json::parse(ReadAll(path("result")));
  EXPECT_EQ(json["options"]["batch"], 4);
  EXPECT_GT(json["result"]["iops"].get<double>(), 0);
  EXPECT_GT(json["result"]["latency_us"]["p99"].get<double>(), 0);
  EXPECT_GT(json["result"]["calls_per_op"]["posix"].get<double>(), 0);
  EXPECT_EQ(json["result"]["paths"]["ring"], 0);
  EXPECT_NE(json["machine"]["kernel"], "");
}

TEST_F(BenchTest, AppendsGrowTheFileToItsSize) {
  ExpectBadBench({"--file=" + path("new"), "--pattern=append"}, {"--size_mb"});
  ExpectBadBench({"--file=" + path("new"), "--pattern=append", "--size_mb=1",
                  "--threads=2"},
                 {"--threads", "append"});
  const Outcome outcome =
      Bench({"--file=" + path("new"), "--pattern=append", "--size_mb=1",
             "--nodirect", "--engine=posix", "--block_size=65536"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const uint64_t size = std::filesystem::file_size(path("new"));
  EXPECT_GT(size, 0U);
  EXPECT_LE(size, 1U << 20);
}

TEST_F(BenchTest, EnginesWithoutRingsRun) {
  const std::string file = "--file=" + MakeFile("data", 1 << 20);
  const std::vector<std::vector<std::string>> runs = {
      {file, "--nodirect", "--engine=none", "--depth=8"},
      {file, "--nodirect", "--engine=none", "--batch=8"},
      {file, "--nodirect", "--engine=posix", "--batch=8", "--pattern=seqread"}};
  for (const std::vector<std::string>& run : runs) {
    const Outcome outcome = Bench(run);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
}

TEST_F(BenchTest, EveryRingLayoutRuns) {
  SkipWithoutRing();
  const std::string file = "--file=" + MakeFile("data", 1 << 20);
  for (const char* layout : {"lease", "shared", "thread"}) {
    const std::string flag = std::string("--layout=") + layout;
    for (const char* size : {"--batch=100", "--depth=100"}) {
      const std::string json = path("result");
      const Outcome outcome = Bench({file, "--nodirect", flag, "--path=uring",
                                     size, "--threads=3", "--json=" + json});
      EXPECT_EQ(outcome.exit_code, 0) << flag << size << outcome.err;
      const auto paths =
          nlohmann::json::parse(ReadAll(json))["result"]["paths"];
      EXPECT_GT(paths["ring"], 0) << flag << size;
      EXPECT_EQ(paths["posix"], 0) << flag << size;
    }
  }
}

TEST_F(BenchTest, RefusedRingIsAFailureWithAReason) {
  Program program;
  program.argv = {URING_BENCH_PATH, "--file=" + MakeFile("data", 1 << 20)};
  program.deny_setup_errno = EPERM;
  const Outcome outcome = Run(program);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Contains(outcome.err, "io_uring_setup")) << outcome.err;
}

}  // namespace
}  // namespace rocksdb_uring
