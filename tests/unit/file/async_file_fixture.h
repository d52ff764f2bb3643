// A file that is read through rings, directly or buffered as the parameter
// says.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {

class AsyncFileFixture : public ::testing::TestWithParam<bool> {
 protected:
  // `options` are those of the file system.
  explicit AsyncFileFixture(size_t size,
                            const std::string& options = "reads=uring")
      : model_(RandomBytes(size, 13)), options_(options) {}

  void SetUp() override {
    SkipWithoutRing();
    WriteFile(path_, model_);
    SkipWithoutDirectReads(GetParam(), path_);
    file_system_ = OpenFileSystem(options_);
    file_ = OpenRandomAccess(file_system_.get(), path_, GetParam());
    ASSERT_NE(file_, nullptr);
  }

  TempDir directory_;
  const std::string path_ = directory_.file("000013.sst");
  // What the file holds.
  const std::string model_;
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::unique_ptr<rocksdb::FSRandomAccessFile> file_;

 private:
  const std::string options_;
};

}  // namespace rocksdb_uring
