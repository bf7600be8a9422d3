#include "storage/backup/merge_copies.hpp"

#include "storage/backup/backup.hpp"
#include "storage/files/small_file.hpp"
#include "storage/raft/rocks_raft_log.hpp"
#include "tests/unit/storage/shard_log.hpp"

#include <algorithm>
#include <atomic>

namespace troupe::storage {
namespace {

using namespace test;
namespace fs = std::filesystem;

constexpr std::uint16_t shard_count = 4;
constexpr auto shard = shard_log::shard;
constexpr std::uint64_t sessions = 20;
constexpr std::uint64_t old_cluster = 7;

/// Nodes 1, 2 and 3 vote.
merge_settings settings(bool replicated) {
  return {transaction_codec::decode,
          [](std::string_view) {
            return std::vector<std::uint64_t>{1, 2, 3};
          },
          replicated};
}

store_options options_of(const std::string& directory, bool replicated,
                         std::uint16_t shards = shard_count) {
  store_options options;
  options.directory = directory;
  options.shards = shards;
  options.replicated = replicated;
  options.threads = false;
  return options;
}

std::unique_ptr<rocks_store> opened(const std::string& directory, bool replicated,
                                    std::uint16_t shards = shard_count) {
  auto made = open_store(options_of(directory, replicated, shards));
  INFO(made.error);
  REQUIRE(made.store);
  return std::move(made.store);
}

void drain(rocks_store& store) {
  while (store.pump() > 0) {
  }
}

/// Backups of the nodes of a cluster, made of what their logs and stores have.
class nodes {
 public:
  explicit nodes(unsigned seed = 1) : log_(seed) { log_.grow(entries); }

  static constexpr std::uint64_t entries = 120;
  const shard_log& log() const { return log_; }
  const std::string& path() const { return place_.path; }
  std::string backup(std::uint64_t node) const {
    return place_.path + "/" + std::to_string(node) + "/backups/b";
  }

  /// Its log of the shard has `logged` commands behind the members, and its state `applied` of
  /// them. Of the other shards it has the members alone, but not of the last `without`.
  void make(std::uint64_t node, std::uint64_t logged, std::uint64_t applied,
            std::uint16_t without = 0, std::uint64_t cluster = old_cluster,
            std::uint16_t shards = shard_count) {
    const auto root = place_.path + "/" + std::to_string(node);
    fs::create_directories(root);
    auto store = opened(root + "/data", true, shards);
    raft_log_options log_options;
    log_options.directory = root + "/data/raft";
    log_options.threads = false;
    auto raft = rocks_raft_log::open(log_options);
    REQUIRE(raft.value);
    for (std::uint16_t each = 0; each < shards - without; ++each) {
      raft_log_batch batch;
      batch.vote(1, 0);
      batch.append(1, 1, raft_entry_kind::configuration, "members");
      for (std::uint64_t i = 1; number(shard) == each && i <= logged; ++i)
        batch.append(i + 1, term_of(i + 1), raft_entry_kind::command, log_.entries().at(i - 1));
      raft.value->write(each + 1U, std::move(batch), nullptr);
    }
    raft.value->pump();
    for (std::uint64_t i = 1; i <= applied; ++i) store->commit(entry(i), nullptr);
    drain(*store);
    REQUIRE(replace_small_file(root + "/data", "banned.json", "{}").empty());
    backup_order order;
    order.directory = root + "/backups";
    order.name = "b";
    order.begun = 77;
    order.small_files = {"banned.json"};
    order.node = node;
    order.cluster = cluster;
    order.copy_log = [&](const std::string& to) { return raft.value->checkpoint(to); };
    std::optional<backup_info> made;
    store->backup(order, [&](backup_info got) { made = std::move(got); });
    drain(*store);
    REQUIRE(made);
    INFO(made->error);
    REQUIRE(made->error.empty());
  }

  /// What the shard looks like when so many commands are applied.
  std::string expected(std::uint64_t applied) {
    auto store = opened(place_.path + "/expected" + std::to_string(++asked_), true);
    for (std::uint64_t i = 1; i <= applied; ++i) store->commit(entry(i), nullptr);
    drain(*store);
    return without_origins(description(*store, shard, sessions));
  }

  /// Of QoS 2 messages that other shards' publishers have sent nothing is taken over.
  static std::string without_origins(const std::string& text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      const auto line = text.substr(at, end - at + 1);
      if (!line.starts_with("origin ") && !line.starts_with("choice ")) out += line;
      at = end + 1;
    }
    return out;
  }

 private:
  static std::uint64_t term_of(std::uint64_t index) { return 1 + index / 500; }
  /// As the command at index i + 1: the members are the first entry.
  transaction entry(std::uint64_t i) const {
    auto decoded = transaction_codec::decode(log_.entries().at(i - 1));
    REQUIRE(decoded.error.empty());
    decoded.value.applied(shard, i + 1, term_of(i + 1));
    return std::move(decoded.value);
  }

  temporary_directory place_;
  shard_log log_;
  int asked_ = 0;
};

bool says(const std::string& sentence, std::string_view what) {
  UNSCOPED_INFO(sentence);
  return sentence.find(what) != std::string::npos && sentence.back() == '.';
}

}  // namespace

