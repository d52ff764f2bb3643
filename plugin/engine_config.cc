// The configuration of the public engine: ranges and text.
//
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>

#include "env/engine/uring_engine.h"
#include "rocksdb_uring/engine.h"

namespace rocksdb_uring {

namespace {

constexpr uint64_t kBytesMax = uint64_t{1} << 40;

struct Field {
  const char* name;
  uint64_t min;
  uint64_t max;
};

constexpr Field kQueueDepth = {"queue_depth", EngineOptions::kQueueDepthMin,
                               EngineOptions::kQueueDepthMax};
constexpr Field kRingsMax = {"rings_max", EngineOptions::kRingsMaxMin,
                             EngineOptions::kRingsMaxMax};
constexpr Field kBufferBytes = {"buffer_bytes", 0, kBytesMax};
constexpr Field kDeadlineBufferBytes = {"deadline_buffer_bytes", 0, kBytesMax};
constexpr Field kAbandonedMax = {"abandoned_max",
                                 EngineOptions::kAbandonedMaxMin,
                                 EngineOptions::kAbandonedMaxMax};
constexpr char kPolling[] = "polling";
// The public values are those of the engine.
static_assert(static_cast<int>(EnginePolling::kSubmission) ==
                  static_cast<int>(Polling::kSubmission) &&
              static_cast<int>(EnginePolling::kDevice) ==
                  static_cast<int>(Polling::kDevice));
constexpr Field kRequireRings = {"require_rings", 0, 1};

std::string BadValue(const Field& field, const std::string& value) {
  return std::string(field.name) + "=" + value +
         " is not a valid value; write " + std::to_string(field.min) + " to " +
         std::to_string(field.max);
}

template <typename T>
std::string Check(const Field& field, const std::optional<T>& value) {
  return value.has_value() && (*value < field.min || *value > field.max)
             ? BadValue(field, std::to_string(*value))
             : "";
}

// A whole number with one suffix at most.
bool ParseNumber(const std::string& text, uint64_t* number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *number);
  if (error != std::errc() || rest == text.data()) {
    return false;
  }
  if (rest == end) {
    return true;
  }
  constexpr char kSuffixes[] = "KMGT";
  const char* const suffix =
      std::strchr(kSuffixes, std::toupper(static_cast<unsigned char>(*rest)));
  const auto bits = suffix == nullptr
                        ? 0
                        : 10 * static_cast<unsigned>(suffix - kSuffixes + 1);
  if (rest + 1 != end || bits == 0 || *number > (UINT64_MAX >> bits)) {
    return false;
  }
  *number <<= bits;
  return true;
}

template <typename T>
bool ParseField(const Field& field, const std::string& value,
                std::optional<T>* result, std::string* error) {
  uint64_t number = 0;
  if (!ParseNumber(value, &number) || number < field.min ||
      number > field.max) {
    *error = BadValue(field, value);
    return false;
  }
  *result = static_cast<T>(number);
  return true;
}

bool ParsePolling(const std::string& value,
                  std::optional<EnginePolling>* result, std::string* error) {
  for (const Polling polling :
       {Polling::kOff, Polling::kSubmission, Polling::kDevice}) {
    if (value == PollingName(polling)) {
      *result = static_cast<EnginePolling>(polling);
      return true;
    }
  }
  *error = std::string(kPolling) + "=" + value +
           " is not a valid value; write off, submission or device";
  return false;
}

bool ParsePair(const std::string& name, const std::string& value,
               EngineConfig* config, std::string* error) {
  if (name == kQueueDepth.name) {
    return ParseField(kQueueDepth, value, &config->queue_depth, error);
  }
  if (name == kRingsMax.name) {
    return ParseField(kRingsMax, value, &config->rings_max, error);
  }
  if (name == kBufferBytes.name) {
    return ParseField(kBufferBytes, value, &config->buffer_bytes, error);
  }
  if (name == kDeadlineBufferBytes.name) {
    return ParseField(kDeadlineBufferBytes, value,
                      &config->deadline_buffer_bytes, error);
  }
  if (name == kAbandonedMax.name) {
    return ParseField(kAbandonedMax, value, &config->abandoned_max, error);
  }
  if (name == kRequireRings.name) {
    std::optional<uint32_t> require;
    const bool parsed = ParseField(kRequireRings, value, &require, error);
    config->require_rings = require.value_or(config->require_rings) != 0;
    return parsed;
  }
  if (name == kPolling) {
    return ParsePolling(value, &config->polling, error);
  }
  *error = "\"" + name +
           "\" is no field of the engine's configuration; it has queue_depth, "
           "rings_max, buffer_bytes, deadline_buffer_bytes, abandoned_max, "
           "polling, require_rings";
  return false;
}

}  // namespace

std::string EngineConfig::Validate() const {
  for (const std::string& error :
       {Check(kQueueDepth, queue_depth), Check(kRingsMax, rings_max),
        Check(kBufferBytes, buffer_bytes),
        Check(kDeadlineBufferBytes, deadline_buffer_bytes),
        Check(kAbandonedMax, abandoned_max)}) {
    if (!error.empty()) {
      return error;
    }
  }
  return "";
}

bool EngineConfig::Parse(const std::string& text, std::string* error) {
  EngineConfig parsed = *this;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(';', at), text.size());
    const std::string pair = text.substr(at, end - at);
    const size_t equals = pair.find('=');
    if (!pair.empty() &&
        !ParsePair(pair.substr(0, equals),
                   equals == std::string::npos ? "" : pair.substr(equals + 1),
                   &parsed, error)) {
      return false;
    }
    at = end + 1;
  }
  *this = parsed;
  return true;
}

}  // namespace rocksdb_uring
