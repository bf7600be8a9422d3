#include "actors/broker/inspect/page_rows.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace troupe::broker;
using troupe::observe::admin_answer;

TEST_CASE("keys of numbers are in the order of the numbers", "[inspect]") {
  CHECK(ordered(0) < ordered(1));
  CHECK(ordered(255) < ordered(256));
  CHECK(ordered(~std::uint64_t{5}) < ordered(~std::uint64_t{4}));
  CHECK(ordered(0x0102030405060708) == std::string("\1\2\3\4\5\6\7\10", 8));
}

TEST_CASE("pages put together have every row once, whatever order rows come in", "[inspect]") {
  std::mt19937_64 chance(7);
  std::vector<std::string> keys;
  for (int i = 0; i < 1'000; ++i) keys.push_back(ordered(chance()) + (i % 2 == 0 ? "a" : "b"));
  const std::set<std::string> all(keys.begin(), keys.end());
  for (const std::size_t limit : {1U, 7U, 100U, 999U, 1000U, 5000U}) {
    std::vector<std::string> seen;
    std::string after;
    bool more = true;
    std::size_t pages = 0;
    while (more) {
      REQUIRE(++pages <= 1'001);
      std::ranges::shuffle(keys, chance);
      std::vector<page_rows> parts(3, page_rows(after, limit));
      for (std::size_t i = 0; i < keys.size(); ++i) {
        auto& part = parts[i % 3];
        if (part.wants(keys[i])) CHECK(part.wants_some(keys[i].substr(0, 3)));
        part.add(keys[i], "{}");
      }
      const auto page = page_rows::merge(parts);
      CHECK(page.rows.size() <= limit);
      for (const auto& row : page.rows) seen.push_back(row.key);
      more = page.more;
      if (more) {
        REQUIRE_FALSE(page.rows.empty());
        after = page.rows.back().key;
      }
      if (limit == 1 && pages == 20) break;  // one by one takes too long
    }
    if (limit == 1) {
      CHECK(std::equal(seen.begin(), seen.end(), all.begin()));
      continue;
    }
    CHECK(std::vector<std::string>(all.begin(), all.end()) == seen);
  }
}

TEST_CASE("a page is bounded in bytes, and goes on behind its last row", "[inspect]") {
  const std::string large(100'000, 'x');
  std::set<std::string> seen;
  std::string after;
  for (int pages = 0;; ++pages) {
    REQUIRE(pages < 20);
    std::vector<page_rows> parts(2, page_rows(after, 1'000));
    for (int i = 0; i < 50; ++i) parts[i % 2].add(ordered(static_cast<std::uint64_t>(i)), large);
    const auto page = page_rows::merge(parts);
    REQUIRE_FALSE(page.rows.empty());
    CHECK(page.rows.size() * large.size() <= page_rows::most_bytes);
    for (const auto& row : page.rows) CHECK(seen.insert(row.key).second);
    if (!page.more) break;
    after = page.rows.back().key;
  }
  CHECK(seen.size() == 50);
}

TEST_CASE("behind the last row of a node that has more nothing of others is shown", "[inspect]") {
  std::vector<admin_answer> parts(2);
  parts[0].rows = {{"a", "{}"}, {"c", "{}"}};
  parts[0].more = true;  // "d" perhaps
  parts[1].rows = {{"b", "{}"}, {"e", "{}"}};
  const auto page = merge_pages(parts, 10);
  REQUIRE(page.rows.size() == 3);
  CHECK(page.rows.back().key == "c");
  CHECK(page.more);

  parts[0].more = false;
  const auto whole = merge_pages(parts, 10);
  CHECK(whole.rows.size() == 4);
  CHECK_FALSE(whole.more);
  CHECK(merge_pages(parts, 2).more);
  parts[1].status = 503;
  CHECK(merge_pages(parts, 10).rows.size() == 2);
}
