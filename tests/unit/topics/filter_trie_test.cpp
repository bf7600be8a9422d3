#include "protocol/topics/filter_trie.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "tests/support/catch.hpp"

using namespace troupe::topics;

namespace {

struct subscriber {
  std::uint64_t id = 0;
  std::uint32_t options = 0;
  std::uint64_t key() const noexcept { return id; }
};
using trie = filter_trie<subscriber>;

/// Counts how often it is copied.
struct counted_entry {
  counted_entry(std::uint64_t key, std::uint64_t* count) : id(key), copies(count) {}
  counted_entry(const counted_entry& other) : id(other.id), copies(other.copies) { ++*copies; }
  counted_entry(counted_entry&&) = default;
  counted_entry& operator=(const counted_entry&) = default;
  counted_entry& operator=(counted_entry&&) = default;
  std::uint64_t key() const noexcept { return id; }

  std::uint64_t id;
  std::uint64_t* copies;
};

struct named_entry {
  std::string name;
  const std::string& key() const noexcept { return name; }
};

/// All numbers hash alike: what an attacker would need to find.
struct colliding_traits {
  using key_type = int;
  static int key_of(const int& item) noexcept { return item; }
  static std::uint64_t hash(int) noexcept { return 42; }
};

using hits = std::multiset<std::uint64_t>;

hits matched(const trie& in, std::string_view topic) {
  hits found;
  in.match(topic, [&](std::span<const subscriber> run) {
    for (const subscriber& each : run) found.insert(each.id);
  });
  return found;
}

std::string random_name(std::mt19937_64& random, bool filter) {
  static const char* words[] = {"a", "b", "c", "", "$SYS", "long-level-name-of-a-device-42"};
  const std::size_t depth = 1 + random() % 5;
  std::string name;
  for (std::size_t i = 0; i < depth; ++i) {
    if (i) name += '/';
    const auto choice = random() % 10;
    if (filter && choice < 3) {
      name += '+';
    } else if (filter && choice < 4) {
      name += '#';
      break;
    } else {
      name += words[random() % std::size(words)];
    }
  }
  return name.empty() ? "x" : name;
}

}  // namespace

TEST_CASE("an entry is added, replaced, found and erased", "[topics]") {
  trie live;
  CHECK(live.empty());
  CHECK(live.insert("a/+/b", {1, 10}) == insertion::added);
  CHECK(live.insert("a/+/b", {1, 20}) == insertion::replaced);
  CHECK(live.insert("a/+/b", {2, 30}) == insertion::added);
  CHECK(live.insert("a/#", {1, 40}) == insertion::added);
  CHECK(live.entry_count() == 3);
  CHECK(live.filter_count() == 2);
  REQUIRE(live.find("a/+/b", 1));
  CHECK(live.find("a/+/b", 1)->options == 20);
  CHECK_FALSE(live.find("a/+", 1));
  CHECK_FALSE(live.find("a/+/b", 3));
  CHECK(matched(live, "a/x/b") == hits{1, 1, 2});
  CHECK(matched(live, "a") == hits{1});
  CHECK_FALSE(live.erase("a/+/b", 3));
  CHECK_FALSE(live.erase("a/+/+", 1));
  CHECK(live.erase("a/+/b", 1));
  CHECK(live.erase("a/+/b", 2));
  CHECK(matched(live, "a/x/b") == hits{1});
  CHECK(live.erase("a/#", 1));
  CHECK(live.empty());
  CHECK(live.filter_count() == 0);
  CHECK(matched(live, "a/x/b").empty());
}

TEST_CASE("a snapshot stays as it was", "[topics]") {
  const trie first = trie().with("a/+", {1}).with("b/#", {2});
  const trie second = first.with("a/+", {3}).without("b/#", 2);
  CHECK(matched(first, "a/x") == hits{1});
  CHECK(matched(first, "b/x") == hits{2});
  CHECK(matched(second, "a/x") == hits{1, 3});
  CHECK(matched(second, "b/x").empty());
  CHECK(first.entry_count() == 2);
  CHECK(second.entry_count() == 2);
}

TEST_CASE("keys may be text", "[topics]") {
  filter_trie<named_entry> live;
  CHECK(live.insert("a/+", {"group one"}) == insertion::added);
  CHECK(live.insert("a/+", {"group one"}) == insertion::replaced);
  CHECK(live.find("a/+", "group one"));
  CHECK(live.erase("a/+", "group one"));
}

