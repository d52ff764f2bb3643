// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/workloads.h"

#include <cstdio>
#include <set>
#include <sstream>

#include "tools/compare/workload_rows.h"

namespace rocksdb_uring {

namespace {

std::vector<Workload> MakeTable() {
  std::vector<Workload> table;
  AddReadRows(&table);
  AddWriteRows(&table);
  return table;
}

bool IsIn(const Workload& workload, const std::set<std::string>& wanted) {
  return wanted.count(workload.name) > 0 || wanted.count("all") > 0 ||
         wanted.count(workload.writes() ? "writes" : "reads") > 0;
}

}  // namespace

const std::vector<Workload>& AllWorkloads() {
  static const auto* table = new std::vector<Workload>(MakeTable());
  return *table;
}

bool SelectWorkloads(const std::string& list, std::vector<Workload>* chosen,
                     std::string* error) {
  std::set<std::string> known = {"all", "reads", "writes"};
  for (const Workload& w : AllWorkloads()) known.insert(w.name);
  std::set<std::string> wanted;
  std::istringstream stream(list);
  for (std::string name; std::getline(stream, name, ',');) {
    if (known.count(name) == 0) {
      *error =
          "no workload is called '" + name + "'; --workloads=list shows them";
      return false;
    }
    wanted.insert(name);
  }
  for (const Workload& w : AllWorkloads()) {
    if (IsIn(w, wanted)) chosen->push_back(w);
  }
  if (chosen->empty()) *error = "--workloads names none";
  return !chosen->empty();
}

std::string ListWorkloads() {
  std::string text = "name                      target  measures\n";
  for (const Workload& w : AllWorkloads()) {
    char line[200];
    snprintf(line, sizeof(line), "%-25s %6.2f  %s\n", w.name.c_str(), w.target,
             w.measures.c_str());
    text += line;
  }
  return text + "groups: reads, writes, all\n";
}

}  // namespace rocksdb_uring
