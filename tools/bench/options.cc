// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/options.h"

#include <gflags/gflags.h>

#include <utility>

#include "env/engine/uring_engine.h"

DEFINE_string(file, "",
              "File to read or write. Required. Made with --size_mb if it is "
              "missing, and left in place.");
DEFINE_int64(size_mb, 0,
             "Part of the file that is used, in MiB. 0: all of a file that "
             "exists.");
DEFINE_bool(overwrite, false,
            "Allow write patterns to overwrite an existing file.");
DEFINE_string(
    pattern, "randread",
    "randread, seqread, randwrite, seqwrite, randrw, of which three in ten are "
    "writes, or append, which grows the file from nothing to --size_mb, again "
    "and again.");
DEFINE_int32(block_size, 4096, "Bytes of one operation.");
DEFINE_bool(direct, true, "Direct I/O; --nodirect is buffered.");
DEFINE_int32(batch, 1,
             "Operations in one synchronous call of the engine (Run).");
DEFINE_int32(depth, 1,
             "Asynchronous operations in flight per thread (Submit, Wait). 1: "
             "measure synchronous batches instead.");
DEFINE_int32(threads, 1, "Threads that do I/O.");
DEFINE_bool(sync, false,
            "An fdatasync after each batch of writes, measured with it.");
DEFINE_string(engine, "uring",
              "uring; posix; or none, which completes operations at once and "
              "so measures this program.");
DEFINE_string(path, "auto",
              "Path that the engine takes: auto, uring or posix, as in the "
              "options reads= and writes=.");
DEFINE_string(layout, "lease",
              "Rings: lease (from a pool, for each batch, as shipped), shared "
              "(one for all threads), thread (one for each thread).");
DEFINE_int32(queue_depth, 64, "Entries of a ring.");
DEFINE_string(
    polling, "off",
    "As the option polling=: off, submission or device. Ends with the "
    "reason where it cannot be.");
DEFINE_double(runtime, 5, "Seconds to measure.");
DEFINE_double(warmup, 1, "Seconds before the measurement.");
DEFINE_string(json, "", "Also write the result to this file.");
DEFINE_bool(suite, false,
            "Run all benchmarks on uring and on posix in turn: latency, "
            "throughput, batch sizes, mixed reads and writes, synced writes, "
            "and more than 1000 operations in flight. Writes go to files "
            "beside --file, which are removed.");
DEFINE_int32(pairs, 3, "With --suite: runs of each benchmark on each engine.");

namespace rocksdb_uring {

namespace {

constexpr int64_t kBlockSizeMax = 64 << 20;
constexpr int64_t kBatchMax = 4096;
constexpr int64_t kThreadsMax = 1024;
constexpr int64_t kSizeMbMax = 1 << 24;
constexpr double kSecondsMax = 86400;
constexpr int64_t kPairsMax = 1000;

// Collects the first mistake.
class Checker {
 public:
  explicit Checker(std::string* error) : error_(error) {}

  template <typename T>
  void Range(const char* flag, T value, T min, T max) {
    if (value < min || value > max) {
      Fail(flag, std::to_string(value),
           std::to_string(min) + " to " + std::to_string(max));
    }
  }

  template <typename T, size_t kCount>
  void OneOf(const char* flag, const std::string& value,
             const std::pair<const char*, T> (&choices)[kCount], T* out) {
    std::string names;
    for (const auto& choice : choices) {
      if (value == choice.first) {
        *out = choice.second;
        return;
      }
      names += (names.empty() ? "" : ", ") + std::string(choice.first);
    }
    Fail(flag, "'" + value + "'", names);
  }

  void Fail(const char* flag, const std::string& value,
            const std::string& takes) {
    if (error_->empty()) {
      *error_ = std::string("--") + flag + ": " + value + " is not in range; " +
                "it takes " + takes;
    }
  }

