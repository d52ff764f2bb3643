// A small program on the plugin, for tests that need a process of their own.
//
//   file_test_child leak OPTIONS FILE
//     reads FILE through a file system that is never destroyed, and returns
//     from main
//   file_test_child deny ERRNO FILE REPORT
//     reads FILE while io_uring_setup fails with ERRNO, and writes what it met
//     to REPORT, one `name=value` a line
//   file_test_child deny_enter ERRNO FILE REPORT
//     the same with io_uring_enter
//
// It prints nothing.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "env/base/aligned_buffer.h"
#include "env/file/rocksdb_compat.h"
#include "rocksdb_uring/uring.h"

namespace {

using rocksdb_uring::AlignedBuffer;
using rocksdb_uring::NewUringFileSystem;

namespace rocksdb = ROCKSDB_NAMESPACE;

constexpr size_t kBlock = 4096;

bool DenyCall(unsigned call, unsigned error) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

// One line whatever is in it.
std::string Line(std::string text) {
  for (char& c : text) {
    c = c == '\n' ? ' ' : c;
  }
  return text;
}

std::unique_ptr<rocksdb::FSRandomAccessFile> Open(
    rocksdb::FileSystem* file_system, const std::string& path, bool direct) {
  rocksdb::FileOptions options;
  options.use_direct_reads = direct;
  std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  file_system->NewRandomAccessFile(path, options, &file, nullptr)
      .PermitUncheckedError();
  return file;
}

// All blocks of the file in one batch, and one by one.
bool ReadsRight(rocksdb::FSRandomAccessFile* file, const std::string& model) {
  const size_t count = model.size() / kBlock + 1;
  const AlignedBuffer buffer(count * kBlock, kBlock);
  std::vector<rocksdb::FSReadRequest> requests(count);
  for (size_t i = 0; i < count; ++i) {
    requests[i].offset = i * kBlock;
    requests[i].len = kBlock;
    requests[i].scratch = buffer.data() + i * kBlock;
  }
  const rocksdb::IOOptions options;
  if (!file->MultiRead(requests.data(), count, options, nullptr).ok()) {
    return false;
  }
  std::string batch;
  std::string singles;
  for (rocksdb::FSReadRequest& request : requests) {
    if (!request.status.ok()) {
      return false;
    }
    batch += request.result.ToString();
    rocksdb::Slice result;
    if (!file->Read(request.offset, request.len, options, &result,
                    request.scratch, nullptr)
             .ok()) {
      return false;
    }
    singles += result.ToString();
  }
  return batch == model && singles == model;
}

std::string ReadAsyncStatus(rocksdb::FSRandomAccessFile* file) {
  const AlignedBuffer buffer(kBlock, kBlock);
  rocksdb::FSReadRequest request;
  request.offset = 0;
  request.len = kBlock;
  request.scratch = buffer.data();
  void* handle = nullptr;
  rocksdb::IOHandleDeleter deleter = nullptr;
  int callbacks = 0;
  const rocksdb::IOStatus status = file->ReadAsync(
      request, rocksdb::IOOptions(),
      [&callbacks](const rocksdb::FSReadRequest&, void*) { ++callbacks; },
      nullptr, &handle, &deleter, nullptr);
  if (handle != nullptr) {
    deleter(handle);
    return "a handle";
  }
  return callbacks == 0 ? status.ToString() : "a callback";
}

int ReportDenied(const std::string& path, const std::string& report_path) {
  std::ofstream report(report_path);
  std::shared_ptr<rocksdb::FileSystem> file_system;
  report << "open=" << Line(NewUringFileSystem("", &file_system).ToString())
         << "\n";
  if (file_system == nullptr) {
    return 1;
  }
  const std::string model = Contents(path);
  for (bool direct : {false, true}) {
    const auto file = Open(file_system.get(), path, direct);
    const std::string mode = direct ? "direct" : "buffered";
    report << mode << "=" << (file != nullptr && ReadsRight(file.get(), model))
           << "\n";
    if (file != nullptr) {
      report << mode << "_async=" << ReadAsyncStatus(file.get()) << "\n";
    }
  }
  std::string json;
  rocksdb_uring::GetUringStatisticsJson(file_system.get(), &json)
      .PermitUncheckedError();
  report << "statistics=" << Line(json) << "\n";
  std::shared_ptr<rocksdb::FileSystem> required;
  report << "require="
         << Line(NewUringFileSystem("fallback=require", &required).ToString())
         << "\n";
  report << "required_is_null=" << (required == nullptr) << "\n";
  return 0;
}

int Leak(const std::string& options, const std::string& path) {
  // Reachable for ever, as RocksDB's default file system.
  static auto* leaked = new std::shared_ptr<rocksdb::FileSystem>();
  if (!NewUringFileSystem(options, leaked).ok()) {
    return 1;
  }
  const auto file = Open(leaked->get(), path, false);
  return file != nullptr && ReadsRight(file.get(), Contents(path)) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "leak" && argc == 4) {
    return Leak(argv[2], argv[3]);
  }
  if ((mode == "deny" || mode == "deny_enter") && argc == 5) {
    const unsigned call =
        mode == "deny" ? __NR_io_uring_setup : __NR_io_uring_enter;
    return DenyCall(call, static_cast<unsigned>(atoi(argv[2])))
               ? ReportDenied(argv[3], argv[4])
               : 3;
  }
  return 2;
}
