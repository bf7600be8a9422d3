#include "storage/replication/gone_sessions.hpp"
#include "tests/unit/storage/store_fixture.hpp"

namespace troupe::storage {
namespace {

using namespace test;

constexpr auto shard = static_cast<shard_id>(1);
const auto who = session(1, 1);

/// A store whose shard 1 is replicated, with what its log would do.
struct replica : memory_store {
  replica() : memory_store(4, true) {}

  commit_result apply(transaction writes, std::uint64_t at = 0) {
    if (at == 0) at = ++index;
    writes.applied(shard, at, 3);
    return commit(std::move(writes));
  }
  shard_marks marks() const { return store->marks(shard); }
  std::vector<std::string> payloads(session_id id = who) {
    std::vector<std::string> out;
    for (const auto& m : owed(id).messages) out.emplace_back(m.body->payload());
    return out;
  }

  std::uint64_t index = 0;
};

TEST_CASE("an entry is applied once", "[store][replication]") {
  replica r;
  CHECK(r.marks() == shard_marks{});
  CHECK(r.apply(sole_message(who, {shard, 4}, "one")).first_order == 1);
  CHECK(r.apply(sole_message(who, {shard, 5}, "two")).first_order == 2);
  shard_marks expected;
  expected.index = 2;
  expected.term = 3;
  expected.next_order = 3;
  CHECK(r.marks() == expected);  // small bodies take no place in the log
  SECTION("while running") {}
  SECTION("after a restart") {
    r.reopen();
  }
  CHECK(r.apply(sole_message(who, {shard, 4}, "one"), 1).ok);
  CHECK(r.apply(sole_message(who, {shard, 5}, "two"), 2).ok);
  CHECK(r.marks() == expected);
  CHECK(r.payloads() == std::vector<std::string>{"one", "two"});
  // Indices of what is no transaction are skipped, or given as empty ones.
  CHECK(r.apply({}, 7).ok);
  CHECK(r.marks().index == 7);
  r.reopen();
  CHECK(r.marks().index == 7);
  CHECK(r.store->marks(static_cast<shard_id>(2)) == shard_marks{});
}

TEST_CASE("order numbers are given by who proposes", "[store][replication]") {
  replica r;
  auto writes = sole_message(who, {shard, 1}, "one");
  writes.first_order(10);
  CHECK(r.apply(std::move(writes)).first_order == 10);
  CHECK(r.marks().next_order == 11);
  CHECK(r.apply(sole_message(who, {shard, 1}, "two")).first_order == 11);
  const auto page = r.owed(who);
  REQUIRE(page.messages.size() == 2);
  CHECK(page.messages[0].place.order == 10);
  CHECK(page.through == 11);
  SECTION("never twice") {
    auto again = sole_message(who, {shard, 1}, "again");
    again.first_order(11);
    const auto result = r.apply(std::move(again));
    CHECK_FALSE(result.ok);
    // All replicas say so: it counts as applied.
    CHECK(r.marks().index == 3);
    CHECK(r.payloads().size() == 2);
  }
  SECTION("for each shard by itself") {
    transaction other = sole_message(session(2, 1), {static_cast<shard_id>(2), 1}, "x");
    other.applied(static_cast<shard_id>(2), 1, 1);
    CHECK(r.commit(std::move(other)).first_order == 1);
    CHECK(r.owed(session(2, 1)).through == 1);
    CHECK(r.owed(who).through == 11);
    CHECK(r.owed(session(3, 1)).through == 0);
  }
}

TEST_CASE("marks are those of what was applied", "[store][replication]") {
  replica r;
  transaction writes;
  session_record record;
  record.id = session(1, 41);
  record.client_id = "c";
  writes.put_session(record);
  writes.owe(record.id, terms_of(), *text("t", std::string(20'000, 'x')), {shard, 99});
  r.apply(std::move(writes));
  const auto before = r.marks();
  CHECK(before.next_offset == 100);
  CHECK(before.next_session_count == 42);
  CHECK(r.store->next_offset(shard) == 100);
  r.reopen();
  CHECK(r.marks() == before);
}

TEST_CASE("what is not an entry of one shard's log is refused", "[store][replication]") {
  replica r;
  CHECK_FALSE(r.commit(sole_message(who, {shard, 1}, "x")).ok);
  transaction numbered = sole_message(who, {shard, 1}, "x");
  numbered.first_order(1);
  CHECK_FALSE(r.commit(std::move(numbered)).ok);
  CHECK_FALSE(r.apply(sole_message(session(2, 1), {shard, 1}, "x")).ok);
  transaction far;
  far.applied(static_cast<shard_id>(4), 1, 1);
  CHECK_FALSE(r.commit(std::move(far)).ok);
  CHECK(r.marks() == shard_marks{});
  memory_store single;
  transaction entry = sole_message(who, {shard, 1}, "x");
  entry.applied(shard, 1, 1);
  CHECK_FALSE(single.commit(std::move(entry)).ok);
}

TEST_CASE("a replicated directory is one of a cluster from then on", "[store][replication]") {
  memory_store m;
  const auto before = m.commit(sole_message(who, {shard, 7}, "before"));
  m.store.reset();
  m.options.replicated = true;
  // Other nodes would not get what a single one has.
  const auto alone = open_store(m.options);
  CHECK_FALSE(alone.store);
  CHECK(alone.error.find("data of a single node") != std::string::npos);
  m.options.replicated = false;
  m.open();
  transaction settled;
  settled.settle(who, place_of(before));
  m.commit(std::move(settled));
  m.store.reset();
  m.options.replicated = true;
  m.open();
  // Replicas begin equal: numbers that were given count no more.
  CHECK(m.store->marks(shard) == shard_marks{});
  transaction entry = sole_message(who, {shard, 8}, "after");
  entry.applied(shard, 1, 1);
  CHECK(m.commit(std::move(entry)).first_order == 1);
  CHECK(m.owed(who).messages.size() == 1);
  m.store.reset();
  m.options.replicated = false;
  const auto refused = open_store(m.options);
  CHECK_FALSE(refused.store);
  CHECK(refused.error.find("cluster") != std::string::npos);
  m.options.replicated = true;
  m.open();
}

TEST_CASE("what follows an entry that was not written is not written", "[store][replication]") {
  replica r;
  r.store.reset();
  r.options.backlog_limit = 10'000;
  r.open();
  std::vector<bool> ok;
  const auto give = [&](std::uint64_t index, std::size_t size) {
    auto writes = sole_message(who, {shard, index}, std::to_string(index) + std::string(size, 'x'));
    writes.applied(shard, index, 1);
    r.store->commit(std::move(writes),
                    [&](const commit_result& result) { ok.push_back(result.ok); });
  };
  give(1, 10);
  give(2, 20'000);  // too much
  give(3, 10);
  r.drain();
  give(4, 10);
  r.drain();
  CHECK(ok == std::vector<bool>{true, false, false, false});
  CHECK(r.marks().index == 1);
  ok.clear();
  give(2, 5'000);
  give(3, 10);
  r.drain();
  CHECK(ok == std::vector<bool>{true, true});
  CHECK(r.marks().index == 3);
}

TEST_CASE("erased sessions are remembered by their number", "[store][replication]") {
  replica r;
  session_record record;
  record.client_id = "c";
  const auto erase = [&](std::uint64_t count) {
    transaction writes;
    writes.erase_session(session(1, count), "c");
    r.apply(std::move(writes));
  };
  r.apply(sole_message(session(1, 1), {shard, 1}, "x"));
  erase(1);
  r.reopen();
  CHECK(r.apply(sole_message(session(1, 1), {shard, 1}, "late")).ok);
  CHECK(r.payloads(session(1, 1)).empty());
  for (std::uint64_t count = 2; count <= gone_sessions::remembered; ++count) erase(count);
  CHECK(r.apply(sole_message(session(1, 1), {shard, 1}, "late")).ok);
  CHECK(r.payloads(session(1, 1)).empty());
  erase(5000);
  r.apply({});
  r.reopen();
  CHECK(r.apply(sole_message(session(1, 1), {shard, 1}, "forgotten")).ok);
  CHECK(r.payloads(session(1, 1)).size() == 1);
}

TEST_CASE("erased sessions are swept before they are forgotten", "[store][replication]") {
  replica r;
  // All in one group: nothing is swept between them.
  std::uint64_t failed = 0;
  const auto give = [&](transaction writes) {
    writes.applied(shard, ++r.index, 1);
    r.store->commit(std::move(writes), [&](const commit_result& result) { failed += !result.ok; });
  };
  for (std::uint64_t count = 1; count <= 3000; ++count) {
    give(sole_message(session(1, count), {shard, count}, "x"));
    transaction writes;
    writes.erase_session(session(1, count), "c");
    give(std::move(writes));
  }
  give(sole_message(session(1, 1), {shard, 1}, "forgotten"));
  give(sole_message(session(1, 2999), {shard, 1}, "remembered"));
  r.drain();
  CHECK(failed == 0);
  CHECK(r.payloads(session(1, 1)).size() == 1);
  CHECK(r.payloads(session(1, 2999)).empty());
  CHECK(records(r, family::queue) == 1);
}

TEST_CASE("the limit of retained messages is one of the shard", "[store][replication]") {
  replica r;
  r.options.retained_memory = GENERATE(std::uint64_t{64} << 20, std::uint64_t{0});
  r.reopen();
  const auto keep = [&](std::uint16_t where, std::string_view topic, std::uint64_t at) {
    transaction writes;
    writes.put_retained(static_cast<shard_id>(where), *text(topic, "x"), 2);
    writes.applied(static_cast<shard_id>(where), at, 1);
    r.commit(std::move(writes));
  };
  keep(2, "b/1", 1);
  keep(2, "b/2", 2);
  keep(1, "a/1", 1);
  r.reopen();
  keep(1, "a/2", 2);
  keep(1, "a/3", 3);
  CHECK(r.retained("a/#").size() == 2);
  CHECK(r.retained("b/#").size() == 2);
  transaction erase;
  erase.erase_retained(shard, "a/1");
  r.apply(std::move(erase), 4);
  keep(1, "a/3", 5);
  CHECK(r.retained("a/#").size() == 2);
  CHECK(r.store->current().retained == 4);
}

TEST_CASE("retained messages expire by entries", "[store][replication]") {
  replica r;
  r.options.retained_memory = GENERATE(std::uint64_t{64} << 20, std::uint64_t{0});
  r.reopen();
  transaction writes;
  writes.put_retained(shard, *text("t", "x", 100));
  r.apply(std::move(writes));
  std::optional<retained_page> got;
  r.store->read_retained("t", "", 10, 200, [&](retained_page page) { got = std::move(page); });
  r.drain();
  REQUIRE(got);
  CHECK(got->messages.empty());
  REQUIRE(got->expired.size() == 1);
  CHECK(got->expired[0].shard == shard);
  CHECK(r.store->current().retained == 1);
  // In one group: what is replaced meanwhile stays, by what it says itself.
  std::uint64_t done = 0;
  const auto give = [&](transaction entry) {
    entry.applied(shard, ++r.index, 1);
    r.store->commit(std::move(entry), [&](const commit_result&) { ++done; });
  };
  transaction newer;
  newer.put_retained(shard, *text("t", "y", 300));
  give(std::move(newer));
  transaction expire;
  expire.expire_retained(shard, "t", 200);
  give(std::move(expire));
  SECTION("it stays") {
    r.drain();
    CHECK(r.retained("t").size() == 1);
  }
  SECTION("it goes") {
    transaction later;
    later.expire_retained(shard, "t", 300);
    give(std::move(later));
    r.drain();
    CHECK(r.store->current().retained == 0);
  }
}

TEST_CASE("queued is what was owed up to a moment", "[store][replication]") {
  replica r;
  r.apply(sole_message(who, {shard, 1}, "before"));
  const auto through = r.marks().next_order - 1;
  r.apply(sole_message(who, {shard, 2}, "after"));
  std::optional<session_contents> got;
  r.store->read_contents(who, through, [&](session_contents value) { got = std::move(value); });
  r.drain();
  REQUIRE(got);
  CHECK(got->queued == 1);
  CHECK(r.contents(who).queued == 2);
}

}  // namespace
}  // namespace troupe::storage
