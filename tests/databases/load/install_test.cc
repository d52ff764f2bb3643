// What `cmake --install` copies: the version, the licence, the notices of what
// is compiled in, and a library that the examples can be built with.
//
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <string>

#include "env/base/version.h"
#include "tests/databases/load/load_test_support.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

namespace fs = std::filesystem;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class InstallTest : public ::testing::Test {
 protected:
  void Install(const std::string& component) {
    const ChildResult result = RunChild(
        {"/usr/bin/env", "cmake", "--install", ROCKSDB_URING_BINARY_DIR,
         "--prefix", directory_.path(), "--component", component});
    ASSERT_EQ(result.exit_code, 0) << result.output;
  }

  // The first file of this name, anywhere below the prefix.
  std::string Find(const std::string& name) {
    for (const auto& entry :
         fs::recursive_directory_iterator(directory_.path())) {
      if (entry.path().filename() == name) {
        return entry.path();
      }
    }
    ADD_FAILURE() << name << " is not installed";
    return "/dev/null";
  }

  // LICENSE and copyright, as each of the two packages must carry them.
  void ExpectNotices(const std::string& package) {
    const std::string documents = directory_.file("share/doc/" + package + "/");
    EXPECT_EQ(ReadWholeFile(documents + "LICENSE"),
              ReadWholeFile(ROCKSDB_URING_SOURCE_DIR "/LICENSE"));
    const std::string copyright = ReadWholeFile(documents + "copyright");
    for (const char* part :
         {"Apache-2.0", "Jens Axboe", "Niels Lohmann",
          "The above copyright notice and this permission notice"}) {
      EXPECT_TRUE(Contains(copyright, part)) << part;
    }
  }

  TempDir directory_;
};

TEST_F(InstallTest, RuntimeHasVersionAndNotices) {
  Install("runtime");
  Find(std::string("librocksdb_uring.so.") + kVersion);
  ExpectNotices("rocksdb-uring");
  for (const char* folder : {"plugin", "tools"}) {
    EXPECT_TRUE(fs::exists(directory_.file(
        std::string("share/doc/rocksdb-uring/") + folder + "/README.md")));
  }
}

TEST_F(InstallTest, DevelopmentHasVersionAndNotices) {
  Install("development");
  EXPECT_TRUE(Contains(ReadWholeFile(Find("rocksdb_uring.pc")),
                       std::string("\nVersion: ") + kVersion + "\n"));
  EXPECT_TRUE(
      Contains(ReadWholeFile(Find("rocksdb_uringConfigVersion.cmake")),
               std::string("set(PACKAGE_VERSION \"") + kVersion + "\")"));
  ExpectNotices("librocksdb-uring-dev");
}

TEST_F(InstallTest, TheExamplesOfTheEngineAreBuiltWithIt) {
  Install("engine");
  ExpectNotices("librocksdb-uring-engine-dev");
  const std::string examples =
      directory_.file("share/doc/librocksdb-uring-engine-dev/examples");
  const std::string data = directory_.file("data");
  const auto shell = [&](const std::string& command) {
    const ChildResult result = RunChild({"/bin/sh", "-ec", command});
    EXPECT_EQ(result.exit_code, 0) << command << ": " << result.output;
    return result.output;
  };
  shell("cmake -S " + examples + " -B " + directory_.file("build") +
        " -DCMAKE_PREFIX_PATH=" + directory_.path() + " && cmake --build " +
        directory_.file("build"));
  EXPECT_EQ(shell(directory_.file("build/batch_cc ") + data),
            "32 of 32 blocks are right\n");
  // The same by pkg-config, in C.
  const std::string library =
      fs::path(Find("librocksdb_uring_engine.so")).parent_path().string();
  shell("export PKG_CONFIG_PATH=" + library + "/pkgconfig; cc " + examples +
        "/vectored.c -o " + directory_.file("vectored") +
        " $(pkg-config --cflags --libs rocksdb_uring_engine)");
  EXPECT_EQ(shell("LD_LIBRARY_PATH=" + library + " " +
                  directory_.file("vectored ") + data),
            "wrote 13 bytes\nread 13 bytes: one two three\n");
}

}  // namespace
}  // namespace rocksdb_uring