 private:
  std::string* const error_;
};

struct Pattern {
  bool random;
  bool write;
  bool append;
  bool mixed;
};

constexpr std::pair<const char*, Pattern> kPatterns[] = {
    {"randread", {true, false, false, false}},
    {"seqread", {false, false, false, false}},
    {"randwrite", {true, true, false, false}},
    {"seqwrite", {false, true, false, false}},
    {"randrw", {true, true, false, true}},
    {"append", {false, true, true, false}}};
constexpr std::pair<const char*, BenchEngine> kEngines[] = {
    {"uring", BenchEngine::kUring},
    {"posix", BenchEngine::kPosix},
    {"none", BenchEngine::kNone}};
constexpr std::pair<const char*, RingLayout> kLayouts[] = {
    {"lease", RingLayout::kLease},
    {"shared", RingLayout::kShared},
    {"thread", RingLayout::kThread}};
constexpr std::pair<const char*, Polling> kPollings[] = {
    {"off", Polling::kOff},
    {"submission", Polling::kSubmission},
    {"device", Polling::kDevice}};
constexpr std::pair<const char*, PathChoice> kPaths[] = {
    {"auto", PathChoice::kAuto},
    {"uring", PathChoice::kUring},
    {"posix", PathChoice::kPosix}};

template <typename T, size_t kCount>
const char* NameOf(T value,
                   const std::pair<const char*, T> (&choices)[kCount]) {
  for (const auto& choice : choices) {
    if (choice.second == value) {
      return choice.first;
    }
  }
  return "?";
}

void CheckNumbers(Checker* check) {
  check->Range<int64_t>("size_mb", FLAGS_size_mb, 0, kSizeMbMax);
  check->Range<int64_t>("block_size", FLAGS_block_size, 1, kBlockSizeMax);
  check->Range<int64_t>("batch", FLAGS_batch, 1, kBatchMax);
  check->Range<int64_t>("depth", FLAGS_depth, 1, kBatchMax);
  check->Range<int64_t>("threads", FLAGS_threads, 1, kThreadsMax);
  check->Range<int64_t>("queue_depth", FLAGS_queue_depth,
                        EngineOptions::kQueueDepthMin,
                        EngineOptions::kQueueDepthMax);
  check->Range<int64_t>("pairs", FLAGS_pairs, 1, kPairsMax);
  check->Range("runtime", FLAGS_runtime, 0.01, kSecondsMax);
  check->Range("warmup", FLAGS_warmup, 0.0, kSecondsMax);
}

// The benchmarks of the suite choose these by themselves.
void CheckSuite(Checker* check) {
  for (const char* flag :
       {"pattern", "batch", "depth", "threads", "sync", "engine", "path",
        "layout", "queue_depth", "polling"}) {
    gflags::CommandLineFlagInfo info;
    if (gflags::GetCommandLineFlagInfo(flag, &info) && !info.is_default) {
      check->Fail(flag, info.current_value,
                  info.default_value + " with --suite, which sets it");
    }
  }
}

// What no flag on its own gets wrong.
void CheckTogether(const BenchOptions& options, Checker* check) {
  if (options.file.empty()) {
    check->Fail("file", "''", "the name of a file");
  }
  if (options.asynchronous() && options.batch > 1) {
    check->Fail("batch", std::to_string(options.batch),
                "1 with a --depth above 1");
  }
  if (options.asynchronous() && options.engine == BenchEngine::kPosix) {
    check->Fail("depth", std::to_string(options.depth),
                "1 with --engine=posix, which has no asynchronous operations");
  }
  if (options.engine != BenchEngine::kUring &&
      options.layout != RingLayout::kLease) {
    check->Fail("layout", LayoutName(options.layout),
                "lease without --engine=uring");
  }
  if (options.polling != Polling::kOff &&
      (options.engine != BenchEngine::kUring ||
       options.layout != RingLayout::kLease)) {
    check->Fail("polling", PollingName(options.polling),
                "off without --engine=uring and --layout=lease");
  }
  if (options.layout == RingLayout::kShared &&
      options.path != PathChoice::kUring && !options.asynchronous()) {
    check->Fail("path", PathChoiceName(options.path),
                "uring with --layout=shared");
  }
  if (options.append && options.threads > 1) {
    check->Fail("threads", std::to_string(options.threads),
                "1 with --pattern=append");
  }
  if (options.sync && (!options.write || options.asynchronous())) {
    check->Fail("sync", "true",
                "false, but with a pattern that writes and --depth=1");
  }
  if (options.suite) {
    CheckSuite(check);
  }
  if (options.direct && options.block_size % 512 != 0) {
    check->Fail("block_size", std::to_string(options.block_size),
                "a multiple of 512 with direct I/O");
  }
}

void TakeNumbers(BenchOptions* options) {
  options->file = FLAGS_file;
  options->size_bytes = static_cast<uint64_t>(FLAGS_size_mb) << 20;
  options->block_size = static_cast<uint32_t>(FLAGS_block_size);
  options->depth = static_cast<uint32_t>(FLAGS_depth);
  options->batch = static_cast<uint32_t>(FLAGS_batch);
  options->threads = static_cast<uint32_t>(FLAGS_threads);
  options->direct = FLAGS_direct;
  options->overwrite = FLAGS_overwrite;
  options->queue_depth = static_cast<uint32_t>(FLAGS_queue_depth);
  options->runtime_s = FLAGS_runtime;
  options->warmup_s = FLAGS_warmup;
  options->json = FLAGS_json;
  options->sync = FLAGS_sync;
  options->suite = FLAGS_suite;
  options->pairs = static_cast<uint32_t>(FLAGS_pairs);
}

}  // namespace

bool ReadOptions(BenchOptions* options, std::string* error) {
  Checker check(error);
  CheckNumbers(&check);
  Pattern pattern = {true, false, false, false};
  check.OneOf("pattern", FLAGS_pattern, kPatterns, &pattern);
  check.OneOf("engine", FLAGS_engine, kEngines, &options->engine);
  check.OneOf("layout", FLAGS_layout, kLayouts, &options->layout);
  check.OneOf("path", FLAGS_path, kPaths, &options->path);
  check.OneOf("polling", FLAGS_polling, kPollings, &options->polling);
  if (!error->empty()) {
    return false;
  }
  TakeNumbers(options);
  options->random = pattern.random;
  options->write = pattern.write;
  options->append = pattern.append;
  options->mixed = pattern.mixed;
  CheckTogether(*options, &check);
  return error->empty();
}

std::string PatternName(const BenchOptions& options) {
  if (options.append) {
    return "append";
  }
  if (options.mixed) {
    return "randrw";
  }
  return std::string(options.random ? "rand" : "seq") +
         (options.write ? "write" : "read");
}

const char* EngineName(BenchEngine engine) { return NameOf(engine, kEngines); }
const char* LayoutName(RingLayout layout) { return NameOf(layout, kLayouts); }
const char* PathChoiceName(PathChoice path) { return NameOf(path, kPaths); }

}  // namespace rocksdb_uring
