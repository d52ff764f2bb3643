// SPDX-License-Identifier: Apache-2.0

#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/probe/diagnosis.h"

namespace rocksdb_uring {

namespace {

using Json = nlohmann::ordered_json;

std::string Join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : " ") + word;
  }
  return out.empty() ? "none" : out;
}

std::string Limit(uint64_t value) {
  return value == kUnlimited ? "unlimited" : std::to_string(value);
}

// One line of the report: its heading, padded, then the text.
void Line(std::ostringstream* out, const std::string& heading,
          const std::string& text) {
  constexpr size_t kWidth = 15;
  *out << heading << std::string(kWidth - heading.size(), ' ') << text << "\n";
}

std::string KernelLine(const KernelInfo& kernel) {
  const std::string sysctl = kernel.io_uring_disabled < 0
                                 ? "not in this kernel"
                                 : std::to_string(kernel.io_uring_disabled);
  return "Linux " + kernel.release + " " + kernel.architecture +
         ", kernel.io_uring_disabled: " + sysctl;
}

const char* SeccompName(int mode) {
  switch (mode) {
    case 0:
      return "none";
    case 1:
      return "strict";
    case 2:
      return "a filter is active";
    default:
      return "unknown";
  }
}

// What the limit would give an ordinary user, with nothing else locked.
uint64_t RingsInLimit(const Diagnosis& diagnosis) {
  const uint64_t limit = diagnosis.kernel.memlock_bytes;
  return limit == kUnlimited || diagnosis.rings.ring_bytes == 0
             ? kUnlimited
             : limit / diagnosis.rings.ring_bytes;
}

std::string MemlockLine(const Diagnosis& diagnosis) {
  const KernelInfo& kernel = diagnosis.kernel;
  std::string text = "RLIMIT_MEMLOCK " + Limit(kernel.memlock_bytes);
  if (diagnosis.rings.ring_bytes != 0 && kernel.memlock_bytes != kUnlimited) {
    text += ": room for " + Limit(RingsInLimit(diagnosis)) +
            " rings of 64 entries per user";
  }
  return text + (kernel.memlock_exempt ? " (does not bind: CAP_IPC_LOCK)" : "");
}

std::string RingsLine(const RingTrial& rings) {
  std::string text = std::to_string(rings.rings) + " of " +
                     std::to_string(RingTrial::kRingsWanted) + " created";
  if (rings.smaller != 0) {
    text += ", " + std::to_string(rings.smaller) + " of them smaller";
  }
  if (!rings.reason.empty()) {
    text += "; then " + rings.reason + "; " + rings.remedy;
  }
  return text;
}

std::string AlignText(const Storage& storage) {
  if (!storage.dio_align_told) {
    return "statx does not report it";
  }
  if (storage.dio_offset_align == 0) {
    return "statx reports no direct I/O";
  }
  return "memory " + std::to_string(storage.dio_memory_align) + ", offset " +
         std::to_string(storage.dio_offset_align);
}

std::string StorageLine(const Storage& storage) {
  const std::string block = storage.logical_block_bytes == 0
                                ? "unknown"
                                : std::to_string(storage.logical_block_bytes);
  return storage.filesystem + " on " + storage.source + " (" + storage.device +
         (storage.read_only ? ", read-only" : "") + "), logical block " + block;
}

std::string TrialText(const Trial& trial) {
  return AnswerName(trial.answer) +
         (trial.detail.empty() ? "" : " (" + trial.detail + ")");
}

void AddPath(const Diagnosis& diagnosis, std::ostringstream* out) {
  const PathTrials& trials = diagnosis.trials;
  Line(out, "path", diagnosis.path);
  Line(out, "file system", StorageLine(diagnosis.storage));
  if (!trials.file.empty() && trials.file != diagnosis.path) {
    Line(out, "tested on", trials.file);
  }
  Line(out, "direct reads",
       TrialText(trials.direct_read) +
           ", alignment: " + AlignText(diagnosis.storage));
  Line(out, "NOWAIT reads", TrialText(trials.nowait_read));
  Line(out, "ring reads", TrialText(trials.ring_read));
}

Json TrialJson(const Trial& trial) {
  return {{"answer", AnswerName(trial.answer)}, {"detail", trial.detail}};
}

// JSON has no number for "unlimited": null.
Json LimitJson(uint64_t value) {
  return value == kUnlimited ? Json(nullptr) : Json(value);
}

std::string Hexadecimal(uint32_t bits) {
  std::ostringstream out;
  out << "0x" << std::hex << bits;
  return out.str();
}

