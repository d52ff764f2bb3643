// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/outputs.h"

#include <cstdio>

#include "tools/compare/html_report.h"

namespace rocksdb_uring {

namespace {

// By temporary file and rename.
bool WriteFile(const std::string& path, const std::string& text,
               std::string* error) {
  const std::string temporary = path + ".tmp";
  FILE* file = fopen(temporary.c_str(), "w");
  bool ok = file != nullptr;
  if (ok) {
    ok = fwrite(text.data(), 1, text.size(), file) == text.size();
    ok = fclose(file) == 0 && ok;
  }
  ok = ok && rename(temporary.c_str(), path.c_str()) == 0;
  if (!ok) *error = "cannot write " + path;
  return ok;
}

// Settings are flat: numbers and texts by name.
void AddFacts(const nlohmann::json& object,
              std::vector<std::pair<std::string, std::string>>* facts) {
  for (const auto& [name, value] : object.items()) {
    const std::string text =
        value.is_string() ? value.get<std::string>() : value.dump();
    if (!text.empty()) facts->emplace_back(name, text);
  }
}

}  // namespace

Outputs::Outputs(OutputSettings settings, Machine machine,
                 std::string directory)
    : settings_(std::move(settings)),
      machine_(std::move(machine)),
      directory_(std::move(directory)) {}

bool Outputs::Write(const std::vector<WorkloadFigures>& workloads,
                    bool complete, nlohmann::json json, std::string* error) {
  verdict_ =
      Decide(workloads, complete, settings_.criteria, settings_.contenders);
  json["verdict"] = ToJson(verdict_);
  if (!settings_.json_path.empty()) {
    // What a program printed need not be UTF-8.
    const auto on_bad_utf8 = nlohmann::json::error_handler_t::replace;
    const std::string text = json.dump(2, ' ', false, on_bad_utf8) + "\n";
    if (!WriteFile(settings_.json_path, text, error)) return false;
  }
  return settings_.report_path.empty() || WriteReport(workloads, json, error);
}

bool Outputs::WriteReport(const std::vector<WorkloadFigures>& workloads,
                          const nlohmann::json& json,
                          std::string* error) const {
  HtmlReport report;
  report.verdict = verdict_;
  report.workloads = workloads;
  report.names = settings_.names;
  report.json = json;
  AddFacts(json["machine"], &report.facts);
  AddFacts(json["settings"], &report.facts);
  const Plots plots =
      DrawPlots(workloads, verdict_, settings_.names, directory_);
  return WriteFile(settings_.report_path, ToHtml(report, plots), error);
}

nlohmann::json ToJson(const Machine& machine) {
  return {{"kernel", machine.kernel},         {"cpu", machine.cpu},
          {"memory", machine.memory},         {"load", machine.load},
          {"filesystem", machine.filesystem}, {"commit", machine.commit}};
}

}  // namespace rocksdb_uring
