#include "actors/broker/inspect/topics/topic_counts.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <random>
#include <string>
#include <vector>

using nlohmann::json;
using troupe::broker::topic_counts;

TEST_CASE("pages of counted filters make up the whole, in whatever order subscriptions come",
          "[inspect]") {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::map<std::string, std::uint64_t> expected;
    std::vector<std::string> subscriptions;
    for (int i = 0; i < 200; ++i) {
      auto filter = "f/" + std::to_string(random() % 40);
      ++expected[filter];
      subscriptions.push_back(std::move(filter));
    }
    std::map<std::string, std::uint64_t> found;
    std::string after;
    const std::size_t limit = 1 + random() % 9;
    for (bool more = true; more;) {
      // As on three loops.
      std::vector<topic_counts> parts(3, topic_counts(after, limit));
      for (const auto& filter : subscriptions) parts[random() % 3].add(filter, {});
      topic_counts page(after, limit);
      for (const auto& part : parts) page.add(part);
      REQUIRE(page.rows().size() <= limit);
      for (const auto& [filter, count] : page.rows()) {
        REQUIRE(found.emplace(filter, count.subscriptions).second);
        after = filter;
      }
      more = page.more();
      REQUIRE((more || page.rows().empty() || found.size() == expected.size()));
    }
    CHECK(found == expected);
  }
}

TEST_CASE("groups are told once, and rows of nodes are added", "[inspect]") {
  topic_counts here("", 10);
  here.add("a/+", "g");
  here.add("a/+", "g");
  here.add("a/+", "h");
  here.add("a/+", {});
  topic_counts there("", 10);
  there.add("a/+", "i");
  there.add("a/+", "g");
  const auto row = [](const topic_counts& of) {
    return topic_counts::row_of("a/+", of.rows().at("a/+"));
  };
  CHECK(json::parse(topic_counts::sum(row(here), row(there))) ==
        json{{"topic", "a/+"}, {"subscriptions_cnt", 6}, {"groups_cnt", 3},
             {"groups", {"g", "h", "i"}}, {"groups_more", false}});
  CHECK(topic_counts::sum(row(here), "nonsense") == row(here));
}

TEST_CASE("the names of groups are bounded", "[inspect]") {
  topic_counts counts("", 10);
  for (std::size_t i = 0; i <= topic_counts::most_groups; ++i) counts.add("f", std::to_string(i));
  const auto row = json::parse(topic_counts::row_of("f", counts.rows().at("f")));
  CHECK(row.at("groups_cnt") == topic_counts::most_groups);
  CHECK(row.at("groups_more") == true);
  CHECK(row.at("subscriptions_cnt") == topic_counts::most_groups + 1);
}
