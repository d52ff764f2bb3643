// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/verdict.h"

#include <algorithm>
#include <cstdio>

#include "tools/compare/option_advice.h"
#include "tools/compare/preload.h"

namespace rocksdb_uring {

namespace {

using Findings = std::vector<const WorkloadFinding*>;

// Leave one half of the plugin out, where only the other half gains.
constexpr const char* kReadsOff = "reads=posix&readahead_bytes=0";
constexpr const char* kWritesOff =
    "writes=posix&syncs=posix&write_buffer_bytes=0";

std::string Names(const Findings& findings) {
  std::string text;
  for (const WorkloadFinding* f : findings) {
    text += (text.empty() ? "" : ", ") + f->name;
  }
  return text;
}

// With the figure that decided it.
std::string NamesAndFigures(const Findings& findings) {
  std::string text;
  for (const WorkloadFinding* f : findings) {
    text += (text.empty() ? "" : ", ") + f->name;
    if (!f->because.empty()) text += ": " + f->because;
  }
  return text;
}

std::string AboutPairs(int pairs) {
  const bool is_capped = pairs >= kPairsMax;
  return (is_capped ? "more than " : "about ") + std::to_string(pairs) +
         " pairs";
}

// The rows that speak for or against B as it is. Variants count where nothing
// else was run; RocksDB's own options never do.
Findings Plain(const std::vector<WorkloadFinding>& workloads) {
  Findings plain;
  Findings all;
  for (const WorkloadFinding& f : workloads) {
    if (!f.rocksdb_options.empty()) continue;
    all.push_back(&f);
    if (!f.is_variant) plain.push_back(&f);
  }
  return plain.empty() ? all : plain;
}

Findings With(Finding finding, const Findings& from) {
  Findings some;
  for (const WorkloadFinding* f : from) {
    if (f->finding == finding) some.push_back(f);
  }
  return some;
}

int MostPairsNeeded(const Findings& findings) {
  int pairs = 0;
  for (const WorkloadFinding* f : findings) {
    pairs = std::max(pairs, f->pairs_needed);
  }
  return pairs;
}

bool All(const Findings& findings, bool writes) {
  return std::all_of(
      findings.begin(), findings.end(),
      [writes](const WorkloadFinding* f) { return f->writes == writes; });
}

class Judge {
 public:
  Judge(const Contenders& contenders, Verdict* verdict)
      : contenders_(contenders),
        verdict_(*verdict),
        plain_(Plain(verdict->workloads)),
        gains_(With(Finding::kGain, plain_)),
        losses_(With(Finding::kLoss, plain_)),
        undecided_(With(Finding::kUndecided, plain_)),
        failed_(With(Finding::kFailed, plain_)) {}

  void Decide() {
    const size_t open = losses_.size() + undecided_.size() + failed_.size();
    if (!gains_.empty()) {
      open == 0 ? Adopt() : AdoptForSome();
    } else if (const WorkloadFinding* variant = GainOfVariant()) {
      AdoptVariant(*variant);
    } else if (!losses_.empty()) {
      Stay("these workloads lose: " + NamesAndFigures(losses_));
    } else if (!undecided_.empty() || plain_.size() == failed_.size()) {
      AskForPairs();
    } else {
      Stay("no workload gains; the best is " + Best());
    }
    CheckReliable();
    AddNotes();
  }

 private:
  // Other programs slow serial reads, with a wake-up for each, more than
  // batches: a gain may be theirs.
  void CheckReliable() {
    const auto is_disturbed = [](const WorkloadFinding* f) {
      return f->disturbed;
    };
    const bool gain = std::any_of(gains_.begin(), gains_.end(), is_disturbed);
    const bool loss = std::any_of(losses_.begin(), losses_.end(), is_disturbed);
    if (!gain && !loss) return;
    verdict_.reliable = false;
    verdict_.headline += "; not reliable: repeat it on a machine at rest";
  }

