// Says that RocksDB's own file system has no rings of folly: it then gives no
// executor for reads (FileSystem::GetReadExecutor).
#pragma once

#define FOLLY_HAS_LIBURING 0
