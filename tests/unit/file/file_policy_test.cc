// Which files are in a share, and what a policy answers.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/file_policy.h"

#include <array>
#include <cstdio>
#include <string>

#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

std::string TableName(int number) {
  char name[32];
  snprintf(name, sizeof(name), "%06d.sst", number);
  return name;
}

TEST(HundredthTest, IsTheSameInEveryProcessAndVersion) {
  EXPECT_EQ(HundredthOf("000001.sst"), 88);
  EXPECT_EQ(HundredthOf("000002.sst"), 81);
  EXPECT_EQ(HundredthOf("000003.log"), 51);
  EXPECT_EQ(HundredthOf("MANIFEST-000004"), 58);
  EXPECT_EQ(HundredthOf(""), 58);
}

TEST(HundredthTest, DependsOnTheBaseNameAlone) {
  const uint8_t here = HundredthOf("000017.sst");
  for (const char* path : {"/000017.sst", "db/000017.sst", "/a/b/000017.sst",
                           "/a/b/000017.sst/", "/000017.sst//"}) {
    EXPECT_EQ(HundredthOf(path), here) << path;
  }
  EXPECT_EQ(HundredthOf("/"), HundredthOf(""));
}

// Tables, logs and blobs have numbers that follow one another.
TEST(HundredthTest, SpreadsNeighboursEvenly) {
  std::array<int, 100> files = {};
  for (int i = 0; i < 20000; ++i) {
    ++files.at(HundredthOf(TableName(i)));
  }
  for (const int count : files) {
    EXPECT_GT(count, 130);
    EXPECT_LT(count, 270);
  }
  int in_five_percent = 0;
  for (int i = 100; i < 300; ++i) {
    in_five_percent += HundredthOf(TableName(i)) < 5 ? 1 : 0;
  }
  EXPECT_GE(in_five_percent, 3);
  EXPECT_LE(in_five_percent, 20);
}

TEST(FilePolicyTest, KeepsEverySetting) {
  for (const uint32_t share : {0u, 1u, 55u, 100u}) {
    for (const PathChoice path :
         {PathChoice::kAuto, PathChoice::kUring, PathChoice::kPosix}) {
      FileSettings settings;
      settings.share = share;
      settings.paths = {path, PathChoice::kUring, path};
      settings.debug_log = share == 0;
      FilePolicy policy;
      policy.Set(settings);
      EXPECT_TRUE(policy.settings() == settings);
      EXPECT_FALSE(policy.changed());
      policy.Change(settings);
      EXPECT_TRUE(policy.settings() == settings);
      EXPECT_TRUE(policy.changed());
    }
  }
}

TEST(FilePolicyTest, OutsideTheShareEveryPathIsPlain) {
  FileSettings settings;
  settings.paths = {PathChoice::kUring, PathChoice::kPosix, PathChoice::kAuto};
  for (const uint32_t share : {0u, 5u, 50u, 99u, 100u}) {
    settings.share = share;
    const FilePolicy policy(settings);
    for (uint8_t hundredth = 0; hundredth < 100; ++hundredth) {
      const bool inside = hundredth < share;
      EXPECT_EQ(policy.reads(hundredth),
                inside ? PathChoice::kUring : PathChoice::kPlain);
      EXPECT_EQ(policy.writes(hundredth),
                inside ? PathChoice::kPosix : PathChoice::kPlain);
      EXPECT_EQ(policy.syncs(hundredth),
                inside ? PathChoice::kAuto : PathChoice::kPlain);
    }
  }
}

}  // namespace
}  // namespace rocksdb_uring
