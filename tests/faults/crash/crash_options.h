// Options of a database that is killed and reopened again and again.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "rocksdb/options.h"

namespace rocksdb_uring {

// Memtables and tables so small that flushes and compactions run all the time.
inline rocksdb::Options CrashOptions(rocksdb::Env* env, bool direct,
                                     uint32_t recycle) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.use_direct_reads = direct;
  options.use_direct_io_for_flush_and_compaction = direct;
  options.recycle_log_file_num = recycle;
  if (recycle > 0) {
    // RocksDB 7.8 recycles in no other mode.
    options.wal_recovery_mode =
        rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  }
  options.stats_dump_period_sec = 0;
  options.write_buffer_size = 96 << 10;
  options.max_write_buffer_number = 4;
  options.target_file_size_base = 256 << 10;
  options.max_bytes_for_level_base = 512 << 10;
  options.level0_file_num_compaction_trigger = 2;
  options.max_background_jobs = 3;
  options.compression = rocksdb::kNoCompression;
  return options;
}

}  // namespace rocksdb_uring