  void Set(Decision decision, const std::string& headline) {
    verdict_.decision = decision;
    verdict_.headline = headline;
  }

  void Adopt() {
    verdict_.options = contenders_.b;
    Set(Decision::kAdopt, "adopt, with " + contenders_.b + ": " +
                              std::to_string(gains_.size()) + " of " +
                              std::to_string(plain_.size()) +
                              " workloads gain and none loses");
  }

  // Reads and writes can be left to POSIX apart from each other.
  std::string HalfToLeaveOut() const {
    if (losses_.empty()) return "";
    if (All(gains_, false) && All(losses_, true)) return kWritesOff;
    if (All(gains_, true) && All(losses_, false)) return kReadsOff;
    return "";
  }

  void AdoptForSome() {
    const std::string half = HalfToLeaveOut();
    verdict_.options = WithOptions(contenders_.b, half);
    Set(Decision::kAdoptForSome, "adopt for these workloads, with " +
                                     verdict_.options + ": " + Names(gains_));
    if (!half.empty()) {
      verdict_.notes.push_back(
          "this option string was not measured: compare once more with "
          "--plugin_options='" +
          half + "'");
    }
  }

  // Nothing gains as B is, but a row does with options of its own.
  const WorkloadFinding* GainOfVariant() const {
    for (const WorkloadFinding& f : verdict_.workloads) {
      if (f.finding == Finding::kGain && !f.options.empty()) return &f;
    }
    return nullptr;
  }

  void AdoptVariant(const WorkloadFinding& variant) {
    verdict_.options = WithOptions(contenders_.b, variant.options);
    Set(Decision::kAdoptForSome, "adopt for these workloads, with " +
                                     verdict_.options + ": " + variant.name);
  }

  void Stay(const std::string& because) {
    Set(Decision::kStay, "stay on " + contenders_.a + ", because " + because);
  }

  void AskForPairs() {
    verdict_.pairs_needed = MostPairsNeeded(undecided_);
    if (plain_.empty() && !verdict_.workloads.empty()) {
      Set(Decision::kTooFewPairs,
          "no verdict on the plugin: only RocksDB's own options were compared");
      return;
    }
    if (undecided_.empty()) {
      Set(Decision::kTooFewPairs,
          "not enough pairs to know: no workload was measured");
      return;
    }
    Set(Decision::kTooFewPairs,
        "not enough pairs to know: it takes " +
            AboutPairs(verdict_.pairs_needed) +
            " (--pairs=" + std::to_string(verdict_.pairs_needed) + ")");
  }

  std::string Best() const {
    const auto ratio = [](const WorkloadFinding* f) {
      return f->series.empty() ? 0 : f->series.front().ratio.median;
    };
    const auto best = std::max_element(
        plain_.begin(), plain_.end(),
        [&](const auto* l, const auto* r) { return ratio(l) < ratio(r); });
    return (*best)->name + ": " + (*best)->because;
  }

  void AddNotes() {
    const auto add = [this](const std::string& what, const Findings& findings) {
      if (!findings.empty()) {
        verdict_.notes.push_back(what + ": " + NamesAndFigures(findings));
      }
    };
    add("gain", gains_);
    if (verdict_.decision != Decision::kStay) add("loss", losses_);
    for (const WorkloadFinding* f : undecided_) {
      verdict_.notes.push_back("undecided: " + f->name + ": " + f->because +
                               "; takes " + AboutPairs(f->pairs_needed));
    }
    add("not judged", failed_);
    for (const WorkloadFinding& f : verdict_.workloads) {
      const bool is_option = !f.rocksdb_options.empty();
      if (is_option && f.finding == Finding::kFailed) {
        verdict_.notes.push_back("not judged: " + f.name + ": " + f.because);
      }
    }
    for (const std::string& advice : AdviseOptions(verdict_.workloads)) {
      verdict_.notes.push_back(advice);
    }
    if (!verdict_.complete) {
      verdict_.notes.push_back("partial: the run was interrupted");
    }
  }

