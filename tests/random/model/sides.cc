// SPDX-License-Identifier: Apache-2.0

#include "tests/random/model/sides.h"

namespace rocksdb_uring {

using rocksdb::IOStatus;

namespace {

constexpr size_t kTraceLines = 60;

// The text with the directory taken out.
std::string TextOf(const IOStatus& status, const std::string& root) {
  std::string text = status.ToString();
  for (size_t at = text.find(root); at != std::string::npos;
       at = text.find(root, at)) {
    text.replace(at, root.size(), "ROOT");
  }
  return text;
}

bool SameCode(const IOStatus& a, const IOStatus& b) {
  return a.code() == b.code() && a.subcode() == b.subcode() &&
         a.severity() == b.severity() && a.GetRetryable() == b.GetRetryable() &&
         a.GetDataLoss() == b.GetDataLoss() && a.GetScope() == b.GetScope();
}

}  // namespace

IOStatus Sides::Call(
    const std::string& what,
    const std::function<IOStatus(const Side&, size_t side)>& call,
    Compare compare) {
  Note(what);
  const IOStatus ours = call(sides_[0], 0);
  ExpectSame(what, ours, call(sides_[1], 1), compare);
  return ours;
}

void Sides::ExpectSame(const std::string& what, const IOStatus& ours,
                       const IOStatus& theirs, Compare compare) {
  const std::string our_text = TextOf(ours, sides_[0].root);
  const std::string their_text = TextOf(theirs, sides_[1].root);
  Expect(SameCode(ours, theirs) &&
             (compare == Compare::kCode || our_text == their_text),
         what + ": ours says \"" + our_text + "\", the default's \"" +
             their_text + "\"");
}

void Sides::Note(const std::string& what) {
  trace_.push_back(what);
  if (trace_.size() > kTraceLines) {
    trace_.pop_front();
  }
}

void Sides::Expect(bool holds, const std::string& what) {
  if (!holds && mistake_.empty()) {
    mistake_ = what;
  }
}

std::string Sides::Trace() const {
  std::string lines;
  for (const std::string& line : trace_) {
    lines += "  " + line + "\n";
  }
  return lines;
}

}  // namespace rocksdb_uring
