// What the stores of the nodes take.
#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/verbs/declare.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

namespace troupe::ctl {
namespace {

using kind = column::kind;

const std::vector<column> part_columns{{"NODE", "/node"},
                                       {"PART", "/part"},
                                       {"DISK", "/bytes", kind::size},
                                       {"KEYS", "/keys"},
                                       {"MEMORY", "/memory_bytes", kind::size},
                                       {"TO COMPACT", "/compaction_bytes", kind::size}};
const std::vector<column> shard_columns{{"NODE", "/node"},
                                        {"SHARD", "/shard"},
                                        {"SIZE", "/bytes", kind::size}};

action declare(CLI::App& command, console& with, const char* path,
               const std::vector<column>& columns) {
  struct storage_options {
    std::string node;
    std::size_t limit = 0;
  };
  const auto how = add_showing_options(command);
  const auto given = std::make_shared<storage_options>();
  command.add_option("--node", given->node, "Of this node");
  add_limit_option(command, given->limit);
  return [=, &with, &columns] {
    listing list{path, {}, given->limit};
    if (!given->node.empty()) list.query.emplace_back("node", given->node);
    return show_list(with, *how, list, columns);
  };
}

}  // namespace

action declare_storage_show(CLI::App& command, console& with) {
  return declare(command, with, "/api/v1/storage", part_columns);
}

action declare_storage_shards(CLI::App& command, console& with) {
  return declare(command, with, "/api/v1/storage/shards", shard_columns);
}

}  // namespace troupe::ctl
