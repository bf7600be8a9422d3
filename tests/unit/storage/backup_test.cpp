#include "storage/backup/backup.hpp"

#include "storage/files/small_file.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <atomic>
#include <fstream>
#include <thread>

namespace troupe::storage {
namespace {

using namespace test;
namespace fs = std::filesystem;

constexpr std::size_t at_once = 64;

store_options at(const std::string& directory) {
  store_options options;
  options.directory = directory;
  options.shards = 4;
  return options;
}

std::unique_ptr<rocks_store> opened(const std::string& directory) {
  auto made = open_store(at(directory));
  INFO(made.error);
  REQUIRE(made.store);
  return std::move(made.store);
}

backup_info backed_up(rocks_store& store, const std::string& directory, const std::string& name,
                      std::vector<std::string> small_files = {}) {
  std::atomic<bool> done = false;
  backup_info info;
  backup_order order;
  order.directory = directory;
  order.name = name;
  order.begun = 77;
  order.small_files = std::move(small_files);
  store.backup(std::move(order), [&](backup_info made) {
    info = std::move(made);
    done = true;
  });
  REQUIRE(eventually([&] { return done.load(); }));
  return info;
}

/// How many messages the session is owed.
std::size_t owed(rocks_store& store, session_id id) {
  std::size_t sum = 0;
  order_no after = 0;
  for (bool end = false; !end;) {
    std::atomic<bool> done = false;
    owed_page page;
    store.read_owed(id, after, 1000, 1 << 20, [&](owed_page got) {
      page = std::move(got);
      done = true;
    });
    REQUIRE(eventually([&] { return done.load(); }));
    REQUIRE_FALSE(page.failed);
    for (const auto& each : page.messages) after = each.place.order;
    sum += page.messages.size();
    end = page.end;
  }
  return sum;
}

}  // namespace

TEST_CASE("a backup has all that was answered before it began, and is put back", "[store][backup]") {
  temporary_directory place;
  const auto who = session(0, 1);
  const auto backups = place.path + "/backups";
  std::size_t before = 0;
  backup_info made;
  {
    auto store = opened(place.store());
    REQUIRE(replace_small_file(place.store(), "node-id", "me").empty());
    std::atomic<std::size_t> answered = 0;
    std::atomic<bool> over = false;
    std::thread load([&] {
      for (std::uint64_t i = 1; !over; ++i) {
        store->commit(sole_message(who, {static_cast<shard_id>(1), i}, "x"),
                      [&](const commit_result& result) { answered += result.ok ? 1 : 0; });
        while (i > answered + at_once && !over) std::this_thread::yield();
      }
    });
    CHECK(eventually([&] { return answered > 1000; }));
    before = answered;
    made = backed_up(*store, backups, "first", {"node-id", "not-there"});
    over = true;
    load.join();
    CHECK(made.error.empty());
    CHECK(made.files > 2);
    CHECK(made.bytes > 0);
    CHECK(backed_up(*store, backups, "first").error.find("already") != std::string::npos);
    CHECK_FALSE(backed_up(*store, backups, "../out").error.empty());
    store->close();
  }
  const auto all = list_backups(backups);
  REQUIRE(all.size() == 1);
  CHECK((all[0].name == "first" && all[0].begun == 77 && all[0].bytes == made.bytes));
  const auto target = place.path + "/again";
  const auto restored = restore_backup(backups + "/first", target);
  CHECK(restored.error.empty());
  CHECK(read_small_file(target, "node-id").text == "me");
  {
    auto store = opened(target);
    CHECK(owed(*store, who) >= before);
    store->close();
  }
  CHECK(restore_backup(backups + "/first", target).error.find("not empty") != std::string::npos);
  CHECK(delete_backup(backups, "first").empty());
  CHECK_FALSE(delete_backup(backups, "first").empty());
  CHECK(list_backups(backups).empty());
}

TEST_CASE("what is no whole backup is not put back", "[store][backup]") {
  temporary_directory place;
  const auto backups = place.path + "/backups";
  const auto target = place.path + "/again";
  {
    auto store = opened(place.store());
    for (std::uint64_t i = 1; i <= 100; ++i)
      store->commit(sole_message(session(0, 1), {static_cast<shard_id>(1), i}, "x"), nullptr);
    REQUIRE(backed_up(*store, backups, "b").error.empty());
    store->close();
  }
  const auto path = backups + "/b";
  const auto refused = [&] {
    const auto info = restore_backup(path, target);
    CHECK_FALSE(fs::exists(target + "/CURRENT"));
    UNSCOPED_INFO(info.error);
    return !info.error.empty() && info.error.back() == '.';
  };
  SECTION("it was not finished") {
    fs::remove(path + "/backup");
    CHECK(refused());
  }
  SECTION("a file is missing") {
    for (const auto& each : fs::directory_iterator(path))
      if (each.path().extension() == ".sst") {
        fs::remove(each.path());
        break;
      }
    CHECK(refused());
  }
  SECTION("a block is damaged") {
    for (const auto& each : fs::directory_iterator(path)) {
      if (each.path().extension() != ".sst") continue;
      std::fstream file(each.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(10);
      file.put('\x7f');
    }
    CHECK(refused());
  }
  SECTION("there is nothing") {
    CHECK_FALSE(restore_backup(place.path + "/none", target).error.empty());
  }
}

TEST_CASE("names of backups stay in their directory", "[store][backup]") {
  CHECK(is_backup_name("2026-11-27T18-30-00Z"));
  CHECK(is_backup_name("a"));
  for (const char* bad : {"", ".", "..", ".hidden", "a/b", "a b", "\xc3\xa4"})
    CHECK_FALSE(is_backup_name(bad));
  CHECK_FALSE(is_backup_name(std::string(101, 'a')));
}

}  // namespace troupe::storage
