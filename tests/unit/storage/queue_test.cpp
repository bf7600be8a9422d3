#include "tests/unit/storage/store_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <functional>

namespace troupe::storage {
namespace {

using namespace test;

constexpr auto log_shard = static_cast<shard_id>(1);

TEST_CASE("an owed message comes back with all that it was owed with", "[store]") {
  memory_store m;
  const auto id = session(3, 1);
  mqtt::message::fields fields;
  fields.topic = "plant/7";
  fields.payload = std::string_view("\0\x01", 2);
  fields.properties = "\x01\x01";
  fields.level = mqtt::qos::exactly_once;
  fields.retain = true;
  fields.expires_at = 99;
  fields.received_at = 88;
  fields.publisher = UINT64_MAX;
  const std::vector<std::uint32_t> ids{1, 268'435'455};
  owed_terms terms;
  terms.level = mqtt::qos::exactly_once;
  terms.retain = true;
  terms.subscription_ids = ids;
  terms.share = "$share/g/plant/+";
  terms.size = 123;
  // In the record, in the log because it is large, in the log because others get it as well.
  const auto where = GENERATE(body_place::inside, body_place::sole, body_place::shared);
  const std::string large(20'000, 'x');
  if (where == body_place::sole) fields.payload = large;
  const log_position at{log_shard, 1};
  const auto body = mqtt::message::make(fields);
  transaction writes;
  stored_place place;
  if (where == body_place::shared) {
    writes.append(at, *body, 2);
    place = writes.owe(id, terms, at);
    writes.owe(session(3, 2), terms, at);
  } else {
    place = writes.owe(id, terms, *body, at);
  }
  const auto orders = writes.orders();
  const auto result = m.commit(std::move(writes));
  REQUIRE(result.ok);
  orders.resolve(place, result.first_order);
  m.reopen();

  for (const auto& got : {m.owed(id).messages.at(0), m.one(id, result.first_order).value()}) {
    CHECK(got.place.order == result.first_order);
    CHECK(got.place.order == place.order);
    CHECK(got.place.body == where);
    CHECK(got.place.lone == (where != body_place::shared));
    CHECK(got.place.lone == place.lone);
    CHECK(got.place.body_offset == (where == body_place::inside ? 0 : 1));
    CHECK(got.entry.level == terms.level);
    CHECK(got.entry.retain);
    CHECK(std::ranges::equal(got.entry.subscription_ids, ids));
    CHECK(got.entry.share == terms.share);
    CHECK(got.entry.size == 123);
    CHECK(got.body->topic() == fields.topic);
    CHECK(got.body->payload() == fields.payload);
    CHECK(got.body->properties() == fields.properties);
    CHECK(got.body->level() == fields.level);
    CHECK(got.body->retain());
    CHECK(got.body->expires_at() == 99);
    CHECK(got.body->received_at() == 88);
    CHECK(got.body->publisher() == UINT64_MAX);
  }
  CHECK_FALSE(m.one(id, result.first_order + 1));
  CHECK_FALSE(m.one(session(3, 3), result.first_order));
}

TEST_CASE("pages follow one another and say where the queue ended", "[store]") {
  memory_store m;
  const auto id = session(0, 1);
  for (std::uint64_t i = 1; i <= 10; ++i) {
    m.commit(sole_message(id, {log_shard, i}, std::to_string(i)));
  }
  const auto elsewhere = m.commit(sole_message(session(0, 2), {log_shard, 11}, "other"));

  auto page = m.owed(id, 0, 4);
  REQUIRE(page.messages.size() == 4);
  CHECK_FALSE(page.end);
  page = m.owed(id, page.messages.back().place.order, 6);
  REQUIRE(page.messages.size() == 6);
  CHECK(page.end);
  CHECK(page.messages.back().body->payload() == "10");
  CHECK(page.through == elsewhere.first_order);
  page = m.owed(id, page.messages.back().place.order);
  CHECK(page.messages.empty());
  CHECK(page.end);
  CHECK(page.through == elsewhere.first_order);
  // A page always has one message, however small the limit.
  page = m.owed(id, 0, 100, 1);
  CHECK(page.messages.size() == 1);
  CHECK_FALSE(page.end);
}

TEST_CASE("the runs of a transaction are numbered in the order in which they were begun",
          "[store]") {
  memory_store m;
  transaction writes;
  const log_position at{log_shard, 1};
  writes.append(at, *text("t", "x"), 3);
  for (std::uint64_t k = 0; k < 3; ++k) writes.owe(session(0, k + 1), terms_of(), at);
  const auto result = m.commit(std::move(writes));
  for (std::uint64_t k = 0; k < 3; ++k) {
    CHECK(m.owed(session(0, k + 1)).messages.at(0).place.order == result.first_order + k);
  }
}

TEST_CASE("a read waits for what was given before it, and only for that", "[store]") {
  memory_store m;
  const auto id = session(0, 1);
  std::vector<std::size_t> seen;
  const auto read = [&] {
    m.store->read_owed(id, 0, 100, 1 << 20,
                       [&](owed_page page) { seen.push_back(page.messages.size()); });
  };
  read();
  m.store->commit(sole_message(id, {log_shard, 1}, "a"), nullptr);
  read();
  CHECK(seen.empty());
  m.store->pump();
  REQUIRE(seen.size() == 2);
  CHECK(seen[1] == 1);
}

TEST_CASE("waiting transactions are written together and answered in order", "[store]") {
  memory_store m;
  std::vector<order_no> answered;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    m.store->commit(sole_message(session(0, i), {log_shard, i}, "x"),
                    [&](const commit_result& result) { answered.push_back(result.first_order); });
  }
  m.drain();
  REQUIRE(answered.size() == 100);
  CHECK(std::is_sorted(answered.begin(), answered.end()));
  CHECK(m.store->current().commits == 100);
  CHECK(m.store->current().groups == 1);
  CHECK(m.store->current().backlog_bytes == 0);
}

TEST_CASE("what is more than the limit is refused with a sentence", "[store]") {
  memory_store m;
  m.store.reset();
  m.options.backlog_limit = 2000;
  m.open();
  std::vector<commit_result> results;
  for (std::uint64_t i = 1; i <= 2; ++i) {
    m.store->commit(sole_message(session(0, 1), {log_shard, i}, std::string(1200, 'x')),
                    [&](const commit_result& result) { results.push_back(result); });
  }
  m.drain();
  REQUIRE(results.size() == 2);
  CHECK(results[0].ok);
  CHECK_FALSE(results[1].ok);
  CHECK(results[1].error.find("too much") != std::string::npos);
  CHECK(m.owed(session(0, 1)).messages.size() == 1);
}

TEST_CASE("a closed store answers at once", "[store]") {
  memory_store m;
  bool finished = false;
  m.store->commit(sole_message(session(0, 1), {log_shard, 1}, "x"),
                  [&](const commit_result& result) { finished = result.ok; });
  m.store->close();
  CHECK(finished);
  bool refused = false;
  m.store->commit(sole_message(session(0, 1), {log_shard, 2}, "x"),
                  [&](const commit_result& result) { refused = !result.ok; });
  CHECK(refused);
  CHECK(m.owed(session(0, 1)).failed);
  CHECK(m.contents(session(0, 1)).failed);
}

TEST_CASE("readers beside the writer see every entry up to `through`", "[store]") {
  const temporary_directory place;
  store_options options;
  options.directory = place.store();
  options.shards = 4;
  auto opened = open_store(options);
  INFO(opened.error);
  REQUIRE(opened.store);
  auto& store = *opened.store;
  const auto id = session(2, 1);
  constexpr std::uint64_t total = 20000;

  std::atomic<bool> wrong{false};
  std::atomic<bool> all_seen{false};
  std::uint64_t seen = 0;  // readers hand over to each other: one page at a time
  order_no last = 0;
  std::atomic<std::uint64_t> acknowledged{0};
  std::function<void(owed_page)> on_page = [&](owed_page page) {
    for (const auto& message : page.messages) {
      if (message.place.order <= last || message.body->payload() != std::to_string(++seen))
        wrong = true;
      last = message.place.order;
    }
    if (page.end && page.through < last) wrong = true;
    if (seen == total) {
      all_seen = true;
    } else if (!wrong) {
      store.read_owed(id, last, 64, 1 << 16, on_page);
    }
  };
  store.read_owed(id, 0, 64, 1 << 16, on_page);
  for (std::uint64_t i = 1; i <= total; ++i) {
    store.commit(sole_message(id, {log_shard, i}, std::to_string(i)),
                 [&](const commit_result& result) {
                   if (!result.ok) wrong = true;
                   ++acknowledged;
                 });
  }
  CHECK(eventually([&] { return all_seen.load() || wrong.load(); }));
  CHECK_FALSE(wrong);
  store.close();
  CHECK(acknowledged == total);
  CHECK(store.current().groups < total);
}

TEST_CASE("what nobody waits for is written soon, and before it is read", "[store]") {
  const temporary_directory place;
  store_options options;
  options.directory = place.store();
  options.shards = 4;
  auto opened = open_store(options);
  INFO(opened.error);
  REQUIRE(opened.store);
  auto& store = *opened.store;
  const auto id = session(2, 1);
  // The first meets a writer that sleeps, the others one that has just been at work.
  for (std::uint64_t i = 1; i <= 5; ++i) {
    store.commit(sole_message(id, {log_shard, i}, "x"), nullptr);
    CHECK(eventually([&] { return store.current().commits == i; }));
  }
  for (std::uint64_t i = 6; i <= 200; ++i) {
    store.commit(sole_message(id, {log_shard, i}, "x"), nullptr);
    std::atomic<std::size_t> found{0};
    store.read_owed(id, 0, 1000, 1 << 20, [&](owed_page page) { found = page.messages.size(); });
    REQUIRE(eventually([&] { return found != 0; }));
    REQUIRE(found == i);
  }
}

}  // namespace
}  // namespace troupe::storage
