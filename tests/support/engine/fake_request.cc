// Carrying out of one request of a fake ring.
//
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests/support/engine/fake_ring.h"

namespace rocksdb_uring {

namespace {

// The buffers of a transfer, of one or several pieces, and at most `bytes_max`
// bytes of them.
std::vector<iovec> Buffers(const RingRequest& request,
                           const std::vector<iovec>& iov, int64_t bytes_max) {
  std::vector<iovec> all = iov;
  if (request.opcode == RingOpcode::kRead ||
      request.opcode == RingOpcode::kWrite) {
    all = {{request.address, static_cast<size_t>(request.length)}};
  }
  uint64_t room = static_cast<uint64_t>(bytes_max);
  for (iovec& piece : all) {
    piece.iov_len =
        static_cast<size_t>(std::min<uint64_t>(piece.iov_len, room));
    room -= piece.iov_len;
  }
  return all;
}

int32_t Result(int64_t result) {
  return static_cast<int32_t>(result < 0 ? -errno : result);
}

// Direct I/O takes whole sectors only: what reports to have stopped inside one
// has written those before it.
int32_t Write(const RingRequest& request, const std::vector<iovec>& iov,
              int64_t bytes_max) {
  const bool direct = (fcntl(request.fd, F_GETFL) & O_DIRECT) != 0;
  int64_t size = 0;
  for (const iovec& piece : Buffers(request, iov, bytes_max)) {
    size += static_cast<int64_t>(piece.iov_len);
  }
  int32_t result = -EINVAL;
  for (const int64_t sector : {direct ? 512 : 1, 4096}) {
    const int64_t whole = size < bytes_max ? size : size / sector * sector;
    const std::vector<iovec> buffers = Buffers(request, iov, whole);
    result = Result(pwritev(request.fd, buffers.data(),
                            static_cast<int>(buffers.size()),
                            static_cast<off_t>(request.offset)));
    if (result == whole) {
      return static_cast<int32_t>(size);
    }
    if (result != -EINVAL) {
      break;
    }
  }
  return result;
}

int32_t Transfer(const RingRequest& request, const std::vector<iovec>& iov,
                 int64_t bytes_max) {
  const auto offset = static_cast<off_t>(request.offset);
  const bool read = request.opcode == RingOpcode::kRead ||
                    request.opcode == RingOpcode::kReadv;
  // A read is always carried out whole: direct I/O refuses odd lengths.
  const std::vector<iovec> buffers = Buffers(request, iov, INT64_MAX);
  const int count = static_cast<int>(buffers.size());
  if (!read) {
    return Write(request, iov, bytes_max);
  }
  const int32_t result =
      Result(preadv(request.fd, buffers.data(), count, offset));
  if (result < 0) {
    return result;
  }
  const int64_t reported = std::min<int64_t>(result, bytes_max);
  PoisonRead(request, iov, static_cast<uint64_t>(reported));
  return static_cast<int32_t>(reported);
}

}  // namespace

void PoisonRead(const RingRequest& request, const std::vector<iovec>& iov,
                uint64_t from) {
  if (request.opcode != RingOpcode::kRead &&
      request.opcode != RingOpcode::kReadv) {
    return;
  }
  for (const iovec& piece : Buffers(request, iov, INT64_MAX)) {
    const uint64_t skipped = std::min<uint64_t>(from, piece.iov_len);
    from -= skipped;
    // A null buffer is a test's way to -EFAULT.
    if (piece.iov_base != nullptr && piece.iov_len > skipped) {
      memset(static_cast<char*>(piece.iov_base) + skipped, FakeKernel::kPoison,
             piece.iov_len - skipped);
    }
  }
}

int32_t CarryOut(const RingRequest& request, const std::vector<iovec>& iov,
                 int64_t bytes_max) {
  const auto offset = static_cast<off_t>(request.offset);
  const auto length = static_cast<off_t>(request.length);
  switch (request.opcode) {
    case RingOpcode::kRead:
    case RingOpcode::kWrite:
    case RingOpcode::kReadv:
    case RingOpcode::kWritev:
      return Transfer(request, iov, bytes_max);
    case RingOpcode::kFsync:
      return Result(request.flags == kRingFsyncDataOnly ? fdatasync(request.fd)
                                                        : fsync(request.fd));
    case RingOpcode::kSyncFileRange:
      return Result(sync_file_range(request.fd, offset, length, request.flags));
    case RingOpcode::kFallocate:
      return Result(fallocate(request.fd, static_cast<int>(request.flags),
                              offset, length));
    case RingOpcode::kNop:
    case RingOpcode::kCancel:
      break;
  }
  return 0;
}

}  // namespace rocksdb_uring
