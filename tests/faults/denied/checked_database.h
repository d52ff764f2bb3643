// A database beside a model of what it holds, in a program that prints nothing.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/options.h"
#include "tests/faults/denied/findings.h"

namespace rocksdb_uring {

// Writing needs external synchronization; reads of all kinds may go on in
// several threads while nobody writes.
class CheckedDatabase {
 public:
  // Nothing is owned but the strings. `path` need not exist.
  CheckedDatabase(rocksdb::Env* env, std::string path, bool direct,
                  uint64_t seed, Findings* findings);
  ~CheckedDatabase();

  // Everything that a database does: writes, flushes, compactions, reads of
  // all kinds, all of it again after reopening.
  void RunAll();

  bool Open();
  void Close();
  // For the next Open.
  void UseEnv(rocksdb::Env* env) { env_ = env; }
  void Fill();
  // `count` keys, some of them deleted, the last one synced.
  void Write(size_t count);
  void Flush();
  void Compact();

  // Reads of all kinds, against the model.
  void CheckReads(uint64_t seed);
  void CheckMultiGet(const std::vector<std::string>& keys, bool async_io);
  void CheckGet(const std::string& key);
  // From the first key, or a random one, to the end or back to the beginning.
  void CheckForward(const std::string& from, bool async_io);
  void CheckBackward();
  std::vector<std::string> RandomKeys(size_t count, uint64_t seed) const;

  rocksdb::DB* db() { return db_.get(); }
  // RocksDB's LOG as RunAll has closed it the first time.
  const std::string& first_log() const { return first_log_; }
  const std::map<std::string, std::string>& model() const { return model_; }
  static rocksdb::Options MakeOptions(rocksdb::Env* env, bool direct);

 private:
  bool Matches(const std::string& key, const rocksdb::Status& status,
               const std::string& value) const;
  bool Ok(const rocksdb::Status& status, const char* what);

  rocksdb::Env* env_;
  const std::string path_;
  const bool direct_;
  Findings* const findings_;
  std::mt19937_64 random_;
  std::map<std::string, std::string> model_;
  std::unique_ptr<rocksdb::DB> db_;
  std::string first_log_;
};

}  // namespace rocksdb_uring
