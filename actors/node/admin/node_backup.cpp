// Backups of the store of a single node, as the admin API asks for them.
#include "actors/node/node_runtime_parts.hpp"
#include "storage/backup/backup.hpp"

#include <chrono>
#include <ctime>
#include <filesystem>

namespace troupe::node {

namespace {

// Beside the store, in the data directory: who that node is, and whom it has banned.
const std::vector<std::string> small_files{"node-id", "banned.json"};

std::string directory_of(const config::configuration& from) {
  return (std::filesystem::path(from.node.data_dir) / from.durability.backup_dir).native();
}

std::int64_t wall_now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string time_text(std::int64_t wall_ms, const char* as) {
  const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), as, &parts)};
}

observe::backup_view view_of(const storage::backup_info& from, const std::string& directory) {
  return {from.name, directory + "/" + from.name, time_text(from.begun, "%Y-%m-%dT%H:%M:%SZ"), from.bytes, from.files};
}

}  // namespace

observe::backup_source node_runtime::parts::backup_source() {
  using answered = observe::backup_source::answered;
  const auto directory = directory_of(*configuration);
  observe::backup_source source;
  source.make = [this, directory](std::string name, const answered& done) {
    const auto refuse = [&done](std::string sentence) { done({{}, std::move(sentence), true}); };
    if (cluster)
      return refuse("A node of a cluster keeps no backup: what it holds is on other nodes too.");
    const auto now = wall_now();
    if (name.empty()) name = time_text(now, "%Y-%m-%dT%H-%M-%SZ");
    if (!storage::is_backup_name(name))
      return refuse("\"name\" may have letters, digits, '.', '_' and '-', and no '.' first.");
    store->backup(directory, name, small_files, now, [directory, done](storage::backup_info made) {
      if (!made.error.empty()) return done({{}, made.error, true});
      done({{view_of(made, directory)}, {}, false});
    });
  };
  // The other two read directories, on a thread that may wait for the disk.
  const auto on_worker = [this](std::function<observe::backup_outcome()> work, const answered& done) {
    ++readings;
    auto over = std::shared_ptr<void>(nullptr, [this](void*) { --readings; });
    auto job = [work = std::move(work), done, over = std::move(over)](bool run) {
      if (run) done(work());
    };
    if (!workers->submit(job)) done({{}, "The node has too much to do; try again.", true});
  };
  source.list = [directory, on_worker](const answered& done) {
    on_worker(
        [directory] {
          observe::backup_outcome outcome;
          for (const auto& each : storage::list_backups(directory))
            outcome.all.push_back(view_of(each, directory));
          return outcome;
        },
        done);
  };
  source.erase = [directory, on_worker](std::string name, const answered& done) {
    on_worker(
        [directory, name = std::move(name)] {
          return observe::backup_outcome{{}, storage::delete_backup(directory, name), false};
        },
        done);
  };
  return source;
}

}  // namespace troupe::node
