#include "tests/unit/storage/store_fixture.hpp"

#include <map>

namespace troupe::storage {
namespace {

using namespace test;

std::map<std::uint64_t, session_record> sessions_of(rocks_store& store) {
  std::map<std::uint64_t, session_record> found;
  for (std::uint16_t shard = 0; shard < store.shards(); ++shard) {
    store.each_session(static_cast<shard_id>(shard), [&](session_record record) {
      CHECK(number(record.id.shard()) == shard);
      found[record.id.value] = std::move(record);
    });
  }
  return found;
}

std::vector<std::string> filters_of(rocks_store& store, session_id id) {
  std::vector<std::string> found;
  store.each_subscription(id.shard(), [&](session_id owner, subscription_record record) {
    if (owner == id) found.push_back(record.filter);
  });
  return found;
}

TEST_CASE("a session comes back as it was written", "[store]") {
  memory_store m;
  session_record record;
  record.id = session(2, 7);
  record.client_id = "pump-7";
  record.username = "plant";
  record.version = mqtt::protocol_version::v3_1_1;
  record.expiry = 0xFFFFFFFF;
  record.disconnected_at = 1'700'000'000'123;
  auto& will = record.will.emplace();
  will.topic = "dead";
  will.payload = std::string("\0\xFF", 2);
  will.level = mqtt::qos::exactly_once;
  will.retain = true;
  will.delay = 5;
  will.expiry = 0;
  will.properties = "p";
  transaction writes;
  writes.put_session(record);
  REQUIRE(m.commit(std::move(writes)).ok);
  m.reopen();

  const auto found = sessions_of(*m.store);
  REQUIRE(found.size() == 1);
  const auto& back = found.at(record.id.value);
  CHECK(back.client_id == "pump-7");
  CHECK(back.username == "plant");
  CHECK(back.version == mqtt::protocol_version::v3_1_1);
  CHECK(back.expiry == 0xFFFFFFFF);
  CHECK(back.disconnected_at == record.disconnected_at);
  REQUIRE(back.will);
  CHECK(back.will->payload == will.payload);
  CHECK(back.will->level == mqtt::qos::exactly_once);
  CHECK(back.will->retain);
  CHECK(back.will->delay == 5);
  CHECK(back.will->expiry == std::optional<std::uint32_t>(0));
  CHECK(back.will->properties == "p");
  CHECK(m.store->next_session_count(static_cast<shard_id>(2)) == 8);
  CHECK(m.store->next_session_count(static_cast<shard_id>(1)) == 1);
}

TEST_CASE("subscriptions are put, replaced and erased by filter", "[store]") {
  memory_store m;
  const auto id = session(1, 1);
  subscription_record subscription;
  subscription.filter = "$share/g/a/+";
  subscription.options.maximum_qos = mqtt::qos::exactly_once;
  subscription.options.no_local = true;
  subscription.options.retain_as_published = true;
  subscription.options.retain = mqtt::retain_handling::do_not_send;
  subscription.subscription_id = 268'435'455;
  transaction writes;
  writes.put_subscription(id, subscription);
  writes.put_subscription(id, {"b", {}, 0});
  writes.put_subscription(id, {"c", {}, 0});
  writes.erase_subscription(id, "b");
  REQUIRE(m.commit(std::move(writes)).ok);
  m.reopen();

  CHECK(filters_of(*m.store, id) == std::vector<std::string>{"$share/g/a/+", "c"});
  m.store->each_subscription(id.shard(), [&](session_id, subscription_record back) {
    if (back.filter == "c") return;
    CHECK(back.options == subscription.options);
    CHECK(back.subscription_id == subscription.subscription_id);
  });
}

TEST_CASE("QoS 2 state of both directions comes back", "[store]") {
  memory_store m;
  const auto id = session(0, 3);
  transaction writes;
  writes.put_received(id, {1});
  writes.put_received(id, {65535});
  writes.put_received(id, {2});
  writes.erase_received(id, 2);
  writes.put_outgoing(id, {9, 44, false});
  writes.put_outgoing(id, {9, 44, true});
  writes.put_outgoing(id, {10, 45, false});
  writes.erase_outgoing(id, 10);
  REQUIRE(m.commit(std::move(writes)).ok);
  REQUIRE(m.commit(sole_message(id, {static_cast<shard_id>(1), 1}, "x")).ok);
  m.reopen();

  const auto contents = m.contents(id);
  CHECK_FALSE(contents.failed);
  CHECK(contents.received == std::vector<received_record>{{1}, {65535}});
  REQUIRE(contents.outgoing.size() == 1);
  CHECK(contents.outgoing[0].id == 9);
  CHECK(contents.outgoing[0].order == 44);
  CHECK(contents.outgoing[0].released);
  CHECK(contents.queued == 1);
  CHECK(contents.queued_bytes == 10);
  CHECK(m.contents(session(0, 4)).received.empty());
}

TEST_CASE("an erased session leaves nothing, even when written to late", "[store]") {
  memory_store m;
  const auto gone = session(1, 1);
  const auto other = session(1, 2);
  const log_position shared{static_cast<shard_id>(3), 1};
  transaction writes;
  for (const auto id : {gone, other}) {
    session_record record;
    record.id = id;
    writes.put_session(record);
    writes.put_subscription(id, {"a/#", {}, 0});
    writes.put_received(id, {1});
    writes.put_outgoing(id, {2, 1, false});
  }
  writes.append(shared, *text("a/b", "shared"), 2);
  writes.owe(gone, terms_of(), shared);
  writes.owe(other, terms_of(), shared);
  const auto first = m.commit(std::move(writes));
  for (std::uint64_t i = 2; i < 4000; ++i) {
    m.store->commit(sole_message(gone, {static_cast<shard_id>(3), i}, "mine"), nullptr);
  }
  transaction erase;
  erase.erase_session(gone, "gone");
  m.store->commit(std::move(erase), nullptr);

  SECTION("swept while it runs") {
    m.drain();
  }
  SECTION("swept at a clean end in the middle") {
    m.store->pump();  // the commits and one slice
    m.reopen();
    CHECK(filters_of(*m.store, gone).empty());
    m.drain();
  }
  // Late: a repeated settlement must not take the body from the other session.
  transaction late;
  late.settle(gone, shared_place(first, 0, shared));
  m.commit(std::move(late));

  CHECK(sessions_of(*m.store).size() == 1);
  CHECK(m.owed(gone).messages.empty());
  CHECK(filters_of(*m.store, gone).empty());
  CHECK(filters_of(*m.store, other).size() == 1);
  CHECK(m.contents(gone).received.empty());
  CHECK(m.contents(gone).outgoing.empty());
  REQUIRE(m.owed(other).messages.size() == 1);
  CHECK(m.owed(other).messages[0].body->payload() == "shared");
}

TEST_CASE("what is owed to a session after its erasure is released at once", "[store]") {
  memory_store m;
  const auto gone = session(1, 1);
  const auto other = session(1, 2);
  transaction erase;
  erase.erase_session(gone, "gone");
  REQUIRE(m.commit(std::move(erase)).ok);

  const log_position at{static_cast<shard_id>(0), 1};
  transaction late;
  late.append(at, *text("a", "x"), 2);
  late.owe(gone, terms_of(), at);
  late.owe(other, terms_of(), at);
  const auto result = m.commit(std::move(late));
  REQUIRE(result.ok);
  CHECK(m.owed(gone).messages.empty());
  const auto page = m.owed(other);
  REQUIRE(page.messages.size() == 1);
  CHECK(page.messages[0].place.order == result.first_order + 1);
  transaction settle;
  settle.settle(other, page.messages[0].place);
  REQUIRE(m.commit(std::move(settle)).ok);
  m.reopen();
  CHECK(m.store->current().bodies == 0);
}

TEST_CASE("numbers are never given twice, across clean ends and crashes", "[store]") {
  memory_store m;
  const auto id = session(1, 5);
  session_record record;
  record.id = id;
  transaction writes;
  writes.put_session(record);
  REQUIRE(m.commit(std::move(writes)).ok);
  const std::string large(20'000, 'a');  // has a place in the log
  const auto first = m.commit(sole_message(id, {static_cast<shard_id>(2), 9}, large)).first_order;
  m.reopen();
  CHECK(m.store->next_offset(static_cast<shard_id>(2)) == 10);
  CHECK(m.store->next_session_count(static_cast<shard_id>(1)) == 6);
  const auto second = m.commit(sole_message(id, {static_cast<shard_id>(2), 10}, "b")).first_order;
  CHECK(second == first + 1);
}

}  // namespace
}  // namespace troupe::storage