Json KernelJson(const Diagnosis& diagnosis) {
  const KernelInfo& kernel = diagnosis.kernel;
  return {{"release", kernel.release},
          {"architecture", kernel.architecture},
          {"io_uring_disabled", kernel.io_uring_disabled < 0
                                    ? Json(nullptr)
                                    : Json(kernel.io_uring_disabled)},
          {"features_word", Hexadecimal(diagnosis.features.kernel_features)},
          {"features", FeatureNames(diagnosis.features.kernel_features)},
          {"setup_flags", SetupFlagNames(diagnosis.features.setup_flags)},
          {"missing_opcodes", diagnosis.features.missing_opcodes}};
}

Json LimitsJson(const Diagnosis& diagnosis) {
  const KernelInfo& kernel = diagnosis.kernel;
  return {{"memlock_bytes", LimitJson(kernel.memlock_bytes)},
          {"memlock_exempt", kernel.memlock_exempt},
          {"ring_bytes", diagnosis.rings.ring_bytes},
          {"rings_in_memlock", LimitJson(RingsInLimit(diagnosis))},
          {"descriptors", LimitJson(kernel.descriptors)},
          {"seccomp", SeccompName(kernel.seccomp)}};
}

Json RingsJson(const RingTrial& rings) {
  return {{"wanted", RingTrial::kRingsWanted},
          {"created", rings.rings},
          {"smaller", rings.smaller},
          {"reason", rings.reason},
          {"remedy", rings.remedy}};
}

Json PathJson(const Diagnosis& diagnosis) {
  const Storage& storage = diagnosis.storage;
  Json align = nullptr;
  if (storage.dio_align_told) {
    align = {{"memory", storage.dio_memory_align},
             {"offset", storage.dio_offset_align}};
  }
  return {{"path", diagnosis.path},
          {"tested_file", diagnosis.trials.file},
          {"filesystem", storage.filesystem},
          {"source", storage.source},
          {"device", storage.device},
          {"read_only", storage.read_only},
          {"logical_block_bytes", storage.logical_block_bytes},
          {"direct_alignment", align},
          {"direct_read", TrialJson(diagnosis.trials.direct_read)},
          {"nowait_read", TrialJson(diagnosis.trials.nowait_read)},
          {"ring_read", TrialJson(diagnosis.trials.ring_read)}};
}

}  // namespace

std::string FormatText(const Diagnosis& diagnosis) {
  std::ostringstream out;
  Line(&out, "verdict", diagnosis.usable ? "io_uring is usable" : "POSIX only");
  if (!diagnosis.usable) {
    Line(&out, "  reason", diagnosis.reason);
    Line(&out, "  remedy", diagnosis.remedy);
  }
  Line(&out, "kernel", KernelLine(diagnosis.kernel));
  if (diagnosis.features.kernel_features != 0) {
    Line(&out, "  features",
         Join(FeatureNames(diagnosis.features.kernel_features)));
    Line(&out, "  flags used",
         Join(SetupFlagNames(diagnosis.features.setup_flags)));
  }
  Line(&out, "liburing", diagnosis.kernel.liburing + " (compiled in)");
  if (diagnosis.rings.rings != 0 || !diagnosis.rings.reason.empty()) {
    Line(&out, "rings", RingsLine(diagnosis.rings));
  }
  Line(&out, "limits", MemlockLine(diagnosis));
  Line(&out, "", "RLIMIT_NOFILE " + Limit(diagnosis.kernel.descriptors));
  Line(&out, "seccomp", SeccompName(diagnosis.kernel.seccomp));
  AddPath(diagnosis, &out);
  for (const EnvironmentSetting& setting : diagnosis.environment) {
    if (setting.value.has_value()) {
      Line(&out, "environment",
           setting.name + "=" + *setting.value + ": " + setting.effect);
    }
  }
  return out.str();
}

std::string FormatJson(const Diagnosis& diagnosis) {
  Json environment = Json::object();
  for (const EnvironmentSetting& setting : diagnosis.environment) {
    if (setting.value.has_value()) {
      environment[setting.name] = {{"value", *setting.value},
                                   {"effect", setting.effect}};
    }
  }
  const Json json = {{"usable", diagnosis.usable},
                     {"reason", diagnosis.reason},
                     {"remedy", diagnosis.remedy},
                     {"kernel", KernelJson(diagnosis)},
                     {"liburing", diagnosis.kernel.liburing},
                     {"rings", RingsJson(diagnosis.rings)},
                     {"limits", LimitsJson(diagnosis)},
                     {"path", PathJson(diagnosis)},
                     {"environment", environment}};
  // Names of files are bytes, not necessarily UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rocksdb_uring
