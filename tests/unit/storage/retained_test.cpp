#include "storage/database.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/retained_scan.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <algorithm>
#include <random>

namespace troupe::storage {
namespace {

using namespace test;

shard_id shard_of(std::string_view topic) {
  return static_cast<shard_id>(std::hash<std::string_view>{}(topic) % 4);
}

std::vector<std::string> levels_of(std::string_view from) {
  std::vector<std::string> levels(1);
  for (const char c : from) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back().push_back(c);
    }
  }
  return levels;
}

/// The rule of MQTT written as plainly as can be.
bool plainly_matches(std::string_view filter, std::string_view topic) {
  const auto wanted = levels_of(filter);
  const auto levels = levels_of(topic);
  if (topic.front() == '$' && (wanted[0] == "+" || wanted[0] == "#")) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "#") return true;
    if (i >= levels.size()) return false;
    if (wanted[i] != "+" && wanted[i] != levels[i]) return false;
    if (i + 1 == levels.size() && i + 2 == wanted.size() && wanted[i + 1] == "#") return true;
  }
  return wanted.size() == levels.size();
}

/// Few names with the bytes around '/' and '$', so that orders get tested.
std::string random_topic(std::mt19937& random, bool filter) {
  static const std::vector<std::string> names = {"",  "a",  "b",  "a-",  "a0",      "a.",
                                                 "#", "$s", "ab", "a b", "\xC3\xA9"};
  std::string topic;
  const auto depth = 1 + random() % 4;
  for (std::size_t i = 0; i < depth; ++i) {
    if (i > 0) topic.push_back('/');
    const auto dice = random() % 4;
    if (filter && dice == 0) {
      topic.push_back('+');
    } else if (filter && dice == 1 && i + 1 == depth) {
      topic.push_back('#');
    } else {
      const auto& name = names[random() % names.size()];
      topic += name == "#" ? "z" : name;
    }
  }
  return topic.empty() ? "a" : topic;
}

void put(memory_store& m, const std::string& topic, std::string_view payload,
         std::int64_t expires_at = 0) {
  transaction writes;
  writes.put_retained(shard_of(topic), *text(topic, payload, expires_at));
  m.store->commit(std::move(writes), nullptr);
}

TEST_CASE("wildcard queries find what a plain comparison finds", "[store][retained]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  memory_store m;
  m.store.reset();
  m.options.shard_of = shard_of;
  m.options.retained_memory = GENERATE(0U, 64U << 20);
  m.open();
  m.drain();
  std::vector<std::string> topics;
  for (int i = 0; i < 600; ++i) topics.push_back(random_topic(random, false));
  std::sort(topics.begin(), topics.end());
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  for (const auto& topic : topics) put(m, topic, "x");
  m.drain();
  REQUIRE(m.store->current().retained == topics.size());

  for (int i = 0; i < 300; ++i) {
    const auto filter = random_topic(random, true);
    std::vector<std::string> expected;
    for (const auto& topic : topics) {
      if (plainly_matches(filter, topic)) expected.push_back(topic);
    }
    auto found = m.retained(filter, 1 + random() % 7);
    std::sort(found.begin(), found.end());
    CAPTURE(filter);
    CHECK(found == expected);
  }
}

TEST_CASE("a scan always moves on and skips what cannot match", "[store][retained]") {
  using kind = retained_scan::step::kind;
  const std::string filter = "a/+/b";
  const retained_scan scan(filter);
  CHECK(scan.first() == "a/");
  CHECK(scan.examine("a/x/b").what == kind::matches);
  CHECK(scan.examine("a/x/a").to == "a/x/b");
  CHECK(scan.examine("a/x/b/c").to == "a/x/b0");
  CHECK(scan.examine("a/x/c").to == "a/x0");
  CHECK(scan.examine("a/x").to == std::string("a/x\0", 4));
  CHECK(retained_scan("a/x/b").examine("a/x").to == "a/x/");
  CHECK(scan.examine("b").what == kind::finished);
  const retained_scan all("#");
  CHECK(all.examine("$SYS/x").to == "%");
  std::mt19937 random(4);
  for (int i = 0; i < 20000; ++i) {
    const auto some_filter = random_topic(random, true);
    const auto topic = random_topic(random, false);
    const auto step = retained_scan(some_filter).examine(topic);
    CAPTURE(some_filter, topic);
    REQUIRE((step.what == kind::matches) == plainly_matches(some_filter, topic));
    if (step.what == kind::skip) REQUIRE(step.to > topic);
  }
}

TEST_CASE("retained messages are replaced, erased and counted", "[store][retained]") {
  memory_store m;
  SECTION("with the shard of a topic known") {
    m.store.reset();
    m.options.shard_of = shard_of;
    m.open();
  }
  SECTION("without") {}
  put(m, "a", "1");
  put(m, "a", "2");
  put(m, "b", "1");
  m.drain();
  put(m, "b", "2");
  transaction writes;
  writes.erase_retained(shard_of("a"), "a");
  writes.erase_retained(shard_of("a"), "a");
  writes.erase_retained(shard_of("never"), "never");
  writes.put_retained(shard_of("c"), *text("c", "1"));
  writes.erase_retained(shard_of("c"), "c");
  REQUIRE(m.commit(std::move(writes)).ok);
  CHECK(m.store->current().retained == 1);
  CHECK(m.retained("a").empty());
  CHECK(m.retained("b") == std::vector<std::string>{"b"});
  m.reopen();
  CHECK(m.store->current().retained == 1);
  CHECK(m.retained("#") == std::vector<std::string>{"b"});
}

