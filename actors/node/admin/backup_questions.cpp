#include "actors/node/admin/backup_questions.hpp"

#include "actors/broker/inspect/inspector.hpp"
#include "actors/broker/inspect/page_rows.hpp"
#include "actors/node/cluster_parts.hpp"
#include "storage/backup/backup.hpp"
#include "storage/rocks_store.hpp"

#include <nlohmann/json.hpp>

#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace troupe::node {
namespace {

using nlohmann::json;
using observe::admin_answer;
using observe::admin_question;
using answered = broker::inspector::answered;

// Beside the store, in the data directory: who that node is, and whom it has banned. The record of
// a cluster is not put back.
const std::vector<std::string> small_files{"node-id", "banned.json"};

std::string directory_of(const config::configuration& from) {
  return (std::filesystem::path(from.node.data_dir) / from.durability.backup_dir).native();
}

std::string time_text(std::int64_t wall_ms, const char* as) {
  const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), as, &parts)};
}

/// One row, in the order of names and then of nodes.
observe::admin_row row_of(const std::string& node, const std::string& name, json content) {
  content["node"] = node;
  content["name"] = name;
  return {name + '\0' + node, content.dump(-1, ' ', false, json::error_handler_t::replace)};
}

observe::admin_row row_of(const std::string& node, const storage::backup_info& info,
                          const std::string& directory) {
  if (!info.error.empty()) return row_of(node, info.name, {{"error", info.error}});
  return row_of(node, info.name,
                {{"path", directory + "/" + info.name},
                 {"begun_at", time_text(info.begun, "%Y-%m-%dT%H:%M:%SZ")},
                 {"bytes", info.bytes},
                 {"files", info.files}});
}

void make(const backup_parts& with, const std::string& node, const admin_question& question,
          const answered& done) {
  storage::backup_order order;
  order.directory = directory_of(*with.configuration);
  order.begun = static_cast<std::int64_t>(question.number("begun"));
  order.name = question.term("name").empty() ? time_text(order.begun, "%Y-%m-%dT%H-%M-%SZ")
                                             : std::string(question.term("name"));
  if (!storage::is_backup_name(order.name))
    return done(
        {409, "\"name\" may have letters, digits, '.', '_' and '-', and no '.' first.", {}, false});
  order.small_files = small_files;
  if (with.cluster) {
    const auto who = with.cluster->identity();
    order.node = who.node;
    order.cluster = who.cluster;
    order.copy_log = [cluster = with.cluster](const std::string& to) {
      return cluster->copy_log(to);
    };
    if (who.cluster == 0) {
      return done(
          {200, {}, {row_of(node, order.name, {{"error", "It is in no cluster yet."}})}, false});
    }
  }
  const auto directory = order.directory;
  with.store.backup(std::move(order), [node, directory, done](const storage::backup_info& made) {
    done({200, {}, {row_of(node, made, directory)}, false});
  });
}

/// Directories are read on a thread that may wait for the disk.
void on_worker(const backup_parts& with, std::function<admin_answer()> work, const answered& done) {
  ++with.readings;
  auto over = std::shared_ptr<void>(nullptr, [&open = with.readings](void*) { --open; });
  auto job = [work = std::move(work), done, over = std::move(over)](bool run) {
    if (run) done(work());
  };
  if (!with.workers.submit(job)) done({503, "The node has too much to do", {}, false});
}

}  // namespace

void add_backup_questions(broker::inspector& to, const backup_parts& with) {
  const auto node = to.node();
  to.add("backup_make", [with, node](const admin_question& question, const answered& done) {
    make(with, node, question, done);
  });
  to.add("backups", [with, node](const admin_question& question, const answered& done) {
    on_worker(
        with,
        [question, node, directory = directory_of(*with.configuration)] {
          std::vector<broker::page_rows> rows(1, {question.after, question.limit});
          for (const auto& each : storage::list_backups(directory)) {
            auto row = row_of(node, each, directory);
            if (rows[0].wants(row.key)) rows[0].add(std::move(row.key), std::move(row.json));
          }
          return broker::page_rows::merge(rows);
        },
        done);
  });
  to.add("backup_delete", [with, node](const admin_question& question, const answered& done) {
    on_worker(
        with,
        [name = std::string(question.term("name")), node,
         directory = directory_of(*with.configuration)]() -> admin_answer {
          if (!storage::has_backup(directory, name))
            return {404, "There is no backup " + name + " in " + directory + ".", {}, false};
          const auto error = storage::delete_backup(directory, name);
          json content = json::object();
          if (!error.empty()) content["error"] = error;
          return {200, {}, {row_of(node, name, std::move(content))}, false};
        },
        done);
  });
}

}  // namespace troupe::node
