#include "storage/replication/transaction_codec.hpp"

#include "protocol/schema/stored.pb.h"
#include "tests/unit/storage/store_fixture.hpp"

#include <random>

namespace troupe::storage {
namespace {

using namespace test;

constexpr auto shard = static_cast<shard_id>(2);

stored_place settled_place(order_no order, std::uint16_t index, body_place body) {
  stored_place place;
  place.order = order;
  place.index = index;
  place.body = body;
  place.body_shard = body == body_place::inside ? shard_id{} : shard;
  place.body_offset = body == body_place::inside ? 0 : 77;
  return place;
}

session_record a_session(session_id id) {
  session_record record;
  record.id = id;
  record.client_id = "client";
  record.username = "user";
  record.expiry = 600;
  auto& will = record.will.emplace();
  will.topic = "will";
  will.payload = "gone";
  will.delay = 5;
  will.expiry = 9;
  return record;
}

/// Every operation that there is.
transaction everything() {
  const auto one = session(2, 1);
  const auto two = session(2, 2);
  transaction out;
  const log_position at{shard, 5};
  out.append(at, *text("shared", "body"), 2);
  auto terms = terms_of(20);
  const std::uint32_t ids[] = {1, 300, 70'000};
  terms.subscription_ids = ids;
  terms.share = "$share/g/t";
  terms.retain = true;
  terms.level = mqtt::qos::exactly_once;
  out.owe(one, terms, at);
  out.owe(two, terms_of(), at);
  out.owe(one, terms_of(), *text("inside", "small"), {shard, 6});
  out.owe(two, terms_of(), *text("large", std::string(20'000, 'x')), {shard, 7});
  out.put_retained(shard, *text("kept", "value", 99), 1000, {7, 8});
  out.erase_retained(shard, "kept/not");
  out.expire_retained(shard, "kept/old", 1234);
  out.put_received(one, {65535});
  out.put_received(one, {3, {5, 6}, false});
  out.erase_received(one, 1);
  out.put_origin(shard, {session(9, 3), static_cast<shard_id>(4), {1ULL << 40, 7}, 99});
  out.erase_origin(shard, {session(9, 4), static_cast<shard_id>(4), {}, 0});
  out.put_choice(shard, {session(9, 3), {1ULL << 40, 7}, {{"$share/g/t", two, true}}, true, 99});
  out.erase_choice(shard, session(9, 3), {1ULL << 40, 7});
  out.put_session(a_session(two));
  out.erase_session(session(2, 9), "nine");
  subscription_record subscription;
  subscription.filter = "$share/g/+/#";
  subscription.options.no_local = true;
  subscription.subscription_id = 12;
  out.put_subscription(two, subscription);
  out.erase_subscription(two, "a");
  out.settle(one, settled_place(40, 3, body_place::inside));
  out.settle(one, settled_place(41, 4, body_place::inside));  // merged
  out.settle(one, settled_place(50, 0, body_place::shared));
  out.settle(two, settled_place(60, 0, body_place::sole));
  out.put_outgoing(two, {7, 44, true});
  out.erase_outgoing(two, 8);
  out.first_order(1'000'000'000'000);
  return out;
}

TEST_CASE("a transaction comes back from its bytes", "[store][transaction codec]") {
  const auto bytes = transaction_codec::encode(everything());
  auto back = transaction_codec::decode(bytes);
  INFO(back.error);
  REQUIRE(back.error.empty());
  CHECK(back.value.owed() == 4);
  CHECK(back.value.shard() == shard);
  CHECK(transaction_codec::encode(back.value) == bytes);
  // The bytes are those of the schema.
  stored::transaction_record record;
  REQUIRE(record.ParseFromString(bytes));
  CHECK(record.writes_size() == 21);
  CHECK(record.runs_size() == 2);
  CHECK(record.first_order() == 1'000'000'000'000);
  CHECK(record.runs(0).run().items_size() == 2);
  CHECK(record.runs(0).run().items(1).body().topic() == "inside");
  // Which entry it becomes is not in its bytes.
  auto entry = everything();
  entry.applied(shard, 5, 6);
  CHECK(transaction_codec::encode(entry) == bytes);
}

TEST_CASE("an empty transaction comes back from its bytes", "[store][transaction codec]") {
  auto back = transaction_codec::decode(transaction_codec::encode({}));
  REQUIRE(back.error.empty());
  CHECK(back.value.empty());
  CHECK_FALSE(back.value.shard());
}

TEST_CASE("a transaction knows the one shard that it concerns", "[store][transaction codec]") {
  CHECK_FALSE(transaction().shard());
  CHECK(everything().shard() == shard);
  transaction empty;
  empty.applied(shard, 1, 1);
  CHECK(empty.empty());
  CHECK(empty.shard() == shard);
  const auto mixed = [](auto add) {
    auto writes = everything();
    add(writes);
    CHECK_FALSE(writes.shard());
    const auto back = transaction_codec::decode(transaction_codec::encode(writes));
    CHECK_FALSE(back.error.empty());
  };
  mixed([](transaction& w) { w.put_received(session(1, 1), {1}); });
  mixed([](transaction& w) { w.put_choice(static_cast<shard_id>(0), {session(2, 1), {1, 1}, {}, false, 1}); });
  mixed([](transaction& w) { w.put_origin(static_cast<shard_id>(0), {session(2, 1), shard, {1, 1}, 1}); });
  mixed([](transaction& w) { w.erase_retained(static_cast<shard_id>(0), "t"); });
  mixed([](transaction& w) { w.append({static_cast<shard_id>(3), 1}, *text("t", "x"), 2); });
  mixed([](transaction& w) { w.owe(session(3, 1), terms_of(), *text("t", "x"), {shard, 1}); });
  mixed([](transaction& w) {
    auto place = settled_place(1, 0, body_place::sole);
    place.body_shard = static_cast<shard_id>(1);
    w.settle(session(2, 1), place);
  });
  auto applied = everything();
  applied.applied(static_cast<shard_id>(1), 1, 1);
  CHECK_FALSE(applied.shard());
}

TEST_CASE("a body in the log of another shard is no transaction", "[store][transaction codec]") {
  transaction writes;
  writes.owe(session(2, 1), terms_of(), {static_cast<shard_id>(1), 1});
  const auto back = transaction_codec::decode(transaction_codec::encode(writes));
  CHECK(back.error.find("damaged") != std::string::npos);
}

TEST_CASE("a transaction of a newer version is refused", "[store][transaction codec]") {
  stored::transaction_record record;
  record.set_version(2);
  const auto back = transaction_codec::decode(record.SerializeAsString());
  CHECK(back.error.find("newer version") != std::string::npos);
}

TEST_CASE("operations that make no sense are no transaction", "[store][transaction codec]") {
  stored::transaction_record record;
  record.set_version(1);
  auto& write = *record.add_writes();
  const auto refused = [&] {
    return !transaction_codec::decode(record.SerializeAsString()).error.empty();
  };
  CHECK(refused());  // kind 0
  for (std::uint32_t kind = 0; kind < 32; ++kind) {
    CAPTURE(kind);
    write.Clear();
    write.set_kind(kind);
    CHECK(refused());  // nothing is allowed without a session, a name or a value
  }
  write.Clear();
  write.set_kind(11);
  write.set_session(session(1, 1).value);
  write.set_number(1);
  write.set_count(1);
  CHECK_FALSE(refused());
  write.set_count(1025);
  CHECK(refused());
  write.set_count(2);
  write.set_body(2);
  CHECK(refused());
}

TEST_CASE("damaged bytes give an error or a transaction that can be written",
          "[store][transaction codec]") {
  memory_store m(4, true);
  std::mt19937 random(7);
  const auto whole = transaction_codec::encode(everything());
  std::uint64_t index = 0;
  std::size_t accepted = 0;
  for (int round = 0; round < 4000; ++round) {
    auto bytes = whole;
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    for (auto changes = random() % 4; changes > 0 && !bytes.empty(); --changes) {
      // Mostly outside of the large body.
      const auto at = random() % std::min<std::size_t>(bytes.size(), 900);
      bytes[at] = static_cast<char>(random() % 3 == 0 ? random() : bytes[at] ^ (1 << random() % 8));
    }
    auto back = transaction_codec::decode(bytes);
    if (!back.error.empty()) {
      CHECK(back.error.back() == '.');
      continue;
    }
    ++accepted;
    const auto again = transaction_codec::decode(transaction_codec::encode(back.value));
    REQUIRE(again.error.empty());
    back.value.applied(back.value.shard().value_or(shard), ++index, 1);
    m.store->commit(std::move(back.value), nullptr);
    if (round % 100 == 0) m.drain();
  }
  m.drain();
  CHECK(accepted > 100);
}

}  // namespace
}  // namespace troupe::storage