TEST_CASE("a shard is made of the farthest copy, with what only its log has", "[store][backup]") {
  const auto seed = GENERATE(range(1U, 6U));
  nodes all(seed);
  all.make(2, nodes::entries, 40);
  all.make(3, 90, 90);
  const auto expected = all.expected(nodes::entries);
  const auto target = all.path() + "/again";
  SECTION("as the first node of a new cluster") {
    const auto made = merge_copies({all.backup(3), all.backup(2)}, target, settings(true));
    INFO(made.error);
    REQUIRE(made.error.empty());
    CHECK(made.warnings.empty());
    CHECK((made.shards == shard_count && made.entries > 0 && made.records > 0));
    CHECK(read_small_file(target, "banned.json").text == "{}");
    CHECK_FALSE(fs::exists(target + "/raft"));
    CHECK_FALSE(fs::exists(target + "/node-id"));
    auto store = opened(target, true);
    CHECK(description(*store, shard, sessions) == expected);
    for (std::uint16_t each = 0; each < shard_count; ++each) {
      const auto marks = store->marks(static_cast<shard_id>(each));
      CHECK((marks.index == shard_marks::restored && marks.term == shard_marks::restored));
      CHECK(marks.next_session_count > 1000);
    }
    std::optional<shard_checksum> checked;
    store->read_checksum(shard, [&](shard_checksum got) { checked = got; });
    drain(*store);
    REQUIRE(checked);
    CHECK((!checked->failed && checked->bodies_agree));
  }
  SECTION("as a single node") {
    const auto made = merge_copies({all.backup(2), all.backup(3)}, target, settings(false));
    INFO(made.error);
    REQUIRE(made.error.empty());
    {
      auto store = opened(target, false);
      CHECK(description(*store, shard, sessions) == expected);
      // Numbers go on behind those that were given.
      const auto before = store->next_offset(shard);
      CHECK(before > 1);
      std::optional<commit_result> result;
      store->commit(sole_message(session(1, 1), {shard, before}, "new"),
                    [&](const commit_result& got) { result = got; });
      drain(*store);
      REQUIRE((result && result->ok));
      CHECK(description(*store, shard, sessions).find("/" + std::to_string(result->first_order)) !=
            std::string::npos);
    }
    CHECK_FALSE(open_store(options_of(target, true, 5)).store);
  }
}

TEST_CASE("what may be missing is told", "[store][backup]") {
  nodes all;
  all.make(1, 50, 50);
  const auto target = all.path() + "/again";
  const auto made = merge_copies({all.backup(1)}, target, settings(true));
  INFO(made.error);
  REQUIRE(made.error.empty());
  REQUIRE(made.warnings.size() == 1);
  CHECK(says(made.warnings[0], "0, 1, 2, 3"));
  auto store = opened(target, true);
  CHECK(description(*store, shard, sessions) == all.expected(50));
}

TEST_CASE("copies that do not belong together make nothing", "[store][backup]") {
  nodes all;
  const auto target = all.path() + "/again";
  const auto refusal = [&](std::vector<std::string> copies) {
    const auto made = merge_copies(copies, target, settings(true));
    CHECK((!fs::exists(target) || fs::is_empty(target)));
    return made.error;
  };
  all.make(1, 10, 10);
  SECTION("of different clusters") {
    all.make(2, 10, 10, 0, 8);
    CHECK(says(refusal({all.backup(1), all.backup(2)}), "different clusters"));
  }
  SECTION("of different numbers of shards") {
    all.make(2, 10, 10, 0, old_cluster, 5);
    CHECK(says(refusal({all.backup(1), all.backup(2)}), "numbers of shards"));
  }
  SECTION("of one node twice") {
    CHECK(says(refusal({all.backup(1), all.backup(1)}), "same node"));
  }
  SECTION("without some shard") {
    all.make(2, 10, 10, 1);
    all.make(3, 10, 10, 2);
    CHECK(says(refusal({all.backup(2), all.backup(3)}), "No copy of shards 3 is"));
    CHECK(merge_copies({all.backup(2), all.backup(1)}, target, settings(true)).error.empty());
  }
  SECTION("one is of a single node") {
    auto single = opened(all.path() + "/single", false);
    backup_order order;
    order.directory = all.path();
    order.name = "s";
    single->backup(order, [](const backup_info& made) { REQUIRE(made.error.empty()); });
    drain(*single);
    CHECK(says(refusal({all.backup(1), all.path() + "/s"}), "single node"));
  }
  SECTION("one is not whole") {
    for (const auto& each : fs::directory_iterator(all.backup(1) + "/raft"))
      if (each.path().filename() == "CURRENT") fs::remove(each.path());
    CHECK(says(refusal({all.backup(1)}), "not complete"));
  }
  SECTION("a command that cannot be read") {
    all.make(2, 20, 10);
    auto with = settings(true);
    with.read_entry = [](std::string_view) {
      return decoded_transaction{{}, "It is of a newer version."};
    };
    CHECK(says(merge_copies({all.backup(2)}, target, with).error, "newer version"));
  }
  SECTION("none") {
    CHECK(says(refusal({}), "no backup"));
  }
}

TEST_CASE("what an interrupted merge leaves does not start", "[store][backup]") {
  temporary_directory place;
  fs::create_directories(place.store() + "/restoring");
  const auto started = open_store(options_of(place.store(), true));
  CHECK_FALSE(started.store);
  CHECK(says(started.error, "was interrupted"));
}

}  // namespace troupe::storage
