// Asks the page cache first, so that a stream that is cached costs nothing, and
// announces when it had to wait once.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/page_cache_ahead.h"

#include <algorithm>

#include "env/file/read_deadline.h"

namespace rocksdb_uring {

namespace {

// To ask costs some 8 % of a read that hits. The first reads of a stream ask,
// until so many of the file have hit in a row; the others ask so seldom: what
// they miss by it is a few waits.
constexpr uint32_t kAskedFirst = 4;
constexpr uint32_t kHitsMax = 64;
constexpr uint32_t kAskedSeldom = 16;

}  // namespace

bool PageCacheAhead::IsCached(uint64_t offset) {
  char byte = 0;
  SystemCalls* const calls = file_->engine->options().system_calls;
  return calls->PreadNoWait(file_->fd.get(), &byte, 1, offset) == 1;
}

// Announces far ahead and seldom: NextWindow returns 0 until half of the last
// window has been read. The horizon moves even if nothing is announced, so that
// a cached part is asked about once.
void PageCacheAhead::Announce(const StreamHistory& history,
                              ReadStream* stream) {
  const uint64_t bytes = history.NextWindow(*stream, kWindowMax);
  if (bytes == 0) {
    return;
  }
  const bool back = stream->direction == Direction::kBackward;
  const uint64_t edge = back ? std::min(stream->horizon, stream->start)
                             : std::max(stream->horizon, stream->end);
  const uint64_t from = back ? edge - std::min(edge, bytes) : edge;
  const uint64_t to = back ? edge : edge + bytes;
  const bool first = stream->window == 0;
  if (first) {
    file_->engine->statistics()->Count(
        StreamEvent(file_->kind, stream->direction));
  }
  stream->window = static_cast<uint32_t>(bytes);
  stream->horizon = back ? from : to;
  // The far end: what lies between will have been read at the same time.
  if (from == to || (!first && IsCached(back ? from : to - 1))) {
    return;
  }
  SystemCalls* const calls = file_->engine->options().system_calls;
  // A hint: if it fails, reads wait as they did.
  (void)calls->WillNeed(file_->fd.get(), from, to - from);
  file_->engine->statistics()->Count(StatEvent::kAnnounced, to - from);
}

bool PageCacheAhead::Asks(const ReadStream& stream) const {
  // `used` counts the reads of the thread.
  return stream.used % kAskedSeldom == 0 ||
         (stream.reads <= kAskedFirst &&
          hits_.load(std::memory_order_relaxed) < kHitsMax);
}

bool PageCacheAhead::Ask(IoOp* op) {
  const uint32_t before = hits_.load(std::memory_order_relaxed);
  const bool hit = file_->engine->engine()->RunIfCached(op);
  const uint32_t after = hit ? std::min(before + 1, kHitsMax) : 0;
  // Nothing is written to the line while a file stays as it is.
  if (after != before) {
    hits_.store(after, std::memory_order_relaxed);
  }
  return hit;
}

int64_t PageCacheAhead::Read(const StreamHistory& history, ReadStream* stream,
                             PathChoice path, Deadline deadline, IoOp* op) {
  if (!stream->cold) {
    if (!Asks(*stream)) {
      return RunRead(file_, op, path, deadline);
    }
    // Where the filesystem has no RWF_NOWAIT every stream counts as cold.
    if (Ask(op)) {
      return op->result;
    }
    // Never reset: a stream that missed once is announced to its end, and its
    // reads no longer ask.
    stream->cold = true;
    // What is waited for goes to the device first.
    (void)file_->engine->options().system_calls->WillNeed(op->fd, op->offset,
                                                          op->length);
  }
  Announce(history, stream);
  return RunRead(file_, op, path, deadline);
}

}  // namespace rocksdb_uring
