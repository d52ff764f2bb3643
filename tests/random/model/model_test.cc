// Random histories of all calls on the plugin and on the default file system,
// with every engine, and on a kernel that misbehaves. ROCKSDB_URING_TEST_SEED
// and ROCKSDB_URING_TEST_STEPS repeat one.
//
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rocksdb/convenience.h"
#include "tests/random/model/dice.h"
#include "tests/random/model/world.h"
#include "tests/support/engine/fake_ring.h"
#include "tests/support/engine/fake_system_calls.h"
#include "tests/support/file/file_test_support.h"

namespace rocksdb_uring {
namespace {

using rocksdb::FileSystem;

enum class Kernel {
  kReal,
  // Completions that are short, late, in another order or failed, interrupted
  // and short system calls.
  kFaulty,
  // And from time to time one that takes no requests or gives no rings.
  kFailing,
};

struct ModelCase {
  const char* label;
  const char* options;
  Kernel kernel;
  size_t threads;
  // The settings of the file system change now and then.
  bool switches = false;
};

void PrintTo(const ModelCase& model_case, std::ostream* out) {
  *out << '"' << model_case.options << '"';
}

size_t Steps() {
  const char* given = getenv("ROCKSDB_URING_TEST_STEPS");
  if (given != nullptr) {
    return strtoull(given, nullptr, 10);
  }
  return FullTests() ? 60000 : 3000;
}

// What a history has shown.
struct Outcome {
  std::string mistake;
  std::string trace;
  // Steps that were made before the mistake.
  size_t steps = 0;
};

class ModelTest : public ::testing::TestWithParam<ModelCase> {
 protected:
  void SetUp() override {
    if (std::string(GetParam().label) == "uring") {
      SkipWithoutRing();
    }
  }

  // A new file system in new directories, and so many steps of each thread.
  void Play(size_t steps, Outcome* outcome) {
    TempDir directory;
    FakeKernel kernel;
    FakeSystemCalls calls;
    std::shared_ptr<SharedEngine> engine = FakeEngine(&kernel, &calls);
    std::shared_ptr<FileSystem> file_system =
        OpenFileSystem(GetParam().options);
    const auto before = StatisticsOf(file_system.get());
    PlayOn(directory, file_system.get(), steps, &kernel, outcome);
    if (outcome->mistake.empty()) {
      outcome->mistake =
          steps < 1000
              ? ""
              : WhatStatisticsLack(before, StatisticsOf(file_system.get()));
    }
    if (engine != nullptr && outcome->mistake.empty() &&
        engine->write_bytes() + engine->read_ahead_bytes() != 0) {
      outcome->mistake = "buffers are left";
    }
    file_system.reset();
    engine.reset();
    const FakeKernel::Observations seen = kernel.observations();
    if (outcome->mistake.empty() &&
        (seen.overflows + seen.rings_alive != 0 ||
         (seen.lost != 0 && GetParam().kernel != Kernel::kFailing))) {
      outcome->mistake = "rings overflowed, or were left behind";
    }
  }

 private:
  std::shared_ptr<SharedEngine> FakeEngine(FakeKernel* kernel,
                                           FakeSystemCalls* calls) {
    if (GetParam().kernel == Kernel::kReal) {
      return nullptr;
    }
    kernel->SetRandomFaults(TestSeed());
    calls->InterruptEvery(3);
    calls->set_bytes_max(16384);
    EngineOptions options;
    options.queue_depth = 16;
    options.rings_max = 2;
    options.write_buffer_bytes = 2 << 20;
    options.readahead_bytes = 2 << 20;
    // The faulty kernel may keep what was aborted for a while.
    options.abandoned_max = EngineOptions::kAbandonedMaxMax;
    options.ring_factory = kernel->factory();
    options.system_calls = calls;
    std::shared_ptr<SharedEngine> engine = MakeEngine(options);
    SharedEngine::InstallForTests(engine);
    return engine;
  }

  void PlayOn(const TempDir& directory, FileSystem* file_system, size_t steps,
              FakeKernel* kernel, Outcome* outcome) {
    const Side sides[2] = {
        {file_system, directory.file("ours")},
        {FileSystem::Default().get(), directory.file("theirs")}};
    for (const Side& side : sides) {
      std::filesystem::create_directories(side.path("shared"));
      WriteFile(side.path("shared/000099.sst"), RandomBytes(1 << 20, 99));
    }
    const bool direct = HasDirectIo(sides[0].path("shared/000099.sst"));
    HandOver hand_over;
    std::vector<Outcome> outcomes(GetParam().threads);
    Threads threads;
    for (size_t thread = 0; thread < GetParam().threads; ++thread) {
      threads.Start([&, thread] {
        const std::string name = "world" + std::to_string(thread);
        World world({sides[0].system, sides[0].path(name)},
                    {sides[1].system, sides[1].path(name)}, TestSeed() + thread,
                    direct, &hand_over);
        WalkThrough(&world, steps, file_system, kernel, &outcomes[thread]);
      });
    }
    threads.Join();
    for (const Outcome& one : outcomes) {
      if (!one.mistake.empty()) {
        *outcome = one;
      }
    }
    while (const auto left = hand_over.Take()) {
    }
  }

