// Sequences of operations on the shared engine and a kernel that does with them
// what the input says. Each operation becomes final exactly once, with the
// right bytes; nobody touches its buffer afterwards; no ring, request or byte
// of memory is left in the end.
//
// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "env/base/file_descriptor.h"
#include "env/engine/uring_engine.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

constexpr size_t kFileBytes = 256 << 10;
constexpr size_t kSlots = 48;
// Writes go behind the bytes that are read, each slot to a place of its own.
constexpr uint64_t kSlotBytes = 16 << 10;

void Require(bool holds, const char* what) {
  if (!holds) {
    fprintf(stderr, "property violated: %s\n", what);
    abort();
  }
}

// The input. Zeros when it is used up.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : next_(data), end_(data + size) {}
  bool empty() const { return next_ == end_; }
  uint8_t Next() { return empty() ? 0 : *next_++; }
  uint64_t Below(uint64_t bound) {
    const uint64_t high = Next();
    return (high << 8 | Next()) % bound;
  }

 private:
  const uint8_t* next_;
  const uint8_t* const end_;
};

// One operation with a buffer that goes away as soon as it is final.
struct Slot {
  IoOp op;
  std::unique_ptr<char[]> buffer;
  std::string expected;
  bool busy = false;
  bool cancelled = false;
  int callbacks = 0;
};

