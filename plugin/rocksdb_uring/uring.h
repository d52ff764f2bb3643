// rocksdb-uring: RocksDB's file I/O through one shared io_uring engine.
//
// A program that passes a file-system URI does not need this header: once the
// library is loaded, `uring://` names the file system. plugin/README.md lists
// all loading methods and options.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "rocksdb/status.h"

#define ROCKSDB_URING_EXPORT __attribute__((visibility("default")))

namespace rocksdb_uring {

// Creates a file system. `options` is empty, `option=value;option=value`
// (optionally with `id=uring`), or a URI: `uring://` or
// `uring://?option=value&option=value`. These options override those of the
// environment variable ROCKSDB_URING_OPTIONS.
//
// Without io_uring the file system serves everything through POSIX, unless
// fallback=require. Fails if an option is unknown, a value is out of range or
// contradicts the engine that the process already shares, or fallback=require
// cannot be met. The status then says what to change, and `*result` is
// unchanged.
//
// All users share ownership. Files that the file system opened may outlive it.
// Safe for concurrent use. The first call blocks for about 100 microseconds.
ROCKSDB_URING_EXPORT ROCKSDB_NAMESPACE::Status NewUringFileSystem(
    const std::string& options,
    std::shared_ptr<ROCKSDB_NAMESPACE::FileSystem>* result);

// Creates an Env on such a file system, for Options::env. The Env shares the
// thread pools of Env::Default() and ownership of its file system. It must
// outlive every database opened on it. Otherwise as NewUringFileSystem.
ROCKSDB_URING_EXPORT ROCKSDB_NAMESPACE::Status NewUringEnv(
    const std::string& options,
    std::unique_ptr<ROCKSDB_NAMESPACE::Env>* result);

// Changes settings while files are open, by `setting=value;setting=value`:
// `share`, `reads`, `writes`, `syncs`, `background_priority` and `log`. All of
// them or, with InvalidArgument that says what to write, none. `file_system` is
// a uring file system, or one that wraps it; for any other, returns
// InvalidArgument. Open files follow with their next operation. Safe for
// concurrent use.
ROCKSDB_URING_EXPORT ROCKSDB_NAMESPACE::Status ChangeUringSettings(
    ROCKSDB_NAMESPACE::FileSystem* file_system, const std::string& settings);

// Stores the statistics in `*json`, in the format of the statistics file.
// `file_system` is a uring file system, or one that wraps it; for any other,
// returns InvalidArgument. Operation counters are those of the whole process.
// Safe for concurrent use.
ROCKSDB_URING_EXPORT ROCKSDB_NAMESPACE::Status GetUringStatisticsJson(
    ROCKSDB_NAMESPACE::FileSystem* file_system, std::string* json);

// Stores them in `*text`, in Prometheus' text format 0.0.4, for a program that
// serves metrics itself. Otherwise as above.
ROCKSDB_URING_EXPORT ROCKSDB_NAMESPACE::Status GetUringStatisticsPrometheus(
    ROCKSDB_NAMESPACE::FileSystem* file_system, std::string* text);

// The same numbers by dotted names, such as `ops.multi_read.ring.count`
// (requests of MultiRead that a ring served). Later versions add names and keep
// the existing ones.
ROCKSDB_URING_EXPORT ROCKSDB_NAMESPACE::Status GetUringStatistics(
    ROCKSDB_NAMESPACE::FileSystem* file_system,
    std::map<std::string, uint64_t>* statistics);

}  // namespace rocksdb_uring
