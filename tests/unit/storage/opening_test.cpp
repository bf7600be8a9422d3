#include "protocol/schema/stored.pb.h"
#include "storage/database.hpp"
#include "storage/records/meta_keys.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <fstream>

namespace troupe::storage {
namespace {

using namespace test;
namespace fs = std::filesystem;

store_options at(const temporary_directory& place) {
  store_options options;
  options.directory = place.store();
  options.shards = 4;
  options.threads = false;
  return options;
}

/// Makes a store with something in it.
void fill(const store_options& options) {
  auto opened = open_store(options);
  INFO(opened.error);
  REQUIRE(opened.store);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    opened.store->commit(sole_message(session(0, 1), {static_cast<shard_id>(1), i}, "x"), nullptr);
  }
  while (opened.store->pump() > 0) {
  }
}

std::string refusal(const store_options& options) {
  auto opened = open_store(options);
  REQUIRE_FALSE(opened.store);
  // A sentence for a person, with the place in it.
  CHECK(opened.error.find(options.directory) != std::string::npos);
  CHECK(opened.error.back() == '.');
  return opened.error;
}

bool says(const std::string& sentence, std::string_view what) {
  UNSCOPED_INFO(sentence);
  return sentence.find(what) != std::string::npos;
}

std::vector<fs::path> files(const store_options& options, const std::string& part) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(options.directory)) {
    if (entry.path().filename().string().find(part) != std::string::npos) {
      found.push_back(entry.path());
    }
  }
  return found;
}

void write_raw(const store_options& options, family which, std::string_view key,
               const std::string& value) {
  auto db = database::open(options);
  REQUIRE(db.value);
  REQUIRE(
      db.value->db().Put(rocksdb::WriteOptions(), db.value->handle(which), slice(key), value).ok());
}

TEST_CASE("another number of shards is refused", "[store][open]") {
  const temporary_directory place;
  auto options = at(place);
  fill(options);
  options.shards = 8;
  const auto error = refusal(options);
  CHECK(says(error, "made with 4 shards"));
  CHECK(says(error, "8"));
  options.shards = 4;
  CHECK(open_store(options).store);
}

TEST_CASE("a directory in use is refused", "[store][open]") {
  const temporary_directory place;
  const auto options = at(place);
  auto first = open_store(options);
  REQUIRE(first.store);
  CHECK(says(refusal(options), "in use by another process"));
}

TEST_CASE("a directory that cannot be made is refused", "[store][open]") {
  auto options = at(temporary_directory());  // its parent is gone again
  CHECK(says(refusal(options), "cannot be opened"));
}

TEST_CASE("a newer directory is refused", "[store][open]") {
  const temporary_directory place;
  const auto options = at(place);
  fill(options);
  SECTION("by its layout") {
    stored::directory_record record;
    record.set_version(5);
    record.set_shards(4);
    write_raw(options, family::meta, meta::directory, record.SerializeAsString());
  }
  SECTION("by an unknown column family") {
    auto db = database::open(options);
    REQUIRE(db.value);
    rocksdb::ColumnFamilyHandle* made = nullptr;
    REQUIRE(db.value->db().CreateColumnFamily({}, "tomorrow", &made).ok());
    REQUIRE(db.value->db().DestroyColumnFamilyHandle(made).ok());
  }
  CHECK(says(refusal(options), "newer version of Troupe"));
}

TEST_CASE("a directory of layout 2 is of this layout from then on", "[store][open]") {
  const temporary_directory place;
  const auto options = at(place);
  fill(options);
  stored::directory_record old;
  old.set_version(2);
  old.set_shards(4);
  write_raw(options, family::meta, meta::directory, old.SerializeAsString());
  REQUIRE(open_store(options).store);
  auto db = database::open(options);
  REQUIRE(db.value);
  rocksdb::PinnableSlice value;
  REQUIRE(db.value->get(family::meta, meta::directory, value).ok());
  stored::directory_record now;
  REQUIRE(now.ParseFromString(value.ToString()));
  CHECK(now.version() == 4);
  CHECK(now.shards() == 4);
}

