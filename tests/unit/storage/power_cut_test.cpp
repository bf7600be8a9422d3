#include "storage/database.hpp"
#include "storage/records/record_keys.hpp"
#include "tests/unit/storage/store_fixture.hpp"
#include "tests/unit/storage/volatile_disk.hpp"

#include <random>

namespace troupe::storage {
namespace {

using namespace test;

constexpr auto brief_session = 1U;  // is owed every third message, settled as soon as stored
constexpr auto all_session = 2U;    // is owed every message
constexpr auto half_session = 4U;   // is owed a copy of each, even numbers are settled at once

std::vector<owed_message> queue_of(rocks_store& store, session_id id) {
  std::vector<owed_message> all;
  for (bool end = false; !end;) {
    std::optional<owed_page> page;
    store.read_owed(id, all.empty() ? 0 : all.back().place.order, 1000, 1 << 20,
                    [&](owed_page got) { page = std::move(got); });
    while (store.pump() > 0) {
    }
    REQUIRE(page);
    REQUIRE_FALSE(page->failed);
    for (auto& message : page->messages) all.push_back(std::move(message));
    end = page->end;
  }
  return all;
}

/// Gives work to a store; `acknowledged` is the last number that was answered.
struct workload {
  explicit workload(rocks_store& to) : store(to) {}

  /// Several messages in one transaction.
  void publish(std::size_t payload_size) {
    transaction writes;
    std::vector<stored_place> brief;
    std::vector<stored_place> half;
    for (auto count = 1 + number % 5; count > 0; --count) {
      const log_position at{static_cast<shard_id>(1), ++number};
      auto payload = std::to_string(number) + " ";
      payload.resize(std::max(payload_size, payload.size()), 'x');
      const auto body = text("t", payload);
      if (number % 3 == 0) {
        writes.append(at, *body, 2);
        writes.owe(session(0, all_session), terms_of(), at);
        brief.push_back(writes.owe(session(0, brief_session), terms_of(), at));
      } else {
        writes.owe(session(0, all_session), terms_of(), *body, at);
      }
      const auto copy = writes.owe(session(0, half_session), terms_of(), *body,
                                   {static_cast<shard_id>(3), number});
      if (number % 2 == 0) half.push_back(copy);
    }
    const auto orders = writes.orders();
    store.commit(std::move(writes), [=, this, n = number](const commit_result& result) {
      REQUIRE(result.ok);
      acknowledged = n;
      transaction settled;
      for (auto place : half) settle(settled, half_session, orders, place, result);
      for (auto place : brief) {
        settle(settled, brief_session, orders, place, result);
        store.commit(std::move(settled), nullptr);
        settled = {};
      }
      store.commit(std::move(settled), nullptr);
    });
  }

  static void settle(transaction& writes, std::uint64_t whose, const owed_orders& orders,
                     stored_place place, const commit_result& result) {
    orders.resolve(place, result.first_order);
    writes.settle(session(0, whose), place);
  }

