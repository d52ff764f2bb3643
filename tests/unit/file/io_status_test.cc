// The one place where an errno becomes a status: what the default file system
// of RocksDB 7.8 makes of the same error (IOError in env/io_posix.cc).
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/io_status.h"

#include <cerrno>
#include <cstring>
#include <ostream>
#include <string>

#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::IOStatus;

struct ErrorCase {
  int error;
  IOStatus::Code code;
  IOStatus::SubCode subcode;
  bool retryable;
};

void PrintTo(const ErrorCase& error_case, std::ostream* out) {
  *out << strerrorname_np(error_case.error);
}

class IoStatusTest : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(IoStatusTest, IsThatOfTheDefaultFileSystem) {
  const int error = GetParam().error;
  for (const Errno value :
       {Errno::FromErrno(error), Errno::FromResult(-error)}) {
    const IOStatus status = MakeIOStatus("While reading", "/a/file", value);
    EXPECT_EQ(status.code(), GetParam().code);
    EXPECT_EQ(status.subcode(), GetParam().subcode);
    EXPECT_EQ(status.GetRetryable(), GetParam().retryable);
    EXPECT_FALSE(status.GetDataLoss());
    const std::string text = status.ToString();
    EXPECT_NE(text.find(strerror(error)), std::string::npos) << text;
    EXPECT_EQ(text.find("Unknown error"), std::string::npos) << text;
    // RocksDB says no more of a stale file.
    EXPECT_EQ(text.find("While reading: /a/file: ") != std::string::npos,
              error != ESTALE)
        << text;
  }
}

// ETIMEDOUT and ECANCELED are errors of devices and servers here.
INSTANTIATE_TEST_SUITE_P(
    Errors, IoStatusTest,
    ::testing::Values(
        ErrorCase{ENOSPC, IOStatus::kIOError, IOStatus::kNoSpace, true},
        ErrorCase{ENOENT, IOStatus::kIOError, IOStatus::kPathNotFound, false},
        ErrorCase{ESTALE, IOStatus::kIOError, IOStatus::kStaleFile, false},
        ErrorCase{ETIMEDOUT, IOStatus::kIOError, IOStatus::kNone, false},
        ErrorCase{ECANCELED, IOStatus::kIOError, IOStatus::kNone, false},
        ErrorCase{EIO, IOStatus::kIOError, IOStatus::kNone, false},
        ErrorCase{EFAULT, IOStatus::kIOError, IOStatus::kNone, false},
        ErrorCase{EACCES, IOStatus::kIOError, IOStatus::kNone, false},
        ErrorCase{EINVAL, IOStatus::kIOError, IOStatus::kNone, false}),
    [](const ::testing::TestParamInfo<ErrorCase>& info) {
      return strerrorname_np(info.param.error);
    });

TEST(OperationStatusTest, OnlyOwnTimeoutsAndCancellationsHaveTheirCodes) {
  const struct {
    IoEnd end;
    int error;
    IOStatus::Code code;
  } kCases[] = {{IoEnd::kFinished, ETIMEDOUT, IOStatus::kIOError},
                {IoEnd::kFinished, ECANCELED, IOStatus::kIOError},
                {IoEnd::kTimedOut, ETIMEDOUT, IOStatus::kTimedOut},
                {IoEnd::kAbandoned, ETIMEDOUT, IOStatus::kTimedOut},
                {IoEnd::kTooMany, ETIMEDOUT, IOStatus::kTimedOut},
                {IoEnd::kCancelled, ECANCELED, IOStatus::kAborted}};
  for (const auto& expected : kCases) {
    IoOp op;
    op.result = -expected.error;
    op.end = expected.end;
    const IOStatus status = MakeIOStatus("While reading", "/a/file", op);
    EXPECT_EQ(status.code(), expected.code) << status.ToString();
    EXPECT_NE(status.ToString().find("While reading: /a/file"),
              std::string::npos);
    EXPECT_FALSE(status.GetRetryable());
  }
}

}  // namespace
}  // namespace rocksdb_uring
