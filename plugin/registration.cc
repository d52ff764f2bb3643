#include "plugin/registration.h"

#include <memory>

#include "env/fs/uring_file_system.h"
#include "rocksdb/utilities/object_registry.h"

namespace ROCKSDB_NAMESPACE {

int RegisterUringFileSystem(ObjectLibrary& library,
                            const std::string& /*arg*/) {
  using rocksdb_uring::UringFileSystem;
  library.AddFactory<FileSystem>(
      ObjectLibrary::PatternEntry(UringFileSystem::kNickName(), true)
          .AddSeparator("://", false),
      [](const std::string& uri, std::unique_ptr<FileSystem>* guard,
         std::string* error) -> FileSystem* {
        // RocksDB configures and prepares an object that it asks for by its
        // bare name; a URI brings its options along.
        const bool ready = uri != UringFileSystem::kNickName();
        std::unique_ptr<UringFileSystem> file_system;
        const Status status = UringFileSystem::Create(uri, ready, &file_system);
        if (!status.ok()) {
          *error = status.ToString();
          return nullptr;
        }
        *guard = std::move(file_system);
        return guard->get();
      });
  return 1;
}

}  // namespace ROCKSDB_NAMESPACE
