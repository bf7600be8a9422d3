// What the store of a node takes, as administrators ask for it.
#include "actors/broker/inspect/json_row.hpp"
#include "actors/broker/inspect/page_rows.hpp"
#include "actors/node/node_runtime_parts.hpp"
#include "storage/figures/store_sizes.hpp"

#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace troupe::node {
namespace {

using broker::json_row;
using broker::page_rows;
using observe::admin_question;

/// Files of a directory; none if it is not there.
std::uint64_t bytes_in(const std::filesystem::path& directory) {
  namespace fs = std::filesystem;
  std::uint64_t sum = 0;
  std::error_code failed;
  // Nothing here may throw: it runs on a thread of the store.
  for (fs::directory_iterator at(directory, failed), end; !failed && at != end;
       at.increment(failed)) {
    std::error_code gone;  // a file may go meanwhile
    const auto size = at->file_size(gone);
    if (!gone) sum += size;
  }
  return sum;
}

void add_part(page_rows& to, const std::string& node, std::string_view part, std::string_view kind,
              std::uint64_t bytes, const storage::family_size* family) {
  const auto of = [family](std::uint64_t storage::family_size::* what) {
    return family == nullptr ? std::nullopt : std::optional(family->*what);
  };
  json_row row;
  row.add("node", node);
  row.add("part", part);
  row.add("kind", kind);
  row.add("bytes", bytes);
  row.add("keys", of(&storage::family_size::keys));
  row.add("memory_bytes", of(&storage::family_size::memory_bytes));
  row.add("compaction_bytes", of(&storage::family_size::compaction_bytes));
  to.add(node + '\0' + std::string(kind) + '\0' + std::string(part), row.take());
}

observe::admin_answer parts_of(const storage::store_sizes& sizes, const std::string& node,
                               std::uint64_t raft_bytes, const admin_question& question) {
  std::vector<page_rows> pages(1, page_rows(question.after, question.limit));
  for (const auto& each : sizes.families)
    add_part(pages[0], node, each.name, "column_family", each.table_bytes, &each);
  add_part(pages[0], node, "write_ahead_log", "log", sizes.log_bytes, nullptr);
  if (raft_bytes != 0) add_part(pages[0], node, "raft_log", "log", raft_bytes, nullptr);
  return page_rows::merge(pages);
}

observe::admin_answer shards_of(const storage::store_sizes& sizes, const std::string& node,
                                const admin_question& question) {
  std::vector<page_rows> pages(1, page_rows(question.after, question.limit));
  for (std::size_t shard = 0; shard < sizes.shards.size(); ++shard) {
    json_row row;
    row.add("node", node);
    row.add("shard", shard);
    row.add("bytes", sizes.shards[shard]);
    pages[0].add(node + '\0' + broker::ordered(shard), row.take());
  }
  return page_rows::merge(pages);
}

}  // namespace

void node_runtime::parts::add_storage_questions() {
  const auto add = [this](const char* what, auto answer_of) {
    inspector->add(what, [this, answer_of](const admin_question& question,
                                           broker::inspector::answered done) {
      store->measure([this, answer_of, question, done = std::move(done)](
                         const storage::store_sizes& sizes) {
        if (!sizes.error.empty()) return done({503, sizes.error, {}, false});
        done(answer_of(sizes, question));
      });
    });
  };
  const auto node = configuration->node.name;
  const auto raft = std::filesystem::path(configuration->node.data_dir) / "raft";
  add("storage", [node, raft](const storage::store_sizes& sizes, const admin_question& question) {
    return parts_of(sizes, node, bytes_in(raft), question);
  });
  add("storage_shards", [node](const storage::store_sizes& sizes, const admin_question& question) {
    return shards_of(sizes, node, question);
  });
}

}  // namespace troupe::node
