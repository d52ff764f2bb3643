// rocksdb-uring: RocksDB's file I/O through one shared io_uring engine.
//
// A program that passes a file-system URI needs none of this: with the library
// loaded, `uring://` names the file system. README.md lists all ways in and all
// options.
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

// Makes a file system. `options` is empty, or `option=value;option=value`, with
// `id=uring` or without, or one of the URIs `uring://` and
// `uring://?option=value&option=value`. Options from the environment
// (ROCKSDB_URING_OPTIONS) come first, these over them.
//
// Without io_uring it serves everything through POSIX, unless fallback=require.
// On failure (unknown option, bad value, a value that contradicts the engine
// that the process already shares, an unmet fallback=require) returns a status
// that says what to change, and leaves `*result` alone.
//
// Whoever uses the file system shares it; files that it has opened may outlive
// it. Safe for concurrent use. Blocks for about 100 microseconds the first
// time.
ROCKSDB_URING_EXPORT ROCKSDB_NAMESPACE::Status NewUringFileSystem(
    const std::string& options,
    std::shared_ptr<ROCKSDB_NAMESPACE::FileSystem>* result);

// Makes an Env around such a file system, for Options::env. It shares the
// thread pools of Env::Default(), holds its file system, and must outlive every
// database opened on it. Otherwise as NewUringFileSystem.
ROCKSDB_URING_EXPORT ROCKSDB_NAMESPACE::Status NewUringEnv(
    const std::string& options,
    std::unique_ptr<ROCKSDB_NAMESPACE::Env>* result);

// The statistics of a file system of ours, also if others wrap it: what the
// statistics file holds, as JSON. The counters of operations are those of the
// whole process. InvalidArgument if it is none of ours. Safe for concurrent
// use.
ROCKSDB_URING_EXPORT ROCKSDB_NAMESPACE::Status GetUringStatisticsJson(
    ROCKSDB_NAMESPACE::FileSystem* file_system, std::string* json);

// The same numbers by their dotted names, such as `ops.multi_read.ring.count`
// (requests of MultiRead that a ring has served). Names are only ever added.
ROCKSDB_URING_EXPORT ROCKSDB_NAMESPACE::Status GetUringStatistics(
    ROCKSDB_NAMESPACE::FileSystem* file_system,
    std::map<std::string, uint64_t>* statistics);

}  // namespace rocksdb_uring
