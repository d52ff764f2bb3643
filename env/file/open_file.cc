#include "env/file/open_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "env/file/direct_alignment.h"
#include "env/file/io_status.h"
#include "env/file/iostats_timer.h"

namespace rocksdb_uring {

namespace {

// Seven bits to a byte, the lowest first, as RocksDB's EncodeVarint64.
char* AppendVarint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

}  // namespace

rocksdb::IOStatus OpenForReading(const std::string& name,
                                 const rocksdb::FileOptions& options,
                                 const std::string& context, PathChoice reads,
                                 std::shared_ptr<SharedEngine> engine,
                                 std::shared_ptr<const OpenFile>* result) {
  const bool direct = options.use_direct_reads && !options.use_mmap_reads;
  int flags = O_RDONLY;
  flags |= options.set_fd_cloexec ? O_CLOEXEC : 0;
  flags |= direct ? O_DIRECT : 0;
  int fd = -1;
  {
    IoStatsTimer timer(&rocksdb::IOStatsContext::open_nanos);
    do {
      fd = open(name.c_str(), flags);
    } while (fd < 0 && errno == EINTR);
  }
  if (fd < 0) {
    return MakeIOStatus(context, name, Errno::FromErrno(errno));
  }
  auto file = std::make_shared<OpenFile>();
  file->name = name;
  file->fd = FileDescriptor(fd);
  file->kind = ClassifyFile(name);
  file->alignment = direct ? DirectAlignment(fd) : 0;
  file->reads = reads;
  file->engine = std::move(engine);
  *result = std::move(file);
  return rocksdb::IOStatus::OK();
}

size_t GetUniqueIdOf(int fd, char* id, size_t max_size) {
  constexpr size_t kVarintBytesMax = 10;
  if (max_size < 3 * kVarintBytesMax) {
    return 0;
  }
  struct stat attributes = {};
  // The kernel writes an int, whatever the request's type says; the default
  // file system hands it a long that was set to zero.
  long generation = 0;
  if (fstat(fd, &attributes) != 0 ||
      ioctl(fd, FS_IOC_GETVERSION, &generation) == -1) {
    return 0;
  }
  char* end = AppendVarint(id, attributes.st_dev);
  end = AppendVarint(end, attributes.st_ino);
  end = AppendVarint(end, static_cast<uint64_t>(generation));
  return static_cast<size_t>(end - id);
}

}  // namespace rocksdb_uring
