// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/trace_file.h"

#include <errno.h>
#include <string.h>

#include <fstream>

namespace rocksdb_uring {

namespace {

// A record: time (8 bytes), type (1), length of the payload (4, little-endian),
// payload. The first one's payload begins with a magic text. Types and texts as
// in RocksDB's trace_record.h and trace_replay.cc.
constexpr size_t kHeadBytes = 13;
constexpr const char* kMagic = "feedcafedeadbeef";
enum Type : unsigned char {
  kBegin = 1,
  kEnd = 2,
  kWrite = 3,
  kGet = 4,
  kSeek = 5,
  kSeekForPrev = 6,
  kMultiGet = 13,
};

struct Head {
  unsigned char type = 0;
  uint32_t length = 0;
};

class TraceFile {
 public:
  explicit TraceFile(const std::string& path)
      : path_(path), file_(path, std::ios::binary) {}

  bool Read(TraceSummary* summary, std::string* error) {
    error_ = error;
    if (!file_) return Fail(strerror(errno));
    if (!ReadBegin()) return false;
    Head head;
    while (ReadHead(&head)) {
      if (head.type == kEnd) break;
      if (!Skip(head.length)) return false;
      Count(head.type, summary);
    }
    if (!error_->empty()) return false;
    return summary->operations() > 0 ||
           Fail(
               "the trace holds no operation: it was ended before any, or "
               "its filter excludes all");
  }

 private:
  bool Fail(const std::string& what) {
    *error_ = path_ + ": " + what;
    return false;
  }

  bool ReadBegin() {
    Head head;
    std::string magic(strlen(kMagic), '\0');
    const bool is_trace =
        ReadHead(&head) && head.type == kBegin && head.length >= magic.size() &&
        file_.read(magic.data(), magic.size()) && magic == kMagic;
    error_->clear();
    if (!is_trace) {
      return Fail(
          "is not a trace of operations (DB::StartTrace, db_bench "
          "--trace_file)");
    }
    at_ += magic.size();
    return Skip(head.length - magic.size());
  }

  // Returns false at the end of the file, and with an error if that lies within
  // the head of a record.
  bool ReadHead(Head* head) {
    unsigned char bytes[kHeadBytes];
    file_.read(reinterpret_cast<char*>(bytes), sizeof(bytes));
    const std::streamsize got = file_.gcount();
    if (got == 0) return false;
    if (got < static_cast<std::streamsize>(sizeof(bytes))) return FailCut();
    head->type = bytes[8];
    head->length = bytes[9] | bytes[10] << 8 | bytes[11] << 16 |
                   static_cast<uint32_t>(bytes[12]) << 24;
    at_ += sizeof(bytes);
    ++records_;
    return true;
  }

  bool Skip(size_t bytes) {
    file_.ignore(static_cast<std::streamsize>(bytes));
    if (file_.gcount() < static_cast<std::streamsize>(bytes)) return FailCut();
    at_ += bytes;
    return true;
  }

  bool FailCut() {
    return Fail("is cut off or corrupt in the record at byte " +
                std::to_string(at_) + ", after " + std::to_string(records_) +
                " records. Record it again, and end it with DB::EndTrace");
  }

  static void Count(unsigned char type, TraceSummary* summary) {
    switch (type) {
      case kWrite:
        ++summary->writes;
        break;
      case kGet:
        ++summary->gets;
        break;
      case kSeek:
      case kSeekForPrev:
        ++summary->seeks;
        break;
      case kMultiGet:
        ++summary->multi_gets;
        break;
      default:  // a newer RocksDB's; the replay leaves it out, too
        break;
    }
  }

  const std::string path_;
  std::ifstream file_;
  size_t at_ = 0;
  size_t records_ = 0;
  std::string* error_ = nullptr;
};

}  // namespace

bool ReadTrace(const std::string& path, TraceSummary* summary,
               std::string* error) {
  *summary = TraceSummary();
  error->clear();
  return TraceFile(path).Read(summary, error);
}

bool MakeTraceRow(const std::string& path, const std::vector<std::string>& args,
                  CacheState cache, Workload* row, std::string* error) {
  TraceSummary summary;
  if (!ReadTrace(path, &summary, error)) return false;
  row->name = "trace";
  row->measures = "operations of " + path + ": " + Describe(summary) +
                  (cache == CacheState::kWarm ? "; all cached at the start"
                                              : "; cache cold at the start");
  row->args = args;
  row->cache = cache;
  row->extent = Extent::kTrace;
  row->results = {"replay"};
  row->database = DatabaseUse::kCopy;
  row->trace = path;
  return true;
}

std::string Describe(const TraceSummary& summary) {
  const struct {
    int64_t count;
    const char* name;
  } kinds[] = {{summary.gets, "Get"},
               {summary.multi_gets, "MultiGet"},
               {summary.seeks, "Seek"},
               {summary.writes, "Write"}};
  std::string text;
  for (const auto& kind : kinds) {
    if (kind.count == 0) continue;
    text += (text.empty() ? "" : ", ") + std::to_string(kind.count) + " " +
            kind.name;
  }
  return text;
}

}  // namespace rocksdb_uring