TEST_CASE("expired retained messages are left out and go", "[store][retained]") {
  memory_store m;
  m.store.reset();
  m.options.shard_of = shard_of;
  m.open();
  put(m, "x/short", "1", 100);
  put(m, "x/long", "1", 200);
  put(m, "x/ever", "1");
  m.drain();
  CHECK(m.retained("x/+", 10, 99).size() == 3);
  CHECK(m.store->current().retained == 3);
  CHECK(m.retained("x/+", 10, 100).size() == 2);
  CHECK(m.store->current().retained == 2);
  CHECK(m.retained("x/long", 10, 200).empty());
  CHECK(m.store->current().retained == 1);

  // One that is replaced before the tidying comes stays.
  put(m, "y", "old", 100);
  m.drain();
  m.store->read_retained("y", {}, 1, 150, [&](retained_page page) {
    CHECK(page.messages.empty());
    put(m, "y", "new");
  });
  m.drain();
  CHECK(m.retained("y", 1, 150).size() == 1);
  CHECK(m.store->current().retained == 2);

  // Several that one page has met.
  for (const auto* topic : {"z/1", "z/22", "z/333"}) put(m, topic, "1", 100);
  m.drain();
  CHECK(m.store->current().retained == 5);
  CHECK(m.retained("z/+", 10, 150).empty());
  CHECK(m.store->current().retained == 2);
}

TEST_CASE("a page is bounded by bytes and its work by steps", "[store][retained]") {
  memory_store m;
  for (int i = 0; i < 5; ++i) put(m, "big/" + std::to_string(i), std::string(600'000, 'x'));
  for (int i = 0; i < 25'000; ++i) put(m, "n/" + std::to_string(i) + "/x", "");
  m.drain();
  std::optional<retained_page> page;
  m.store->read_retained("big/+", {}, 1000, 1, [&](retained_page got) { page = std::move(got); });
  m.drain();
  REQUIRE(page);
  CHECK(page->messages.size() <= 2);
  CHECK_FALSE(page->next.empty());
  CHECK(m.retained("big/#").size() == 5);
  CHECK(m.retained("n/+/y").empty());
  CHECK(m.retained("n/24999/+").size() == 1);
}

TEST_CASE("pages go on where they stopped, whatever changes between them", "[store][retained]") {
  memory_store m;
  m.store.reset();
  m.options.shard_of = shard_of;
  m.options.retained_memory = GENERATE(0U, 64U << 20);
  m.open();
  m.drain();
  for (int i = 0; i < 100; ++i) put(m, "p/" + std::to_string(100 + i), "x");
  m.drain();
  std::vector<std::string> found;
  std::string cursor;
  std::mt19937 random(5);
  do {
    std::optional<retained_page> page;
    m.store->read_retained("p/+", cursor, 7, 1, [&](retained_page got) { page = std::move(got); });
    m.drain();
    REQUIRE(page);
    for (const auto& message : page->messages) found.emplace_back(message.body->topic());
    cursor = page->next;
    // The one that the cursor names (if it reads the table) goes, one that was shown changes, others come.
    const auto named = cursor.empty() ? cursor : cursor.substr(std::min<std::size_t>(cursor.size(), 3));
    if (named.starts_with("p/")) {
      transaction writes;
      writes.erase_retained(shard_of(named), named);
      m.commit(std::move(writes));
      found.push_back(named);  // gone, so not to be missed
    }
    put(m, found.front(), "changed");
    put(m, "q/" + std::to_string(random()), "x");
    m.drain();
  } while (!cursor.empty());
  std::sort(found.begin(), found.end());
  CHECK(found.size() == 100);
  CHECK(std::unique(found.begin(), found.end()) == found.end());
}

TEST_CASE("a damaged retained message is reported, the others are read", "[store][retained]") {
  memory_store m;
  for (const auto* topic : {"a", "b", "c"}) put(m, topic, "x");
  m.drain();
  m.store.reset();
  {
    auto db = database::open(m.options);
    REQUIRE(db.value);
    const auto key = std::string(keys::shard(number(shard_of("b"))).view()) + "b";
    REQUIRE(db.value->db()
                .Put(rocksdb::WriteOptions(), db.value->handle(family::retained), key, "\xFF")
                .ok());
  }
  m.open();
  m.drain();
  CHECK(m.retained("+").size() == 2);
  CHECK(m.reports.size() == 1);
  CHECK(m.retained("b").empty());
  put(m, "b", "new");
  m.drain();
  CHECK(m.retained("+").size() == 3);
}

}  // namespace
}  // namespace troupe::storage
