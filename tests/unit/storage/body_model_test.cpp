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
    stored_place place;
    std::string payload;
  };
  std::map<std::uint64_t, std::map<order_no, owed>> queues;  // by session
  std::map<order_no, std::uint32_t> run_sizes;
  std::set<std::uint64_t> erased;

  /// Records that a queue should have: runs, and how far those are settled that
  /// are settled in part.
  std::uint64_t records() const {
    std::map<order_no, std::uint32_t> left;
    for (const auto& [id, queue] : queues)
      for (const auto& [order, message] : queue) ++left[message.place.run()];
    std::uint64_t count = 0;
    for (const auto& [run, messages] : left) count += messages < run_sizes.at(run) ? 2 : 1;
    return count;
  }
  std::uint64_t bodies() const {
    std::set<std::uint64_t> offsets;
    for (const auto& [id, queue] : queues)
      for (const auto& [order, message] : queue)
        if (message.place.body != body_place::inside) offsets.insert(message.place.body_offset);
    return offsets.size();
  }
};

/// Gives random work to a store and to its model.
class random_work {
 public:
  explicit random_work(unsigned seed) : random_(seed) {
    for (std::uint64_t i = 1; i <= 8; ++i) alive.push_back(session(i % 4, i));
  }

  /// Several messages in one transaction, with overlapping receivers.
  void publish() {
    transaction writes;
    std::vector<given> all;
    for (auto messages = 1 + random_() % 6; messages > 0; --messages) owe_one(writes, all);
    auto orders = writes.orders();
    m.store->commit(std::move(writes), [this, all = std::move(all),
                                        orders = std::move(orders)](const commit_result& result) {
      REQUIRE(result.ok);
      for (auto message : all) {
        orders.resolve(message.place, result.first_order);
        auto& size = expected.run_sizes[message.place.run()];
        size = std::max(size, message.place.index + 1U);
        if (expected.erased.contains(message.to.value)) continue;
        expected.queues[message.to.value][message.place.order] = {message.place, message.payload};
      }
    });
  }

  void settle() {
    const auto id = alive[random_() % alive.size()];
    auto& queue = expected.queues[id.value];
    transaction writes;
    // Mostly in order, as clients do, and several at once.
    for (auto count = 1 + random_() % 5; count > 0 && !queue.empty(); --count) {
      auto entry = queue.begin();
      if (random_() % 3 == 0) std::advance(entry, random_() % queue.size());
      const auto times = random_() % 8 == 0 ? 2 : 1;  // a repetition does no harm
      for (int i = 0; i < times; ++i) writes.settle(id, entry->second.place);
      settled_.emplace_back(id, entry->second.place);
      queue.erase(entry);
    }
    // Neither does one that comes much later.
    if (!settled_.empty() && random_() % 16 == 0) {
      const auto& [whose, place] = settled_[random_() % settled_.size()];
      writes.settle(whose, place);
    }
    m.store->commit(std::move(writes), nullptr);
  }

  void erase() {
    const auto which = random_() % alive.size();
    const auto id = alive[which];
    m.drain();
    transaction writes;
    writes.erase_session(id, "c");
    expected.queues.erase(id.value);
    expected.erased.insert(id.value);
    m.store->commit(std::move(writes), nullptr);
    alive[which] = session(random_() % 4, next_session_++);
  }

  void check_queues() {
    m.drain();
    for (const auto& [raw, queue] : expected.queues) {
      const session_id id{raw};
      const auto size = 1 + random_() % 20;
      order_no after = 0;
      auto entry = queue.begin();
      for (bool end = false; !end;) {
        const auto page = m.owed(id, after, static_cast<std::uint32_t>(size));
        for (const auto& message : page.messages) {
          REQUIRE(entry != queue.end());
          REQUIRE(message.place.order == entry->first);
          REQUIRE(message.place.body == entry->second.place.body);
          REQUIRE(message.place.index == entry->second.place.index);
          REQUIRE(message.body->payload() == entry->second.payload);
          after = message.place.order;
          ++entry;
        }
        end = page.end;
      }
      REQUIRE(entry == queue.end());
    }
    CHECK(m.reports.empty());
  }

  memory_store m;
  model expected;
  std::vector<session_id> alive;

 private:
  struct given {
    session_id to;
    stored_place place;
    std::string payload;
  };

  void owe_one(transaction& writes, std::vector<given>& all) {
    const log_position at{static_cast<shard_id>(random_() % 4), next_offset_++};
    auto payload = std::to_string(random_());
    const auto receivers = 1 + random_() % 5;
    if (receivers == 1) {
      if (random_() % 8 == 0) payload.append(10'000, 'x');  // too large for the record
      const auto id = alive[random_() % alive.size()];
      all.push_back({id, writes.owe(id, terms_of(), *text("t", payload), at), payload});
      return;
    }
    writes.append(at, *text("t", payload), static_cast<std::uint32_t>(receivers));
    for (std::size_t i = 0; i < receivers; ++i) {
      const auto id = alive[(at.offset + i) % alive.size()];
      all.push_back({id, writes.owe(id, terms_of(), at), payload});
    }
  }

  std::mt19937 random_;
  std::vector<std::pair<session_id, stored_place>> settled_;
  std::uint64_t next_offset_ = 1;
  std::uint64_t next_session_ = 9;
};

TEST_CASE("no body goes early and none stays: random work against a model", "[store][model]") {
  const auto seed = GENERATE(range(11U, 19U));
  CAPTURE(seed);
  std::mt19937 random(seed);
  random_work work(seed);
  auto& m = work.m;
  for (int step = 0; step < 3000; ++step) {
    const auto dice = random() % 100;
    if (dice < 35) {
      work.publish();
    } else if (dice < 90) {
      work.settle();
    } else if (dice < 96) {
      m.store->pump();
    } else if (dice < 98) {
      work.erase();
    } else if (dice == 98) {
      m.drain();
      m.reopen();
    } else {
      work.check_queues();
    }
  }
  work.check_queues();
  CHECK(records(m, family::log) == work.expected.bodies());
  CHECK(records(m, family::queue) == work.expected.records());

  for (const auto id : work.alive) {
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
