// SPDX-License-Identifier: Apache-2.0

#include "tools/compare/commands.h"

#include <algorithm>
#include <utility>

#include "tools/compare/preload.h"

namespace rocksdb_uring {

namespace {

void Append(const std::vector<std::string>& arguments, Command* command) {
  command->argv.insert(command->argv.end(), arguments.begin(), arguments.end());
}

}  // namespace

Commands::Commands(const Settings* settings, std::string directory)
    : settings_(*settings), directory_(std::move(directory)) {}

const Side& Commands::side_of(const Workload& workload, bool is_b) const {
  const bool is_same = !workload.rocksdb_options.empty();
  return (is_same ? workload.on_plugin : is_b) ? settings_.b : settings_.a;
}

std::string Commands::label_of(const Workload& workload, bool is_b) const {
  const std::string& label = side_of(workload, is_b).label;
  if (workload.rocksdb_options.empty()) return label;
  return label + (is_b ? ", with" : ", without");
}

Command Commands::Run(const Workload& workload, bool is_b, int pair) const {
  Command command = Begin(workload, is_b, pair);
  if (workload.is_trace()) {
    command.argv.push_back("--trace=" + workload.trace);
  }
  return command;
}

Command Commands::Open(const Workload& workload, bool is_b) const {
  Command command = Begin(workload, is_b, 0);
  // Of several arguments with this name, db_bench takes the last.
  if (!workload.is_trace()) command.argv.push_back("--benchmarks=levelstats");
  return command;
}

Command Commands::Begin(const Workload& workload, bool is_b, int pair) const {
  Command command;
  if (workload.is_trace()) {
    command = BeginReplay(workload);
  } else {
    command = BeginBench(workload, pair);
  }
  AddSide(workload, is_b, &command);
  return command;
}

// The database is opened for writing although nothing writes. --readonly would
// be tidier, but RocksDB opens a one-level database read-only in a special form
// whose MultiGet reads one key after the other.
Command Commands::BeginBench(const Workload& workload, int pair) const {
  Command command;
  const DatabaseShape shape = shape_of(workload);
  command.limit_s = settings_.limit_s;
  command.argv = {
      settings_.db_bench, "--db=" + directory_of(workload),
      workload.writes() ? "--use_existing_db=0" : "--use_existing_db=1",
      "--open_files=-1", "--cache_index_and_filter_blocks=0",
      // The same keys on both sides of a pair, others in the next pair.
      "--seed=" + std::to_string(1000 * (pair + 1)),
      "--threads=" + std::to_string(workload.threads)};
  Append(ShapeArgs(shape), &command);
  auto& argv = command.argv;
  // No compaction of the shared database: every run must find it as the last
  // one did.
  if (!workload.writes()) argv.push_back("--disable_auto_compactions=1");
  if (workload.files > 0) {
    argv.push_back("--write_buffer_size=" +
                   std::to_string(shape.bytes() / workload.files));
  }
  AddExtent(workload, &command);
  Append(workload.args, &command);
  Append(settings_.db_bench_args, &command);
  return command;
}

Command Commands::BeginReplay(const Workload& workload) const {
  Command command;
  command.limit_s = settings_.limit_s;
  command.argv = {settings_.replay, "--db=" + directory_of(workload)};
  Append(workload.args, &command);
  return command;
}

Command Commands::Template(const Workload& workload) const {
  Command command = BeginBench(workload, 0);
  command.argv.push_back("--benchmarks=levelstats");
  return command;
}

Command Commands::Load(const Workload& workload) const {
  Command command;
  command.limit_s = settings_.limit_s;
  command.argv = {settings_.db_bench, "--db=" + settings_.scratch,
                  "--use_existing_db=0"};
  Append(ShapeArgs(shape_of(workload)), &command);
  Append(workload.load_args, &command);
  return command;
}

void Commands::AddExtent(const Workload& workload, Command* command) const {
  auto& argv = command->argv;
  if (workload.extent == Extent::kSeconds) {
    argv.push_back("--duration=" + std::to_string(settings_.seconds));
    // db_bench's default of 1000 would be seconds for slow reads; the rows may
    // say less still.
    argv.push_back("--ops_between_duration_checks=100");
  }
  if (workload.extent == Extent::kReads) {
    constexpr int64_t kReads = 500000;
    argv.push_back("--reads=" +
                   std::to_string(std::min(kReads, shape_of(workload).num)));
  }
  if (workload.extent == Extent::kShare) {
    // A point read touches a block, a scan all the blocks of its keys.
    const int64_t units =
        workload.keys_per_operation > 1
            ? settings_.shape.num / workload.keys_per_operation
            : settings_.shape.bytes() / settings_.shape.block_size;
    const int64_t reads = units * settings_.cold_share / 100 / workload.threads;
    argv.push_back("--reads=" + std::to_string(std::max<int64_t>(reads, 1)));
  }
}

void Commands::AddSide(const Workload& workload, bool is_b,
                       Command* command) const {
  const Side& chosen = side_of(workload, is_b);
  if (!workload.rocksdb_options.empty()) {
    // Then db_bench ignores the flags that are options: the file has them.
    command->argv.push_back("--options_file=" + options_path(is_b));
  }
  if (is_b) {
    command->argv.insert(command->argv.end(), workload.b_args.begin(),
                         workload.b_args.end());
    command->deny_io_uring = workload.b_denied_io_uring;
  }
  std::string plugin;
  if (IsPluginUri(chosen.uri)) {
    const std::string uri =
        WithOptions(chosen.uri, is_b ? workload.b_options : "");
    command->argv.push_back("--fs_uri=" +
                            WithOptions(uri, "stats_file=" + stats_path()));
    plugin = settings_.plugin;
  } else if (!chosen.uri.empty()) {
    command->argv.push_back("--fs_uri=" + chosen.uri);
  }
  command->env = chosen.env;
  SetPreload(plugin, command);
}

DatabaseShape Commands::shape_of(const Workload& workload) const {
  if (!workload.own_database()) return settings_.shape;
  DatabaseShape shape = settings_.write_shape;
  if (workload.value_size > 0) {
    shape.value_size = workload.value_size;
    shape.num =
        settings_.write_shape.bytes() / (shape.key_size + shape.value_size);
  }
  return shape;
}

}  // namespace rocksdb_uring