class Session {
 public:
  Session(const uint8_t* data, size_t size)
      : bytes_(data, size), fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    static const auto* contents = new std::string(RandomBytes(kFileBytes, 7));
    model_ = contents;
    Require(pwrite(fd_.get(), model_->data(), kFileBytes, 0) ==
                static_cast<ssize_t>(kFileBytes),
            "a file in memory");
    EngineOptions options;
    options.queue_depth = 8u << bytes_.Below(4);
    options.rings_max = static_cast<uint32_t>(1 + bytes_.Below(3));
    options.ring_factory = kernel_.factory();
    options.system_calls = &calls_;
    calls_.InterruptEvery(2 + bytes_.Below(5));
    calls_.set_bytes_max(4096 * (1 + bytes_.Below(4)));
    engine_ = std::make_unique<UringEngine>(options, &statistics_, &account_);
    kernel_.SetRequestScript([this](const RingRequest& request, uint64_t) {
      return Judge(request);
    });
  }

  void Play() {
    while (!bytes_.empty()) {
      Step();
      Collect();
    }
    Finish();
  }

 private:
  FakeKernel::Verdict Judge(const RingRequest& request) {
    FakeKernel::Verdict verdict;
    const uint8_t draw = bytes_.Next();
    const bool read = request.opcode == RingOpcode::kRead;
    const bool sync = request.opcode == RingOpcode::kFsync ||
                      request.opcode == RingOpcode::kSyncFileRange;
    verdict.withheld = may_withhold_ && draw % 3 == 0;
    verdict.cancelable = draw % 5 != 0;
    verdict.calls_late = draw / 16 % 4;
    if (draw % 7 == 1) {
      verdict.bytes_max = 4096 * (draw / 64);
    } else if (draw % 7 == 2 && !sync) {
      constexpr int32_t kErrors[] = {-EAGAIN, -EINTR, -EIO, -EFAULT};
      // The last two only a read hides.
      verdict.error = kErrors[draw / 8 % (read ? 4 : 2)];
    }
    return verdict;
  }

  void Step() {
    switch (bytes_.Next() % 14) {
      case 0:
      case 1:
      case 2:
        Submit(1 + bytes_.Below(12));
        break;
      case 3:
        RunBatch(1 + bytes_.Below(12));
        break;
      case 4:
        engine_->Poll();
        break;
      case 5:
        Wait(Pick(), IoEngine::kNoTimeout);
        break;
      case 6:
        Wait(Pick(), 0);
        break;
      case 7:
        CancelSlot(Pick());
        break;
      case 8:
        kernel_.ReleaseAll(bytes_.Next() % 2 == 0);
        break;
      case 9: {
        const uint64_t bit = bytes_.Next() % 8;
        kernel_.ReleaseIf([bit](const RingRequest& request) {
          return (request.offset >> bit & 1) != 0;
        });
        break;
      }
      case 10: {
        constexpr int kErrors[] = {0, -EAGAIN, -EBUSY, -EBADF, -EFAULT};
        kernel_.SetSubmitError(kErrors[bytes_.Next() % 5]);
        break;
      }
      case 11:
        kernel_.SetFactoryError(bytes_.Next() % 2 == 0 ? -ENOMEM : 0);
        break;
      case 12:
        // Names nobody: generations are not that large.
        kernel_.CompleteUnknown(0xdeadbeef00000000 | bytes_.Next());
        break;
      default:
        kernel_.InterruptWaits();
    }
  }

  Slot* Pick() { return &slots_[bytes_.Below(kSlots)]; }

  Slot* Free() {
    for (Slot& slot : slots_) {
      if (!slot.busy) {
        return &slot;
      }
    }
    return nullptr;
  }

  // Fills an idle slot in.
  void Prepare(Slot* slot) {
    const uint8_t kind = bytes_.Next() % 8;
    const size_t length = 1 + bytes_.Below(kSlotBytes);
    slot->op.Reset();
    slot->op.fd = fd_.get();
    slot->op.kind = kind == 0   ? IoKind::kFdatasync
                    : kind == 1 ? IoKind::kWrite
                                : IoKind::kRead;
    slot->op.stat_kind = StatKind::kRead;
    slot->op.callback = nullptr;
    slot->cancelled = false;
    slot->busy = true;
    slot->op.offset = 0;
    slot->op.length = 0;
    slot->buffer.reset();
    slot->expected.clear();
    if (slot->op.kind == IoKind::kFdatasync) {
      return;
    }
    slot->buffer.reset(new char[length]);
    slot->op.buffer = slot->buffer.get();
    slot->op.length = length;
    if (slot->op.kind == IoKind::kWrite) {
      slot->op.offset = kFileBytes + kSlotBytes * IndexOf(slot);
      slot->expected = RandomBytes(length, ++started_);
      memcpy(slot->buffer.get(), slot->expected.data(), length);
    } else {
      // What is written beside must not be read.
      slot->op.offset = bytes_.Below(kFileBytes / 16) * 16;
      const size_t most = kFileBytes - slot->op.offset;
      slot->op.length = length < most ? length : most;
      slot->expected = model_->substr(slot->op.offset, slot->op.length);
    }
  }

  void Submit(uint64_t count) {
    std::vector<IoOp*> ops;
    std::vector<Slot*> slots;
    for (Slot* slot = Free(); slot != nullptr && ops.size() < count;
         slot = Free()) {
      Prepare(slot);
      if (bytes_.Next() % 4 == 0) {
        slot->op.context = slot;
        slot->op.callback = [](IoOp* op) {
          ++static_cast<Slot*>(op->context)->callbacks;
        };
      }
      slots.push_back(slot);
      ops.push_back(&slot->op);
    }
    may_withhold_ = true;
    const size_t taken = engine_->Submit(ops.data(), ops.size());
    may_withhold_ = false;
    finals_ += taken;
    for (size_t i = taken; i < ops.size(); ++i) {
      Require(ops[i]->state() == IoState::kIdle, "what is not taken is idle");
      slots[i]->busy = false;
    }
  }

  void RunBatch(uint64_t count) {
    std::vector<Slot> batch(count);
    auto ops = std::make_unique<IoOp[]>(count);
    for (uint64_t i = 0; i < count; ++i) {
      const size_t length = 1 + bytes_.Below(kSlotBytes);
      batch[i].buffer.reset(new char[length]);
      ops[i].fd = fd_.get();
      ops[i].offset = bytes_.Below(kFileBytes - kSlotBytes);
      ops[i].buffer = batch[i].buffer.get();
      ops[i].length = length;
    }
    RunOptions options;
    options.path = PathChoice::kUring;
    // A batch that finds no ring shares one with what was submitted before, and
    // may have to wait for its room.
    kernel_.ReleaseAll();
    engine_->Run(ops.get(), count, options);
    finals_ += count;
    for (uint64_t i = 0; i < count; ++i) {
      Require(ops[i].completed(), "Run completes");
      Require(ops[i].result == static_cast<int64_t>(ops[i].length),
              "a batch reads all");
      Require(memcmp(ops[i].buffer, model_->data() + ops[i].offset,
                     ops[i].length) == 0,
              "a batch reads the right bytes");
    }
  }

  void Wait(Slot* slot, uint64_t timeout_us) {
    if (!slot->busy || slot->op.callback != nullptr) {
      return;
    }
    if (timeout_us == IoEngine::kNoTimeout) {
      kernel_.ReleaseAll();
    }
    const bool completed = engine_->Wait(&slot->op, timeout_us);
    Require(completed == slot->op.completed(), "Wait says what is");
    Require(completed || timeout_us == 0, "Wait waits");
  }

  void CancelSlot(Slot* slot) {
    // One with a callback may be gone by now.
    if (slot->busy && slot->op.callback == nullptr) {
      slot->cancelled = true;
      engine_->Cancel(&slot->op);
    }
  }

  // Checks what has become final, and takes its buffer away.
  void Collect() {
    for (Slot& slot : slots_) {
      if (!slot.busy || !slot.op.completed()) {
        continue;
      }
      Require(slot.callbacks == (slot.op.callback != nullptr ? 1 : 0),
              "one callback");
      slot.callbacks = 0;
      slot.busy = false;
      if (slot.cancelled && slot.op.result == -ECANCELED) {
        slot.buffer.reset();
        continue;
      }
      Require(slot.op.result == static_cast<int64_t>(slot.expected.size()),
              "the whole result");
      if (slot.op.kind == IoKind::kRead) {
        Require(memcmp(slot.buffer.get(), slot.expected.data(),
                       slot.expected.size()) == 0,
                "the right bytes");
      } else if (slot.op.kind == IoKind::kWrite) {
        std::string written(slot.expected.size(), '\0');
        Require(pread(fd_.get(), &written[0], written.size(),
                      static_cast<off_t>(slot.op.offset)) ==
                        static_cast<ssize_t>(written.size()) &&
                    written == slot.expected,
                "the bytes are written");
      }
      slot.buffer.reset();
    }
  }

  void Finish() {
    kernel_.SetSubmitError(0);
    kernel_.SetFactoryError(0);
    for (Slot& slot : slots_) {
      while (slot.busy && !slot.op.completed()) {
        kernel_.ReleaseAll();
        if (slot.op.callback != nullptr) {
          engine_->Poll();
        } else {
          engine_->Wait(&slot.op);
        }
      }
    }
    Collect();
    Require(statistics_.Snapshot().op(StatKind::kRead).count == finals_,
            "each operation is counted once");
    engine_.reset();
    const std::string complaints = kernel_.observations().Complaints();
    Require(complaints.empty(), complaints.c_str());
    Require(account_.bytes() == 0, "no memory is left");
  }

  uint64_t IndexOf(const Slot* slot) const {
    return static_cast<uint64_t>(slot - slots_.data());
  }

  Bytes bytes_;
  const FileDescriptor fd_;
  const std::string* model_ = nullptr;
  FakeKernel kernel_;
  FakeSystemCalls calls_;
  Statistics statistics_;
  MemoryAccount account_;
  std::unique_ptr<UringEngine> engine_;
  std::vector<Slot> slots_{kSlots};
  bool may_withhold_ = false;
  uint64_t started_ = 0;
  uint64_t finals_ = 0;
};

}  // namespace
}  // namespace rocksdb_uring

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rocksdb_uring::Session(data, size).Play();
  return 0;
}
