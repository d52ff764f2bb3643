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
  AddRocksDbRows(&table);
  return table;
}

bool IsIn(const Workload& workload, const std::set<std::string>& wanted) {
  const char* group = workload.writes() ? "writes" : "reads";
  if (!workload.rocksdb_options.empty()) group = "rocksdb";
  return wanted.count(workload.name) > 0 || wanted.count("all") > 0 ||
         wanted.count(group) > 0;
}

}  // namespace

const std::vector<Workload>& AllWorkloads() {
  static const auto* table = new std::vector<Workload>(MakeTable());
  return *table;
}

bool SelectWorkloads(const std::string& list, std::vector<Workload>* chosen,
                     std::string* error) {
  std::set<std::string> known = {"all", "reads", "writes", "rocksdb"};
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
  char line[320];
  constexpr const char* kColumns = "%-32s %6s  %s\n";
  snprintf(line, sizeof(line), kColumns, "name", "target", "measures");
  std::string text = line;
  for (const Workload& w : AllWorkloads()) {
    char target[16];
    snprintf(target, sizeof(target), "%.2f", w.target);
    snprintf(line, sizeof(line), kColumns, w.name.c_str(), target,
             w.measures.c_str());
    text += line;
  }
  return text + "groups: reads, writes, rocksdb, all\n";
}

}  // namespace rocksdb_uring
