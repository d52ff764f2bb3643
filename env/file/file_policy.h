// Which path the operations of the files of one file system take, while files
// are open.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "env/base/sharing.h"
#include "env/engine/io_engine.h"

namespace rocksdb_uring {

// I/O priority in the kernel of what a compaction's requests do.
enum class BackgroundPriority : uint8_t {
  kLow,   // IoPriority::kBackground
  kIdle,  // IoPriority::kIdle
  kSame,  // that of all others
};

// What can change while a file system is in use.
struct FileSettings {
  static constexpr uint32_t kShareMax = 100;

  // Percent of the files that go through the engine. All others are read and
  // written as RocksDB's own file system does.
  uint32_t share = kShareMax;
  PathChoices paths;
  BackgroundPriority background = BackgroundPriority::kLow;
  // Whether the debug log of the process (debug_log.h) is written.
  bool debug_log = true;
};

inline bool operator==(const FileSettings& a, const FileSettings& b) {
  return a.share == b.share && a.paths.reads == b.paths.reads &&
         a.paths.writes == b.paths.writes && a.paths.syncs == b.paths.syncs &&
         a.background == b.background && a.debug_log == b.debug_log;
}

// The hundredth of all files that a file is in: 0 to 99, by its base name, so
// that it is the same in every process and after every restart.
uint8_t HundredthOf(const std::string& path);

// Shared by all files of a file system, which ask it at each operation. All
// settings are one word: a change of several is seen as a whole, and to ask
// costs one relaxed load. Safe for concurrent use.
class FilePolicy {
 public:
  explicit FilePolicy(const FileSettings& settings = FileSettings())
      : word_(Pack(settings)) {}

  FileSettings settings() const { return Unpack(Load()); }
  // Before the first file is opened.
  void Set(const FileSettings& settings) {
    word_.store(Pack(settings), std::memory_order_relaxed);
  }
  // While files may be open: each follows with its next operation.
  void Change(const FileSettings& settings) {
    word_.store(Pack(settings) | kChanged, std::memory_order_relaxed);
  }
  // A scan of RocksDB may have begun under other settings.
  bool changed() const { return (Load() & kChanged) != 0; }

  // The path of the next operation of a file: kPlain outside the share.
  PathChoice reads(uint8_t hundredth) const {
    return PathAt(kReadsShift, hundredth);
  }
  PathChoice writes(uint8_t hundredth) const {
    return PathAt(kWritesShift, hundredth);
  }
  PathChoice syncs(uint8_t hundredth) const {
    return PathAt(kSyncsShift, hundredth);
  }

  // Of a compaction's requests.
  IoPriority background() const {
    switch (BackgroundIn(Load())) {
      case BackgroundPriority::kLow:
        return IoPriority::kBackground;
      case BackgroundPriority::kIdle:
        return IoPriority::kIdle;
      case BackgroundPriority::kSame:
        break;
    }
    return IoPriority::kAhead;
  }

 private:
  static constexpr uint32_t kShareMask = 0xff;
  static constexpr uint32_t kPathMask = 0x3;
  static constexpr uint32_t kBackgroundMask = 0x3;
  static constexpr int kReadsShift = 8;
  static constexpr int kWritesShift = 10;
  static constexpr int kSyncsShift = 12;
  static constexpr uint32_t kDebugLog = 1 << 14;
  static constexpr uint32_t kChanged = 1 << 15;
  static constexpr int kBackgroundShift = 16;

  static PathChoice PathIn(uint32_t word, int shift) {
    return static_cast<PathChoice>(word >> shift & kPathMask);
  }
  static BackgroundPriority BackgroundIn(uint32_t word) {
    return static_cast<BackgroundPriority>(word >> kBackgroundShift &
                                           kBackgroundMask);
  }
  static uint32_t Pack(const FileSettings& settings) {
    const auto at = [](PathChoice path, int shift) {
      return static_cast<uint32_t>(path) << shift;
    };
    return settings.share | at(settings.paths.reads, kReadsShift) |
           at(settings.paths.writes, kWritesShift) |
           at(settings.paths.syncs, kSyncsShift) |
           static_cast<uint32_t>(settings.background) << kBackgroundShift |
           (settings.debug_log ? kDebugLog : 0);
  }
  static FileSettings Unpack(uint32_t word) {
    FileSettings settings;
    settings.share = word & kShareMask;
    settings.paths.reads = PathIn(word, kReadsShift);
    settings.paths.writes = PathIn(word, kWritesShift);
    settings.paths.syncs = PathIn(word, kSyncsShift);
    settings.background = BackgroundIn(word);
    settings.debug_log = (word & kDebugLog) != 0;
    return settings;
  }
  uint32_t Load() const { return word_.load(std::memory_order_relaxed); }
  PathChoice PathAt(int shift, uint8_t hundredth) const {
    const uint32_t word = Load();
    return hundredth < (word & kShareMask) ? PathIn(word, shift)
                                           : PathChoice::kPlain;
  }

  // On a line of its own: every operation reads it, and nothing that is
  // written often may share its line.
  alignas(kCacheLineBytes) std::atomic<uint32_t> word_;
};

}  // namespace rocksdb_uring