  const Contenders& contenders_;
  Verdict& verdict_;
  const Findings plain_;
  const Findings gains_;
  const Findings losses_;
  const Findings undecided_;
  const Findings failed_;
};

// One note: on a busy machine it names all workloads.
void NoteDisturbed(const std::vector<WorkloadFigures>& workloads,
                   Verdict* verdict) {
  std::string disturbed;
  for (const WorkloadFigures& figures : workloads) {
    if (figures.others_share <= kOthersAllowed) continue;
    char share[16];
    snprintf(share, sizeof(share), " %.0f %%", figures.others_share * 100);
    disturbed += (disturbed.empty() ? " " : ", ") + figures.name + share;
  }
  if (disturbed.empty()) return;
  verdict->notes.push_back(
      "not reliable, other programs used this share of the CPUs:" + disturbed);
}

nlohmann::json ToJson(const SeriesFinding& finding) {
  const MedianInterval& interval = finding.interval;
  return {{"key", finding.key},
          {"finding", NameOf(finding.finding)},
          {"ratio", finding.ratio.median},
          {"low", interval.low},
          {"high", interval.high},
          {"confidence", interval.confidence},
          {"pairs", finding.pairs},
          {"pairs_needed", finding.pairs_needed}};
}

nlohmann::json ToJson(const WorkloadFinding& finding) {
  nlohmann::json json = {{"name", finding.name},
                         {"finding", NameOf(finding.finding)},
                         {"because", finding.because},
                         {"pairs_needed", finding.pairs_needed},
                         {"is_variant", finding.is_variant},
                         {"rocksdb_options", finding.rocksdb_options},
                         {"series", nlohmann::json::array()}};
  for (const SeriesFinding& series : finding.series) {
    if (series.role != Role::kShown) json["series"].push_back(ToJson(series));
  }
  return json;
}

}  // namespace

Verdict Decide(const std::vector<WorkloadFigures>& workloads, bool complete,
               const Criteria& criteria, const Contenders& contenders) {
  Verdict verdict;
  verdict.complete = complete;
  verdict.criteria = criteria;
  for (const WorkloadFigures& figures : workloads) {
    verdict.workloads.push_back(Assess(figures, criteria));
  }
  NoteDisturbed(workloads, &verdict);
  Judge(contenders, &verdict).Decide();
  return verdict;
}

std::string NameOf(Decision decision) {
  switch (decision) {
    case Decision::kAdopt:
      return "adopt";
    case Decision::kAdoptForSome:
      return "adopt_for_some";
    case Decision::kStay:
      return "stay";
    case Decision::kTooFewPairs:
      break;
  }
  return "too_few_pairs";
}

std::string FormatVerdict(const Verdict& verdict) {
  std::string text = "verdict: " + verdict.headline + "\n";
  for (const std::string& note : verdict.notes) text += "  " + note + "\n";
  return text;
}

nlohmann::json ToJson(const Verdict& verdict) {
  const Criteria& criteria = verdict.criteria;
  nlohmann::json json = {{"decision", NameOf(verdict.decision)},
                         {"headline", verdict.headline},
                         {"notes", verdict.notes},
                         {"options", verdict.options},
                         {"pairs_needed", verdict.pairs_needed},
                         {"complete", verdict.complete},
                         {"reliable", verdict.reliable},
                         {"workloads", nlohmann::json::array()}};
  json["criteria"] = {{"gain_percent", criteria.gain_percent},
                      {"cpu_gain_percent", criteria.cpu_gain_percent},
                      {"loss_ratio", criteria.loss_ratio},
                      {"loss_floor", criteria.loss_floor}};
  for (const WorkloadFinding& finding : verdict.workloads) {
    json["workloads"].push_back(ToJson(finding));
  }
  return json;
}

}  // namespace rocksdb_uring
