// What one transaction owes one session stands in one record, a run.

#include "protocol/schema/stored.pb.h"
#include "storage/database.hpp"
#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/records/run_codec.hpp"
#include "tests/unit/storage/store_fixture.hpp"
#include "tests/unit/storage/volatile_disk.hpp"

#include <random>

namespace troupe::storage {
namespace {

using namespace test;

constexpr auto log_shard = static_cast<shard_id>(1);
const auto reader_of_all = session(0, 1);

/// `count` messages "0", "1", ... to one session in one transaction; their places.
std::vector<stored_place> owe_run(memory_store& m, session_id to, std::size_t count,
                                  std::size_t payload_size = 0) {
  transaction writes;
  std::vector<stored_place> places;
  for (std::size_t i = 0; i < count; ++i) {
    auto payload = std::to_string(i) + " ";
    payload.resize(std::max(payload_size, payload.size()), 'x');
    places.push_back(writes.owe(to, terms_of(), *text("t", payload), {log_shard, i + 1}));
  }
  const auto orders = writes.orders();
  const auto result = m.commit(std::move(writes));
  REQUIRE(result.ok);
  for (auto& place : places) orders.resolve(place, result.first_order);
  return places;
}

/// What the queue of a session takes, in bytes.
std::size_t queue_bytes(memory_store& m, session_id id) {
  m.store.reset();
  std::size_t bytes = 0;
  {
    const auto db = database::open(m.options);
    REQUIRE(db.value);
    const auto end = session_id{id.value + 1};
    database::range all(*db.value, family::queue, keys::session(id).view(),
                        keys::session(end).view());
    for (; all.valid(); all.next()) bytes += all.value().size();
  }
  m.open();
  return bytes;
}

void settle(memory_store& m, session_id id, const std::vector<stored_place>& places,
            std::initializer_list<std::size_t> which) {
  transaction writes;
  for (const auto i : which) writes.settle(id, places[i]);
  REQUIRE(m.commit(std::move(writes)).ok);
}

std::vector<int> numbers(const owed_page& page) {
  std::vector<int> out;
  for (const auto& message : page.messages)
    out.push_back(std::stoi(std::string(message.body->payload())));
  return out;
}

TEST_CASE("a run is one record until its last message is settled", "[store][runs]") {
  memory_store m;
  const auto places = owe_run(m, reader_of_all, 5);
  CHECK(records(m, family::queue) == 1);
  CHECK(records(m, family::log) == 0);
  settle(m, reader_of_all, places, {0, 1, 3});
  CHECK(records(m, family::queue) == 2);
  CHECK(numbers(m.owed(reader_of_all)) == std::vector<int>{2, 4});
  CHECK(m.contents(reader_of_all).queued == 2);
  settle(m, reader_of_all, places, {4, 2});
  CHECK(records(m, family::queue) == 0);
  CHECK(m.owed(reader_of_all).messages.empty());
}

TEST_CASE("what messages of a transaction have in common is written once", "[store][runs]") {
  const std::string topic = "a/topic/that/is/not/short";
  const std::string large(10'000, 'x');  // too large to be in the record
  std::size_t sizes[2] = {0, 0};
  for (const bool shared : {false, true}) {
    memory_store m;
    transaction writes;
    if (shared) writes.share_heads();
    const auto other = session(1, 2);
    std::vector<stored_place> places;
    std::vector<std::string> given;
    for (std::uint64_t i = 0; i < 20; ++i) {
      given.push_back(i == 10 ? large : std::to_string(i));
      const auto body = text(i % 7 == 6 ? "another" : topic, given.back());
      places.push_back(writes.owe(reader_of_all, terms_of(), *body, {log_shard, i + 1}));
      writes.owe(other, terms_of(), *text(topic, "other"), {log_shard, 100 + i});
    }
    const auto orders = writes.orders();
    const auto result = m.commit(std::move(writes));
    for (auto& place : places) orders.resolve(place, result.first_order);
    sizes[shared ? 1 : 0] = queue_bytes(m, reader_of_all);
    // The one that has the head is settled, those that share it are not.
    settle(m, reader_of_all, places, {0, 7});
    const auto page = m.owed(reader_of_all);
    REQUIRE(page.messages.size() == 18);
    for (std::size_t at = 0, i = 0; i < 20; ++i) {
      if (i == 0 || i == 7) continue;
      const auto& message = page.messages[at++];
      CHECK(message.body->payload() == given[i]);
      CHECK(message.body->topic() == (i % 7 == 6 ? "another" : topic));
      CHECK(message.body->level() == mqtt::qos::at_least_once);
    }
    CHECK(m.owed(other).messages.size() == 20);
  }
  CHECK(sizes[1] + 14 * topic.size() < sizes[0]);
}

TEST_CASE("heads that are to be shared too late are not", "[store][runs]") {
  memory_store m;
  transaction writes;
  writes.owe(reader_of_all, terms_of(), *text("t", "0"), {log_shard, 1});
  writes.share_heads();
  writes.owe(reader_of_all, terms_of(), *text("t", "1"), {log_shard, 2});
  m.commit(std::move(writes));
  CHECK(numbers(m.owed(reader_of_all)) == std::vector<int>{0, 1});
}

TEST_CASE("only what was not settled comes again after the process died", "[store][runs]") {
  const temporary_directory place;
  const auto remains = place.path + "/remains";
  volatile_disk disk(rocksdb::Env::Default());
  std::mt19937 random(5);
  {
    store_options options;
    options.directory = place.store();
    options.shards = 4;
    options.threads = false;
    options.env = &disk;
    auto opened = open_store(options);
    REQUIRE(opened.store);
    transaction writes;
    std::vector<stored_place> places;
    for (int i = 0; i < 40; ++i) {
      places.push_back(
          writes.owe(reader_of_all, terms_of(), *text("t", std::to_string(i)), {log_shard, 1}));
    }
    const auto orders = writes.orders();
    opened.store->commit(std::move(writes), [&](const commit_result& result) {
      for (auto& at : places) orders.resolve(at, result.first_order);
    });
    opened.store->pump();
    transaction settled;
    for (std::size_t i = 0; i < 40; ++i)
      if (i < 10 || i % 3 == 0) settled.settle(reader_of_all, places[i]);
    opened.store->commit(std::move(settled), nullptr);
    opened.store->pump();
    disk.remains(place.store(), remains, volatile_disk::loss::nothing, random);
  }
  memory_store m;
  m.store.reset();
  m.options.directory = remains;
  m.options.env = nullptr;
  m.open();
  std::vector<int> expected;
  for (int i = 10; i < 40; ++i)
    if (i % 3 != 0) expected.push_back(i);
  const auto page = m.owed(reader_of_all);
  CHECK(numbers(page) == expected);
  // What is settled now is counted together with what was settled then.
  transaction rest;
  for (const auto& message : page.messages) rest.settle(reader_of_all, message.place);
  REQUIRE(m.commit(std::move(rest)).ok);
  CHECK(records(m, family::queue) == 0);
}

TEST_CASE("pages begin and end inside a run", "[store][runs]") {
  memory_store m;
  const auto count = GENERATE(1U, 3U, 7U, 250U);
  const auto first = owe_run(m, reader_of_all, 100);
  owe_run(m, session(0, 2), 7);
  const auto second = owe_run(m, reader_of_all, 100);
  settle(m, reader_of_all, first, {50});
  settle(m, reader_of_all, second, {0, 99});
  std::vector<int> got;
  order_no after = 0;
  for (bool end = false; !end;) {
    const auto page = m.owed(reader_of_all, after, count);
    CHECK(page.messages.size() <= count);
    for (const auto number : numbers(page)) got.push_back(number);
    if (!page.messages.empty()) after = page.messages.back().place.order;
    end = page.end;
    if (end) CHECK(page.through >= second.back().order);
  }
  std::vector<int> expected;
  for (int i = 0; i < 100; ++i)
    if (i != 50) expected.push_back(i);
  for (int i = 1; i < 99; ++i) expected.push_back(i);
  CHECK(got == expected);
  CHECK(m.one(reader_of_all, first[49].order)->place.index == 49);
  CHECK_FALSE(m.one(reader_of_all, first[50].order));
  CHECK_FALSE(m.one(reader_of_all, second[0].order));
  CHECK(m.one(reader_of_all, second[98].order)->body->payload() == "98 ");
}

TEST_CASE("a run is closed when it is long or large", "[store][runs]") {
  memory_store m;
  owe_run(m, reader_of_all, 2500);
  CHECK(records(m, family::queue) == 3);
  owe_run(m, session(0, 2), 64, 4000);
  CHECK(records(m, family::queue) == 7);
  const auto page = m.owed(reader_of_all, 0, 5000, 1 << 30);
  REQUIRE(page.messages.size() == 2500);
  for (std::size_t i = 0; i < 2500; ++i) {
    REQUIRE(page.messages[i].place.order == page.messages[0].place.order + i);
    REQUIRE(page.messages[i].place.index == i % record::run_messages);
  }
}

TEST_CASE("the runs of many sessions grow side by side", "[store][runs]") {
  memory_store m;
  const auto sessions = GENERATE(3U, 16U, 17U, 200U);
  transaction writes;
  for (std::size_t i = 0; i < 30; ++i) {
    // Not always the same receivers in the same order.
    for (std::uint64_t s = 1; s <= sessions; ++s) {
      const auto to = session(0, i % 2 == 0 ? s : sessions + 1 - s);
      writes.owe(to, terms_of(), *text("t", std::to_string(i)), {log_shard, 1});
    }
  }
  REQUIRE(m.commit(std::move(writes)).ok);
  CHECK(records(m, family::queue) == sessions);
  for (std::uint64_t s = 1; s <= sessions; ++s) {
    const auto got = numbers(m.owed(session(0, s)));
    REQUIRE(got.size() == 30);
    CHECK(std::is_sorted(got.begin(), got.end()));
  }
}

TEST_CASE("a body in runs of several sessions goes with the last, once", "[store][runs]") {
  memory_store m;
  const auto other = session(0, 2);
  const log_position at{log_shard, 1};
  transaction writes;
  writes.append(at, *text("t", "0"), 2);
  stored_place mine = writes.owe(reader_of_all, terms_of(), at);
  stored_place theirs = writes.owe(other, terms_of(), at);
  writes.owe(reader_of_all, terms_of(), *text("t", "1"), {log_shard, 2});
  const auto orders = writes.orders();
  const auto result = m.commit(std::move(writes));
  orders.resolve(mine, result.first_order);
  orders.resolve(theirs, result.first_order);
  const bool restart = GENERATE(false, true);
  for (int i = 0; i < 3; ++i) {
    transaction again;
    again.settle(reader_of_all, mine);
    if (i == 1) again.settle(reader_of_all, mine);
    REQUIRE(m.commit(std::move(again)).ok);
    if (restart) m.reopen();
  }
  CHECK(numbers(m.owed(reader_of_all)) == std::vector<int>{1});
  CHECK(numbers(m.owed(other)) == std::vector<int>{0});
  transaction last;
  last.settle(other, theirs);
  REQUIRE(m.commit(std::move(last)).ok);
  CHECK(records(m, family::log) == 0);
  CHECK(records(m, family::log_refs) == 0);
}

TEST_CASE("an erased session's runs are swept with what they share", "[store][runs]") {
  memory_store m;
  const auto other = session(0, 2);
  std::vector<stored_place> mine;
  transaction writes;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    writes.append({log_shard, i}, *text("t", std::to_string(i)), 2);
    mine.push_back(writes.owe(reader_of_all, terms_of(), {log_shard, i}));
    writes.owe(other, terms_of(), {log_shard, i});
  }
  const auto orders = writes.orders();
  const auto result = m.commit(std::move(writes));
  for (auto& place : mine) orders.resolve(place, result.first_order);
  settle(m, reader_of_all, mine, {0, 7, 8});
  if (GENERATE(false, true)) m.reopen();
  transaction erase;
  erase.erase_session(reader_of_all, "c");
  erase.settle(reader_of_all, mine[9]);
  m.commit(std::move(erase));
  settle(m, reader_of_all, mine, {1, 7});
  REQUIRE(m.owed(other).messages.size() == 50);
  CHECK(m.reports.empty());
  transaction rest;
  for (const auto& message : m.owed(other).messages) rest.settle(other, message.place);
  m.commit(std::move(rest));
  CHECK(records(m, family::log) == 0);
  CHECK(records(m, family::log_refs) == 0);
  CHECK(records(m, family::queue) == 0);
}

/// What an older program left: a record for every message, all bodies in the log.
void write_layout_1(memory_store& m) {
  m.store.reset();
  auto opened = database::open(m.options);
  REQUIRE(opened.value);
  auto& db = *opened.value;
  const auto put = [&](family which, std::string_view key, const std::string& value) {
    REQUIRE(db.db().Put({}, db.handle(which), slice(key), value).ok());
  };
  stored::directory_record directory;
  directory.set_version(1);
  directory.set_shards(m.options.shards);
  put(family::meta, meta::directory, directory.SerializeAsString());
  stored::number_record mark;
  mark.set_version(1);
  mark.set_value(100);
  put(family::meta, meta::order_mark, mark.SerializeAsString());
  for (std::uint64_t i = 1; i <= 4; ++i) {
    stored::message_record body;
    body.set_version(1);
    body.set_topic("t");
    body.set_payload(std::to_string(i));
    put(family::log, keys::body(1, i).view(), body.SerializeAsString());
    stored::owed_record entry;
    entry.set_version(1);
    entry.set_shard(1);
    entry.set_offset(i);
    entry.set_level(1);
    entry.set_size(10);
    entry.set_sole(i % 2 == 1);
    put(family::queue, keys::owed(reader_of_all, 10 + i).view(), entry.SerializeAsString());
    if (i % 2 == 1) continue;
    mark.set_value(2);
    put(family::log_refs, keys::body(1, i).view(), mark.SerializeAsString());
    put(family::queue, keys::owed(session(0, 2), 20 + i).view(), entry.SerializeAsString());
  }
}

TEST_CASE("a directory of layout 1 is read, and is of this layout from then on", "[store][runs]") {
  memory_store m;
  write_layout_1(m);
  m.open();
  CHECK(numbers(m.owed(reader_of_all)) == std::vector<int>{1, 2, 3, 4});
  CHECK(m.contents(reader_of_all).queued == 4);
  const auto places = owe_run(m, reader_of_all, 2);
  CHECK(places[0].order == 100);
  const auto page = m.owed(reader_of_all, 12);
  CHECK(numbers(page) == std::vector<int>{3, 4, 0, 1});

  SECTION("settled message by message") {
    for (const auto id : {reader_of_all, session(0, 2)}) {
      for (const auto& message : m.owed(id).messages) {
        transaction writes;
        writes.settle(id, message.place);
        m.commit(std::move(writes));
      }
    }
  }
  SECTION("swept") {
    for (const auto id : {reader_of_all, session(0, 2)}) {
      transaction writes;
      writes.erase_session(id, "c");
      m.commit(std::move(writes));
    }
  }
  CHECK(m.reports.empty());
  CHECK(records(m, family::queue) == 0);
  CHECK(records(m, family::log) == 0);
  CHECK(records(m, family::log_refs) == 0);
  m.store.reset();
  auto opened = database::open(m.options);
  REQUIRE(opened.value);
  rocksdb::PinnableSlice value;
  REQUIRE(opened.value->get(family::meta, meta::directory, value).ok());
  stored::directory_record directory;
  REQUIRE(directory.ParseFromArray(value.data(), static_cast<int>(value.size())));
  CHECK(directory.version() == record::layout_version);
  CHECK(directory.shards() == m.options.shards);
}

TEST_CASE("a damaged run is reported and the others are read", "[store][runs]") {
  memory_store m;
  const auto first = owe_run(m, reader_of_all, 3);
  owe_run(m, reader_of_all, 2);
  settle(m, reader_of_all, first, {0});
  m.store.reset();
  {
    auto opened = database::open(m.options);
    REQUIRE(opened.value);
    const auto run = keys::owed(reader_of_all, first[0].order);
    const auto progress = keys::progress(reader_of_all, first[0].order);
    const bool whole = GENERATE(true, false);
    CAPTURE(whole);
    const auto key = whole ? run.view() : progress.view();
    REQUIRE(
        opened.value->db().Put({}, opened.value->handle(family::queue), slice(key), "\xFF").ok());
  }
  m.open();
  const auto page = m.owed(reader_of_all);
  CHECK(page.end);
  CHECK(m.reports.size() == 1);
  // Without the record of what is settled all of the run comes again.
  CHECK((page.messages.size() == 2 || page.messages.size() == 5));
  CHECK(page.messages.back().body->payload() == "1 ");
}

}  // namespace
}  // namespace troupe::storage
