// SPDX-License-Identifier: Apache-2.0

#include "tools/probe/diagnosis.h"

#include <chrono>
#include <cstdlib>
#include <thread>

namespace rocksdb_uring {

namespace {

constexpr std::chrono::milliseconds kRingsGone{50};

EnvironmentSetting ReadSetting(const std::string& name) {
  EnvironmentSetting setting;
  setting.name = name;
  // Before any other thread exists.
  if (const char* value = secure_getenv(name.c_str())) {  // NOLINT
    setting.value = value;
  }
  return setting;
}

bool IsOff(const EnvironmentSetting& setting) {
  return setting.value.has_value() && *setting.value == "off";
}

EnvironmentSetting ReadSwitch() {
  EnvironmentSetting setting = ReadSetting("ROCKSDB_URING");
  if (IsOff(setting)) {
    setting.effect = "the plugin serves everything through POSIX";
  } else if (setting.value.has_value()) {
    setting.effect = "none: only the value 'off' has an effect";
  }
  return setting;
}

EnvironmentSetting ReadOptions() {
  EnvironmentSetting setting = ReadSetting("ROCKSDB_URING_OPTIONS");
  if (setting.value.has_value()) {
    setting.effect =
        setting.value->empty()
            ? "none: it is empty"
            : "options of the plugin; options in a URI override them";
    if (setting.value->find("fallback=require") != std::string::npos) {
      setting.effect += "; opening a file system fails without io_uring";
    }
  }
  return setting;
}

void Judge(Diagnosis* out) {
  out->usable = out->features.verdict == RingVerdict::kUsable;
  out->reason = out->features.reason;
  out->remedy = out->features.remedy;
  if (out->usable && out->rings.rings == 0) {
    out->usable = false;
    out->reason = out->rings.reason;
    out->remedy = out->rings.remedy;
  }
  for (const EnvironmentSetting& setting : out->environment) {
    if (setting.name == "ROCKSDB_URING" && IsOff(setting)) {
      const std::string more = out->usable ? "" : "; besides, " + out->reason;
      out->usable = false;
      out->reason = "ROCKSDB_URING=off is set in the environment" + more;
      out->remedy = "unset ROCKSDB_URING" +
                    (out->remedy.empty() ? "" : "; " + out->remedy);
    }
  }
}

}  // namespace

Diagnosis Diagnose(const std::string& path) {
  Diagnosis out;
  out.path = path;
  out.environment = {ReadSwitch(), ReadOptions()};
  out.kernel = DescribeKernel();
  out.features = DetectRingFeatures();
  const bool with_ring = out.features.verdict == RingVerdict::kUsable;
  out.trials = TryPath(path, with_ring);
  if (with_ring) {
    // The kernel takes the memory of a closed ring off the user's account a
    // moment later; so this also comes after what needs a single ring.
    std::this_thread::sleep_for(kRingsGone);
    out.rings = TryRings();
  }
  // Of the file inside a directory more can be told.
  out.storage =
      DescribeStorage(out.trials.file.empty() ? path : out.trials.file);
  Judge(&out);
  return out;
}

}  // namespace rocksdb_uring
