#include "storage/database.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <map>
#include <random>
#include <set>

namespace troupe::storage {
namespace {

using namespace test;

/// What the store should hold, kept in plain maps.
struct model {
  struct owed {
    log_position body;
    bool sole = false;
  };
  std::map<std::uint64_t, std::map<order_no, owed>> queues;  // by session
  std::set<std::uint64_t> erased;
  std::map<std::uint64_t, std::string> payloads;  // by offset
};

/// Records in a column family, counted by a look at the closed store's disk.
std::uint64_t records(memory_store& m, family which) {
  m.store.reset();
  std::uint64_t count = 0;
  {
    auto db = database::open(m.options);
    REQUIRE(db.value);
    for (database::range all(*db.value, which, {}, {}); all.valid(); all.next()) ++count;
  }
  m.open();
  return count;
}

void check_queues(memory_store& m, const model& expected) {
  for (const auto& [raw, queue] : expected.queues) {
    const auto page = m.owed(session_id{raw}, 0, 100'000, 1U << 30);
    REQUIRE(page.messages.size() == queue.size());
    auto entry = queue.begin();
    for (const auto& message : page.messages) {
      REQUIRE(message.order == entry->first);
      REQUIRE(message.body->payload() == expected.payloads.at(entry->second.body.offset));
      ++entry;
    }
  }
  CHECK(m.reports.empty());
}

TEST_CASE("no body goes early and none stays: random work against a model", "[store][model]") {
  const auto seed = GENERATE(11U, 12U, 13U, 14U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  memory_store m;
  model expected;
  std::uint64_t next_offset = 1;
  std::uint64_t next_session = 9;
  std::vector<session_id> alive;
  for (std::uint64_t i = 1; i <= 8; ++i) alive.push_back(session(i % 4, i));

  const auto publish = [&] {
    const log_position at{static_cast<shard_id>(random() % 4), next_offset++};
    const auto receivers = 1 + random() % 5;
    const bool sole = receivers == 1 && random() % 2 == 0;
    const auto payload = std::to_string(random());
    transaction writes;
    writes.append(at, *text("t", payload), static_cast<std::uint32_t>(receivers));
    std::vector<session_id> to;
    for (std::size_t i = 0; i < receivers; ++i) to.push_back(alive[(at.offset + i) % alive.size()]);
    for (const auto id : to) writes.owe(id, entry_of(at, sole));
    expected.payloads[at.offset] = payload;
    m.store->commit(std::move(writes), [&expected, to, at, sole](const commit_result& result) {
      REQUIRE(result.ok);
      for (std::size_t i = 0; i < to.size(); ++i) {
        if (expected.erased.count(to[i].value) > 0) continue;
        expected.queues[to[i].value][result.first_order + i] = {at, sole};
      }
    });
  };
  const auto settle = [&] {
    const auto id = alive[random() % alive.size()];
    auto& queue = expected.queues[id.value];
    if (queue.empty()) return;
    auto entry = queue.begin();
    std::advance(entry, random() % queue.size());
    transaction writes;
    const auto times = random() % 8 == 0 ? 2 : 1;  // a repetition does no harm
    for (int i = 0; i < times; ++i) {
      writes.settle(id, entry->first, entry->second.body, entry->second.sole);
    }
    queue.erase(entry);
    m.store->commit(std::move(writes), nullptr);
  };
  const auto erase = [&] {
    const auto which = random() % alive.size();
    const auto id = alive[which];
    m.drain();
    transaction writes;
    writes.erase_session(id, "c");
    expected.queues.erase(id.value);
    expected.erased.insert(id.value);
    m.store->commit(std::move(writes), nullptr);
    alive[which] = session(random() % 4, next_session++);
  };

  for (int step = 0; step < 3000; ++step) {
    const auto dice = random() % 100;
    if (dice < 50) {
      publish();
    } else if (dice < 90) {
      settle();
    } else if (dice < 96) {
      m.store->pump();
    } else if (dice < 98) {
      erase();
    } else if (dice == 98) {
      m.drain();
      m.reopen();
    } else {
      m.drain();
      check_queues(m, expected);
    }
  }
  m.drain();
  check_queues(m, expected);

  std::set<std::uint64_t> bodies;
  std::uint64_t entries = 0;
  for (const auto& [id, queue] : expected.queues) {
    entries += queue.size();
    for (const auto& [order, owed] : queue) bodies.insert(owed.body.offset);
  }
  CHECK(records(m, family::log) == bodies.size());
  CHECK(records(m, family::queue) == entries);

  for (const auto id : alive) {
    transaction writes;
    writes.erase_session(id, "c");
    m.commit(std::move(writes));
  }
  CHECK(records(m, family::log) == 0);
  CHECK(records(m, family::log_refs) == 0);
  CHECK(records(m, family::queue) == 0);
}

}  // namespace
}  // namespace troupe::storage
