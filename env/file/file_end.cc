// ftruncate, and space that is taken ahead and given back.
//
// RocksDB preallocates space ahead of its appends and leaves the rest to the
// file object. The rest must be returned when the file is closed: it uses up
// the disk, and may count as the file's size.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/file_end.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "env/file/iostats_timer.h"
#include "env/file/log_reuse.h"
#include "env/file/write_behind.h"

namespace rocksdb_uring {

namespace {

// A signal is no reason to leave a file at another size.
template <typename SystemCall>
int64_t UnlessInterrupted(const SystemCall& call) {
  int64_t result = 0;
  do {
    result = call();
  } while (result == -EINTR);
  return result;
}

// Whether the name still stands for the open file.
bool IsNameOf(int fd, const std::string& name) {
  struct stat open_file = {};
  struct stat named = {};
  return fstat(fd, &open_file) == 0 && stat(name.c_str(), &named) == 0 &&
         open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

// Some filesystems keep blocks behind a size that does not change. The default
// file system compares the same two numbers: blocks of the size, and blocks
// allocated, which the kernel counts in sectors of 512 bytes.
bool KeepsBlocksBehindItsSize(int fd) {
  constexpr int64_t kSectorBytes = 512;
  struct stat attributes = {};
  return fstat(fd, &attributes) == 0 &&
         (attributes.st_size + attributes.st_blksize - 1) /
                 attributes.st_blksize !=
             attributes.st_blocks / (attributes.st_blksize / kSectorBytes);
}

// ext4 and xfs execute direct writes behind the end of a file one after the
// other, those below it beside each other (env/MEASUREMENTS.md, Size set
// ahead). RocksDB reads no table before Close; a blob file it may.
bool GainsFromSizeAhead(const OpenFile& file, PathChoice path) {
  return file.kind == FileKind::kTable && file.direct() && MayUseRings(path) &&
         WriteBehind::Serves(file);
}

void CutPreallocation(const OpenFile& file, uint64_t size, uint64_t allocated,
                      bool punches) {
  // On most filesystems this returns the blocks, even if the size stays the
  // same. A hole is punched only where blocks remain.
  (void)CutFile(file, size);
  const int fd = file.fd.get();
  if (!punches || allocated <= size || !KeepsBlocksBehindItsSize(fd)) {
    return;
  }
  const IoStatsTimer timer(&rocksdb::IOStatsContext::allocate_nanos);
  SystemCalls* const calls = file.engine->options().system_calls;
  (void)UnlessInterrupted([&] {
    return calls->Fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
                            size, allocated - size);
  });
}

}  // namespace

int64_t CutFile(const OpenFile& file, uint64_t size) {
  SystemCalls* const calls = file.engine->options().system_calls;
  return UnlessInterrupted(
      [&] { return calls->Ftruncate(file.fd.get(), size); });
}

// Synchronous: the next append needs the space, and the kernel serialises
// fallocate with the writes of a file in any case.
int64_t Preallocate(const OpenFile& file, uint64_t offset, uint64_t length,
                    bool keeps_size, bool may_set_size) {
  const IoStatsTimer timer(&rocksdb::IOStatsContext::allocate_nanos);
  const PathChoice path = file.writes();
  const bool sets_size = may_set_size && GainsFromSizeAhead(file, path);
  IoOp op;
  file.Describe(IoKind::kFallocate, StatKind::kFallocate, offset, length,
                nullptr, &op);
  op.flags = keeps_size && !sets_size ? FALLOC_FL_KEEP_SIZE : 0;
  return file.Run(&op, path);
}

void TrimPreallocation(const OpenFile& file, uint64_t size, uint64_t allocated,
                       bool punches) {
  if (file.kind != FileKind::kWal) {
    CutPreallocation(file, size, allocated, punches);
    return;
  }
  // RocksDB 7.8 hands a WAL to its next writer before it closes this one: a log
  // that has another name by now belongs to that writer. Cutting it to the size
  // that this writer knows would lose acknowledged records. The lock keeps
  // OpenForReuse from renaming the log between the check and the cut.
  const LogReuseLock lock(file.fd.get());
  if (IsNameOf(file.fd.get(), file.name)) {
    CutPreallocation(file, size, allocated, punches);
  }
}

}  // namespace rocksdb_uring