TEST_CASE("a session record of a newer version stops the start", "[store][open]") {
  const temporary_directory place;
  const auto options = at(place);
  fill(options);
  const auto id = session(1, 1);
  stored::session_state newer;
  newer.set_version(2);
  newer.set_protocol(5);
  write_raw(options, family::sessions, keys::session(id).view(), newer.SerializeAsString());
  auto opened = open_store(options);
  REQUIRE(opened.store);
  CHECK_THROWS_WITH(
      opened.store->each_session(id.shard(), [](session_record) {}),
      Catch::Matchers::Contains(options.directory) && Catch::Matchers::Contains("newer version"));
}

TEST_CASE("damaged records of sessions stop the start with a sentence", "[store][open]") {
  const temporary_directory place;
  const auto options = at(place);
  fill(options);
  const auto id = session(1, 1);
  SECTION("a session") {
    write_raw(options, family::sessions, keys::session(id).view(), "\xFF");
    auto opened = open_store(options);
    REQUIRE(opened.store);
    CHECK_THROWS_WITH(
        opened.store->each_session(id.shard(), [](session_record) {}),
        Catch::Matchers::Contains(options.directory) && Catch::Matchers::Contains("damaged"));
  }
  SECTION("a subscription") {
    write_raw(options, family::subscriptions, std::string(keys::session(id).view()) + "a/b",
              "\xFF");
    auto opened = open_store(options);
    REQUIRE(opened.store);
    CHECK_THROWS_WITH(
        opened.store->each_subscription(id.shard(), [](session_id, subscription_record) {}),
        Catch::Matchers::Contains(options.directory) && Catch::Matchers::Contains("damaged"));
  }
  SECTION("a counter") {
    write_raw(options, family::meta, meta::retained_count, "\xFF\xFF");
    CHECK(says(refusal(options), "damaged"));
  }
}

TEST_CASE("a damaged directory is refused and left as it is", "[store][open]") {
  const temporary_directory place;
  const auto options = at(place);
  fill(options);
  SECTION("MANIFEST overwritten") {
    for (const auto& file : files(options, "MANIFEST")) {
      std::ofstream(file, std::ios::trunc) << "not a manifest, long enough to be read as one";
    }
  }
  SECTION("CURRENT gone") {
    fs::remove(options.directory + "/CURRENT");
  }
  SECTION("table cut short") {
    const auto tables = files(options, ".sst");
    REQUIRE_FALSE(tables.empty());
    for (const auto& file : tables) fs::resize_file(file, fs::file_size(file) / 2);
  }
  SECTION("table gone") {
    const auto tables = files(options, ".sst");
    REQUIRE_FALSE(tables.empty());
    fs::remove(tables.front());
  }
  SECTION("directory record damaged") {
    write_raw(options, family::meta, meta::directory, "\xFF\xFF");
  }
  const auto before = files(options, ".sst").size();
  CHECK(says(refusal(options), "is damaged"));
  CHECK(files(options, ".sst").size() >= before);
}

TEST_CASE("a damaged body is reported and the rest of the queue is read", "[store][open]") {
  memory_store m;
  const auto id = session(0, 1);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const auto payload = std::to_string(i) + std::string(20'000, 'x');  // stands in the log
    m.commit(sole_message(id, {static_cast<shard_id>(1), i}, payload));
  }
  m.store.reset();
  write_raw(m.options, family::log, keys::body(1, 2).view(), "\xFF");
  m.open();
  const auto page = m.owed(id);
  REQUIRE(page.messages.size() == 2);
  CHECK(page.messages[1].body->payload().front() == '3');
  CHECK(page.end);
  CHECK(m.reports.size() == 1);
}

}  // namespace
}  // namespace troupe::storage
