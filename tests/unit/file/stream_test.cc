// What makes reads a stream, and how far to read ahead of it.
//
// SPDX-License-Identifier: Apache-2.0
#include "env/file/stream.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "tests/support/engine/test_support.h"

namespace rocksdb_uring {
namespace {

constexpr size_t kSize = 4096;

ReadStream StreamOf(const std::vector<uint64_t>& offsets) {
  ReadStream stream;
  stream.Begin(1, offsets[0], kSize);
  for (size_t i = 1; i < offsets.size(); ++i) {
    EXPECT_TRUE(stream.Continue(offsets[i], kSize)) << offsets[i];
  }
  return stream;
}

TEST(StreamTest, GoesForwardsOrBackwardsFromItsSecondReadOn) {
  const ReadStream forward = StreamOf({0, kSize, 2 * kSize});
  EXPECT_EQ(forward.direction, Direction::kForward);
  EXPECT_EQ(forward.span(), 3 * kSize);
  const ReadStream back = StreamOf({10 * kSize, 9 * kSize, 8 * kSize});
  EXPECT_EQ(back.direction, Direction::kBackward);
  EXPECT_EQ(back.span(), 3 * kSize);
  EXPECT_EQ(back.ahead(), 0u);
}

TEST(StreamTest, ARepeatedReadIsNoStep) {
  ReadStream stream = StreamOf({0, 0, 0});
  EXPECT_FALSE(stream.established());
  EXPECT_TRUE(stream.Continue(kSize, kSize));
  EXPECT_TRUE(stream.Continue(kSize, kSize));
  EXPECT_EQ(stream.reads, 2u);
}

TEST(StreamTest, LeavesBlocksOutOnceItIsEstablished) {
  ReadStream stream;
  stream.Begin(1, 0, kSize);
  EXPECT_FALSE(stream.Continue(3 * kSize, kSize)) << "two reads that are near";
  stream = StreamOf({0, kSize});
  EXPECT_TRUE(stream.Continue(4 * kSize, kSize));
  EXPECT_FALSE(stream.Continue(1 << 20, kSize));
  EXPECT_FALSE(stream.Continue(0, kSize)) << "it does not turn";
}

// What a scan of so many blocks is told to read ahead, in total.
uint64_t AheadOfScan(StreamHistory* history, size_t blocks, Direction way) {
  ReadStream stream;
  uint64_t offset = 1 << 30;
  uint64_t total = 0;
  stream.Begin(history->id(), offset, kSize);
  for (size_t i = 0; i < blocks; ++i) {
    if (i > 0) {
      offset = way == Direction::kForward ? offset + kSize : offset - kSize;
      EXPECT_TRUE(stream.Continue(offset, kSize));
    } else if (history->UsualDirection() != Direction::kUnknown) {
      stream.TurnTo(history->UsualDirection());
    }
    if (stream.direction == Direction::kUnknown) {
      continue;
    }
    const uint64_t bytes = history->NextWindow(stream, 1 << 20);
    if (bytes > 0) {
      stream.window = static_cast<uint32_t>(bytes);
      stream.horizon = way == Direction::kForward
                           ? std::max(stream.horizon, stream.end) + bytes
                           : std::min(stream.horizon, stream.start) - bytes;
      total += bytes;
    }
  }
  history->Record(stream);
  return total;
}

class StreamHistoryTest : public ::testing::TestWithParam<Direction> {};

TEST_P(StreamHistoryTest, DoublesAheadOfAStreamThatGoesOn) {
  StreamHistory history;
  const uint64_t ahead = AheadOfScan(&history, 5000, GetParam());
  EXPECT_GE(ahead, 4998 * kSize);
  EXPECT_LE(ahead, 5000 * kSize + (1 << 20) + (1 << 19));
}

TEST_P(StreamHistoryTest, LearnsHowLongStreamsAre) {
  StreamHistory history;
  for (const size_t blocks : {12, 40, 5}) {
    for (int i = 0; i < 100; ++i) {
      AheadOfScan(&history, blocks, GetParam());
    }
    const uint64_t ahead = AheadOfScan(&history, blocks, GetParam());
    EXPECT_GE(ahead + 2 * kSize, (blocks - 1) * kSize) << blocks;
    EXPECT_LE(ahead, blocks * kSize * 14 / 10) << blocks;
    EXPECT_EQ(history.UsualDirection(), GetParam());
  }
}

TEST_P(StreamHistoryTest, ReadsNothingAheadOfStreamsThatEndAtOnce) {
  StreamHistory history;
  for (int i = 0; i < 100; ++i) {
    AheadOfScan(&history, 2, GetParam());
  }
  EXPECT_EQ(AheadOfScan(&history, 2, GetParam()), 0u);
  // And yet a long one is found.
  EXPECT_GT(AheadOfScan(&history, 1000, GetParam()), 900 * kSize);
}

// Where point reads are made, a first read says nothing.
TEST_P(StreamHistoryTest, HasNoUsualDirectionBesidePointReads) {
  StreamHistory history;
  for (int i = 0; i < 100; ++i) {
    AheadOfScan(&history, 20, GetParam());
    AheadOfScan(&history, 1, GetParam());
  }
  EXPECT_EQ(history.UsualDirection(), Direction::kUnknown);
}

INSTANTIATE_TEST_SUITE_P(Directions, StreamHistoryTest,
                         ::testing::Values(Direction::kForward,
                                           Direction::kBackward),
                         [](const auto& info) {
                           return info.param == Direction::kForward
                                      ? "Forward"
                                      : "Backward";
                         });

TEST(NoteReadTest, TellsStreamsOfOneThreadApart) {
  StreamHistory files[20];
  // Three in each file, in turn: two forwards, one backwards.
  for (uint64_t step = 0; step < 10; ++step) {
    for (size_t i = 0; i < 8; ++i) {
      StreamHistory* const file = &files[i];
      const ReadStream* const first = NoteRead(file, step * kSize, kSize);
      const ReadStream* const second =
          NoteRead(file, (1 << 30) + step * kSize, kSize);
      const ReadStream* const back =
          NoteRead(file, (1 << 29) - step * kSize, kSize);
      EXPECT_EQ(first != nullptr, step > 0) << "file " << i << " step " << step;
      EXPECT_EQ(second != nullptr, step > 0);
      EXPECT_EQ(back != nullptr, step > 0);
      if (step > 0) {
        EXPECT_EQ(first->direction, Direction::kForward);
        EXPECT_EQ(back->direction, Direction::kBackward);
      }
    }
  }
}

TEST(NoteReadTest, PointReadsAreNone) {
  StreamHistory file;
  std::mt19937_64 random(TestSeed());
  size_t found = 0;
  for (int i = 0; i < 10000; ++i) {
    found += NoteRead(&file, random() % (uint64_t{1} << 32), kSize) != nullptr;
  }
  EXPECT_LE(found, 5u) << "by chance";
}

TEST(NoteReadTest, IsOfTheThreadAlone) {
  StreamHistory file;
  EXPECT_EQ(NoteRead(&file, 0, kSize), nullptr);
  EXPECT_NE(NoteRead(&file, kSize, kSize), nullptr);
  std::thread([&] {
    EXPECT_EQ(NoteRead(&file, 2 * kSize, kSize), nullptr);
    EXPECT_NE(NoteRead(&file, 3 * kSize, kSize), nullptr);
  }).join();
  EXPECT_NE(NoteRead(&file, 2 * kSize, kSize), nullptr);
}

TEST(NoteReadTest, OffsetsThatNoFileHas) {
  StreamHistory file;
  for (const uint64_t offset : {uint64_t{1} << 62, uint64_t{1} << 63,
                                ~uint64_t{0} - 4095, ~uint64_t{0}}) {
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(NoteRead(&file, offset, kSize), nullptr);
    }
  }
}

TEST(NoteReadTest, ThreadsThatEndLeaveNothing) {
  StreamHistory file;
  for (int i = 0; i < 2000; ++i) {
    std::thread([&] { NoteRead(&file, 0, kSize); }).join();
  }
  // The sanitizers and valgrind see what is left.
}

}  // namespace
}  // namespace rocksdb_uring