  void WalkThrough(World* world, size_t steps, FileSystem* file_system,
                   FakeKernel* kernel, Outcome* outcome) {
    Dice dice(TestSeed());
    for (size_t& step = outcome->steps; step < steps; ++step) {
      if (GetParam().switches && dice.OneIn(15)) {
        Switch(&dice, file_system);
      }
      if (GetParam().kernel == Kernel::kFailing) {
        Fail(step, kernel);
      }
      outcome->mistake = world->Step();
      if (!outcome->mistake.empty()) {
        break;
      }
    }
    kernel->SetSubmitError(0);
    kernel->SetFactoryError(0);
    if (outcome->mistake.empty()) {
      outcome->mistake = world->Finish();
    }
    outcome->trace = world->Trace();
  }

  // To any share, and to any paths.
  static void Switch(Dice* dice, FileSystem* file_system) {
    static const std::vector<std::string> kShares = {"0", "5", "50", "100"};
    static const std::vector<std::string> kPaths = {"auto", "uring", "posix"};
    static const std::vector<std::string> kPriorities = {"low", "idle", "same"};
    const auto option = [&](const char* name, const auto& values) {
      return std::string(name) + "=" + dice->Pick(values) + ";";
    };
    const rocksdb::Status status = file_system->ConfigureFromString(
        rocksdb::ConfigOptions(),
        option("share", kShares) + option("reads", kPaths) +
            option("writes", kPaths) + option("syncs", kPaths) +
            option("background_priority", kPriorities));
    EXPECT_TRUE(status.ok()) << status.ToString();
  }

  // For 5 of 50 steps each.
  static void Fail(size_t step, FakeKernel* kernel) {
    switch (step % 100) {
      case 20:
        kernel->SetSubmitError(-EBADF);
        break;
      case 70:
        kernel->SetFactoryError(-ENOMEM);
        break;
      case 25:
      case 75:
        kernel->SetSubmitError(0);
        kernel->SetFactoryError(0);
        break;
      default:
        break;
    }
  }

  // A path that was to be taken and was not, or the other way round.
  std::string WhatStatisticsLack(std::map<std::string, uint64_t> before,
                                 std::map<std::string, uint64_t> after) {
    uint64_t rings = 0;
    for (const char* kind : {"read", "multi_read", "read_async", "write",
                             "fdatasync", "sequential_read"}) {
      const std::string key = "ops." + std::string(kind) + ".ring.count";
      const uint64_t grew = after[key] - before[key];
      rings += grew;
      // Where paths and share change, each kind may miss its turn: syncs are
      // few.
      if (grew == 0 && GetParam().kernel == Kernel::kFaulty &&
          !GetParam().switches) {
        return "nothing through a ring: " + key;
      }
    }
    if (GetParam().switches &&
        after["posix_share.ops.write.posix.count"] == 0) {
      return "no file was outside the share";
    }
    const bool posix = GetParam().label == std::string("posix");
    const bool wanted =
        !posix && (GetParam().kernel != Kernel::kReal || WhyNoRing().empty());
    return (rings > 0) == wanted
               ? ""
               : std::to_string(rings) + " operations through rings";
  }
};

// The shortest beginning of the history that shows a mistake.
TEST_P(ModelTest, RandomHistory) {
  Outcome outcome;
  Play(Steps(), &outcome);
  if (outcome.mistake.empty()) {
    return;
  }
  size_t good = 0;
  size_t bad = outcome.steps + 1;
  for (int replay = 0; replay < 12 && good + 1 < bad; ++replay) {
    Outcome again;
    const size_t steps = good + (bad - good) / 2;
    Play(steps, &again);
    if (again.mistake.empty()) {
      good = steps;
    } else {
      bad = steps;
      outcome = again;
    }
  }
  ADD_FAILURE() << outcome.mistake << "\nthe last calls:\n"
                << outcome.trace
                << "repeat it with ROCKSDB_URING_TEST_SEED=" << TestSeed()
                << " ROCKSDB_URING_TEST_STEPS=" << bad;
}

INSTANTIATE_TEST_SUITE_P(
    Engines, ModelTest,
    ::testing::Values(
        ModelCase{"auto", "", Kernel::kReal, 1},
        ModelCase{"uring", "reads=uring;writes=uring;syncs=uring",
                  Kernel::kReal, 1},
        ModelCase{"posix", "reads=posix;writes=posix;syncs=posix",
                  Kernel::kReal, 1},
        ModelCase{"auto_threads", "", Kernel::kReal, 3},
        ModelCase{"faulty", "reads=uring;writes=uring;syncs=uring",
                  Kernel::kFaulty, 1},
        ModelCase{"faulty_threads", "reads=uring;writes=uring;syncs=uring",
                  Kernel::kFaulty, 3},
        ModelCase{"failing", "reads=uring;writes=uring;syncs=uring",
                  Kernel::kFailing, 2},
        ModelCase{"switching", "", Kernel::kReal, 2, /*switches=*/true},
        ModelCase{"switching_faulty", "", Kernel::kFaulty, 2,
                  /*switches=*/true}),
    [](const ::testing::TestParamInfo<ModelCase>& info) {
      return std::string(info.param.label);
    });

}  // namespace
}  // namespace rocksdb_uring