TEST_CASE("filters deeper than the limit are refused, deeper topics still match", "[topics]") {
  trie live;
  std::string deep(max_levels, '/');  // one level too many
  CHECK(live.insert(deep, {1}) == insertion::refused);
  deep.pop_back();
  CHECK(live.insert(deep, {1}) == insertion::added);
  CHECK(live.insert(deep.substr(1) + "#", {2}) == insertion::added);
  CHECK(live.insert("#", {3}) == insertion::added);
  CHECK(matched(live, deep) == hits{1, 2, 3});
  CHECK(matched(live, std::string(65535, '/')) == hits{2, 3});
  CHECK(live.erase(deep, 1));
  CHECK_FALSE(live.erase(std::string(max_levels, '/'), 1));
}

TEST_CASE("equal hashes end in a list that works", "[topics]") {
  persistent_set<int, colliding_traits> all;
  for (int i = 0; i < 50; ++i) CHECK(all.insert(i));
  CHECK_FALSE(all.insert(7));
  const auto before = all;
  for (int i = 0; i < 50; ++i) {
    REQUIRE(all.find(i));
    CHECK(all.erase(i));
    CHECK_FALSE(all.find(i));
    CHECK(before.find(i));
  }
  CHECK(all.empty());
}

TEST_CASE("the trie agrees with matches() on random filters", "[topics]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::map<std::pair<std::string, std::uint64_t>, std::uint32_t> model;
    trie live;
    std::vector<std::pair<trie, decltype(model)>> snapshots;
    for (int i = 0; i < 2000; ++i) {
      const std::string filter = random_name(random, true);
      const std::uint64_t id = random() % 40;
      if (random() % 3) {
        const auto value = static_cast<std::uint32_t>(i);
        const bool fresh = model.insert_or_assign({filter, id}, value).second;
        REQUIRE(live.insert(filter, {id, value}) ==
                (fresh ? insertion::added : insertion::replaced));
      } else {
        REQUIRE(live.erase(filter, id) == (model.erase({filter, id}) == 1));
      }
      if (i % 250 == 249) snapshots.emplace_back(live, model);
    }
    for (const auto& [snapshot, expected] : snapshots) {
      REQUIRE(snapshot.entry_count() == expected.size());
      std::set<std::string> filters;
      for (const auto& each : expected) filters.insert(each.first.first);
      REQUIRE(snapshot.filter_count() == filters.size());
      decltype(model) listed;
      snapshot.for_each([&](std::string_view filter, const subscriber& each) {
        REQUIRE(listed.emplace(std::pair(std::string(filter), each.id), each.options).second);
      });
      REQUIRE(listed == expected);
      for (int i = 0; i < 50; ++i) {
        const std::string topic = random_name(random, false);
        hits naive;
        for (const auto& each : expected) {
          if (matches(each.first.first, topic)) naive.insert(each.first.second);
        }
        REQUIRE(matched(snapshot, topic) == naive);
      }
    }
    while (!model.empty()) {
      const auto key = model.begin()->first;
      REQUIRE(live.erase(key.first, key.second));
      model.erase(model.begin());
    }
    REQUIRE(live.empty());
  }
}

TEST_CASE("overlaps() and covers() agree with matches() on small filters", "[topics]") {
  const std::vector<std::string> words{"a", "$b", ""};
  std::vector<std::string> topics;
  std::vector<std::string> filters{"#"};
  for (const auto& one : words) {
    topics.push_back(one);  // "", which nobody can publish to, overlaps "+" and "/#"
    for (const auto& two : words) {
      topics.push_back(one + "/" + two);
      for (const auto& three : words) topics.push_back(one + "/" + two + "/" + three);
    }
  }
  std::vector<std::string> levels_of = words;
  levels_of.push_back("+");
  for (const auto& one : levels_of) {
    if (!one.empty()) filters.push_back(one);
    filters.push_back(one + "/#");
    for (const auto& two : levels_of) {
      filters.push_back(one + "/" + two);
      filters.push_back(one + "/" + two + "/#");
    }
  }
  // A topic of four levels shows that "#" reaches beyond all that "+" can name.
  const auto size = topics.size();
  for (std::size_t i = 0; i < size; ++i) topics.push_back(topics[i] + "/deeper/still");
  for (const auto& left : filters) {
    for (const auto& right : filters) {
      bool both = false;
      bool all = true;
      for (const auto& topic : topics) {
        const bool in_left = matches(left, topic);
        const bool in_right = matches(right, topic);
        both = both || (in_left && in_right);
        all = all && (in_left || !in_right);
      }
      CAPTURE(left, right);
      CHECK(overlaps(left, right) == both);
      // Not the reverse: "+" has instances outside the words of this test.
      if (!all) CHECK_FALSE(covers(left, right));
    }
  }
}