  rocks_store& store;
  std::uint64_t number = 0;
  std::uint64_t acknowledged = 0;
};

/// Opens what is left: every message up to some number, each once and whole,
/// and counts that agree. The number.
std::uint64_t check_remains(const std::string& directory) {
  std::vector<std::string> reports;
  store_options options;
  options.directory = directory;
  options.shards = 4;
  options.threads = false;
  options.report = [&](std::string_view sentence) { reports.emplace_back(sentence); };
  auto opened = open_store(options);
  INFO(opened.error);
  REQUIRE(opened.store);
  auto& store = *opened.store;
  const auto all = queue_of(store, session(0, all_session));
  std::uint64_t last = 0;
  std::uint64_t last_offset = 0;
  transaction settled;
  for (const auto& message : all) {
    REQUIRE(std::stoull(std::string(message.body->payload())) == last + 1);
    ++last;
    last_offset = std::max(last_offset, message.place.body_offset);
    settled.settle(session(0, all_session), message.place);
  }
  CHECK(store.next_offset(static_cast<shard_id>(1)) > last_offset);
  for (const auto& message : queue_of(store, session(0, brief_session))) {
    REQUIRE(message.place.body_offset <= last);
    settled.settle(session(0, brief_session), message.place);
  }
  std::uint64_t odd = 1;
  for (const auto& message : queue_of(store, session(0, half_session))) {
    const auto number = std::stoull(std::string(message.body->payload()));
    REQUIRE(number <= last);
    if (number % 2 == 1) {
      REQUIRE(number == odd);
      odd += 2;
    }
    settled.settle(session(0, half_session), message.place);
  }
  REQUIRE(odd > last);
  // Numbers go on above all that was ever given out.
  stored_place next;
  store.commit(sole_message(session(0, 3), {static_cast<shard_id>(2), 1}, "x"),
               [&](const commit_result& result) { next = place_of(result); });
  while (store.pump() > 0) {
  }
  CHECK((all.empty() || next.order > all.back().place.order));
  settled.settle(session(0, 3), next);
  store.commit(std::move(settled), nullptr);
  store.close();
  CHECK(reports.empty());
  auto db = database::open(options);
  INFO(db.error);
  REQUIRE(db.value);
  for (const auto which : {family::log, family::log_refs, family::queue}) {
    CHECK_FALSE(database::range(*db.value, which, {}, {}).valid());
  }
  return last;
}

struct outcome {
  std::uint64_t acknowledged = 0;
  std::uint64_t found = 0;
};

/// Works until a random moment, loses, and looks what is left.
outcome lose(durability mode, volatile_disk::loss what, unsigned seed, std::size_t payload_size,
             std::uint64_t messages) {
  const temporary_directory place;
  std::mt19937 random(seed);
  volatile_disk disk(rocksdb::Env::Default());
  outcome result;
  const auto remains = place.path + "/remains";
  {
    store_options options;
    options.directory = place.store();
    options.shards = 4;
    options.threads = false;
    options.durability = mode;
    options.env = &disk;
    auto opened = open_store(options);
    INFO(opened.error);
    REQUIRE(opened.store);
    workload work(*opened.store);
    while (work.number < messages) {
      for (auto i = random() % 8; i > 0; --i) work.publish(payload_size);
      opened.store->pump();
    }
    disk.remains(place.store(), remains, what, random);
    result.acknowledged = work.acknowledged;
  }
  result.found = check_remains(remains);
  return result;
}

TEST_CASE("what was acknowledged outlives the process in both modes", "[store][power]") {
  const auto mode = GENERATE(durability::process, durability::fsync);
  const auto seed = GENERATE(range(1U, 6U));
  CAPTURE(seed, mode == durability::fsync);
  const auto result = lose(mode, volatile_disk::loss::nothing, seed, 0, 300);
  CHECK(result.found >= result.acknowledged);
}

TEST_CASE("with fsync what was acknowledged outlives a power cut", "[store][power]") {
  const auto seed = GENERATE(range(1U, 11U));
  CAPTURE(seed);
  const auto result = lose(durability::fsync, volatile_disk::loss::unsynced, seed, 0, 300);
  CHECK(result.found >= result.acknowledged);
}

TEST_CASE("without fsync a power cut takes the youngest and leaves no hole", "[store][power]") {
  const auto seed = GENERATE(range(1U, 21U));
  CAPTURE(seed);
  // check_remains() is the test: whatever the cut left opens and agrees.
  const auto result = lose(durability::process, volatile_disk::loss::unsynced, seed, 0, 300);
  CHECK(result.found <= 350);
}

TEST_CASE("the clean-up after an erased session goes on where the process died", "[store][power]") {
  const auto slices = GENERATE(1, 2, 5);
  CAPTURE(slices);
  const temporary_directory place;
  std::mt19937 random(1);
  volatile_disk disk(rocksdb::Env::Default());
  const auto gone = session(0, brief_session);
  const auto stays = session(0, all_session);
  store_options options;
  options.directory = place.store();
  options.shards = 4;
  options.threads = false;
  options.env = &disk;
  {
    auto opened = open_store(options);
    INFO(opened.error);
    REQUIRE(opened.store);
    auto& store = *opened.store;
    for (std::uint64_t i = 1; i <= 8000; ++i) {
      const log_position at{static_cast<shard_id>(i % 4), i};
      const bool shared = i % 2 == 0;
      transaction writes;
      const auto body = text("t", std::to_string(i));
      if (shared) {
        writes.append(at, *body, 2);
        writes.owe(gone, terms_of(), at);
        writes.owe(stays, terms_of(), at);
      } else {
        writes.owe(gone, terms_of(), *body, at);
      }
      store.commit(std::move(writes), nullptr);
    }
    transaction erase;
    erase.erase_session(gone, "gone");
    store.commit(std::move(erase), nullptr);
    for (int i = 0; i < slices; ++i) store.pump();
    disk.remains(place.store(), place.path + "/remains", volatile_disk::loss::nothing, random);
  }
  options.directory = place.path + "/remains";
  options.env = nullptr;
  const auto owed_to_gone = [&] {
    auto db = database::open(options);
    REQUIRE(db.value);
    std::size_t count = 0;
    database::range all(*db.value, family::queue, keys::session(gone).view(),
                        keys::session(stays).view());
    for (; all.valid(); all.next()) ++count;
    return count;
  };
  static_assert(all_session > brief_session);
  CHECK(owed_to_gone() > 0);
  {
    auto opened = open_store(options);
    REQUIRE(opened.store);
    while (opened.store->pump() > 0) {
    }
    CHECK(queue_of(*opened.store, gone).empty());
    CHECK(queue_of(*opened.store, stays).size() == 4000);
  }
  CHECK(owed_to_gone() == 0);
  auto db = database::open(options);
  REQUIRE(db.value);
  std::size_t bodies = 0;
  for (database::range all(*db.value, family::log, {}, {}); all.valid(); all.next()) ++bodies;
  CHECK(bodies == 4000);
}

TEST_CASE("a power cut among table files leaves no hole", "[store][power]") {
  const auto mode = GENERATE(durability::process, durability::fsync);
  const auto seed = GENERATE(range(1U, 4U));
  CAPTURE(seed, mode == durability::fsync);
  // More than memory holds before it becomes tables: bodies in the log, or in runs.
  const bool large = GENERATE(true, false);
  CAPTURE(large);
  const auto result =
      large ? lose(mode, volatile_disk::loss::unsynced, seed, 60'000, 300 + 100 * seed)
            : lose(mode, volatile_disk::loss::unsynced, seed, 6'000, 3'000 + 1'000 * seed);
  if (mode == durability::fsync) CHECK(result.found >= result.acknowledged);
  CHECK(result.found > 0);
}

}  // namespace
}  // namespace troupe::storage