TEST_CASE("readers match snapshots while a writer changes the trie", "[topics]") {
  std::shared_ptr<const trie> published = std::make_shared<trie>();
  std::mutex guard;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        std::shared_ptr<const trie> seen;
        {
          std::lock_guard lock(guard);
          seen = published;
        }
        // The writer adds and removes ids 2n and 2n+1 together.
        if (matched(*seen, "a/b/c").size() % 2 != 0) ++wrong;
        trie own(*seen);
        own.insert("a/#", {1'000'000});
        if (matched(own, "a/b/c").size() % 2 != 1) ++wrong;
      }
    });
  }
  trie live;
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t pair = random() % 200;
    const char* filter = pair % 2 ? "a/+/c" : "a/#";
    if (live.find(filter, pair * 2)) {
      live.erase(filter, pair * 2);
      live.erase(filter, pair * 2 + 1);
    } else {
      live.insert(filter, {pair * 2});
      live.insert(filter, {pair * 2 + 1});
    }
    auto next = std::make_shared<const trie>(live);
    std::lock_guard lock(guard);
    published = std::move(next);
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  CHECK(wrong == 0);
}

TEST_CASE("a hundred thousand siblings and entries cost no linear work", "[topics]") {
  using clock = std::chrono::steady_clock;
  constexpr std::uint64_t many = 100'000;
  std::uint64_t copies = 0;
  filter_trie<counted_entry> live;
  for (std::uint64_t i = 0; i < many; ++i) {
    live.insert("dev/" + std::to_string(i) + "/+", {i, &copies});
    live.insert("all/#", {i, &copies});
  }
  CHECK(live.entry_count() == 2 * many);
  CHECK(copies == 0);  // nobody holds a snapshot
  std::size_t total = 0;
  const auto count = [&](std::span<const counted_entry> run) { total += run.size(); };
  live.match("all/x", count);
  CHECK(total == many);
  live.match("dev/77777/x", count);
  CHECK(total == many + 1);

  constexpr std::uint64_t changes = 10'000;
  filter_trie<counted_entry> held;
  const auto start = clock::now();
  for (std::uint64_t i = 0; i < changes; ++i) {
    held = live;  // what a reader would hold: every change copies its path
    live.insert("all/#", {many + i, &copies});
    live.insert("dev/new" + std::to_string(i) + "/+", {i, &copies});
  }
  const std::chrono::duration<double, std::micro> spent = clock::now() - start;
  std::cout << "insert beside 100,000 others while a snapshot is held: "
            << spent.count() / (2.0 * changes) << " us\n";
  // At most 32 entries in each of the four or so nodes on the way.
  CHECK(copies / changes < 200);
}

TEST_CASE("figures: 100,000 random wildcard filters", "[topics]") {
  using clock = std::chrono::steady_clock;
  std::mt19937_64 random(11);
  std::vector<std::string> filters;
  const auto word = [&](const char* stem, int range) {
    return stem + std::to_string(random() % static_cast<std::uint64_t>(range));
  };
  for (int i = 0; i < 100'000; ++i) {
    std::string filter = word("site", 100) + "/" + word("line", 50) + "/" + word("device", 10000);
    filter += random() % 2 ? "/#" : "/+/state";
    filters.push_back(std::move(filter));
  }
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
  const auto before = mallinfo2().uordblks;
#endif
  const auto build_start = clock::now();
  trie live;
  for (std::size_t i = 0; i < filters.size(); ++i) live.insert(filters[i], {i});
  const std::chrono::duration<double, std::micro> built = clock::now() - build_start;
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
  std::cout << "bytes per filter: "
            << static_cast<double>(mallinfo2().uordblks - before) /
                   static_cast<double>(live.filter_count())
            << "\n";
#endif
  std::cout << "build, per filter: " << built.count() / static_cast<double>(filters.size())
            << " us\n";
  std::vector<std::string> topics;
  for (int i = 0; i < 10'000; ++i) {
    std::string topic = filters[random() % filters.size()];
    std::replace(topic.begin(), topic.end(), '+', 'x');
    std::replace(topic.begin(), topic.end(), '#', 'y');
    topics.push_back(std::move(topic));
  }
  std::size_t found = 0;
  const auto match_start = clock::now();
  for (int round = 0; round < 10; ++round) {
    for (const auto& topic : topics) {
      live.match(topic, [&](std::span<const subscriber> run) { found += run.size(); });
    }
  }
  const std::chrono::duration<double, std::micro> spent = clock::now() - match_start;
  std::cout << "match: " << spent.count() / 100'000.0 << " us\n";
  CHECK(found >= 100'000);
}
