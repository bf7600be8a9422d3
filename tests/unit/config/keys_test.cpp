#include "actors/config/keys.hpp"

#include "actors/config/changes.hpp"
#include "actors/config/example.hpp"
#include "actors/config/load.hpp"
#include "actors/config/suggest.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

using namespace troupe::config;

namespace {

/// Above the working folder, which is the build's: the name of this file may be
/// relative to wherever the compiler ran.
std::filesystem::path example_path() {
  const std::filesystem::path file = "tools/packaging/troupe.toml";
  for (auto folder = std::filesystem::current_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    if (std::filesystem::exists(folder / file)) return folder / file;
  }
  return std::filesystem::path(__FILE__).parent_path() / "../../.." / file;
}

std::string shipped_example() {
  std::ifstream file(example_path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Every commented key made active; prose stays prose.
std::string uncommented(const std::string& text) {
  std::string result;
  bool line_begins = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_prose = i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == '\n';
    if (line_begins && text[i] == '#' && !is_prose) {
      line_begins = false;
      continue;
    }
    result += text[i];
    line_begins = text[i] == '\n';
  }
  return result;
}

/// The sample as a value: the tests' own reading of one TOML literal.
configuration with_sample(const key<configuration>& which) {
  const auto dot = which.name.find('.');
  const std::string toml = "[" + std::string(which.name.substr(0, dot)) + "]\n" +
                           std::string(which.name.substr(dot + 1)) + " = " +
                           std::string(which.sample) + "\n";
  const auto result = load_text(toml, "t.toml", {});
  for (const problem& each : result.problems) UNSCOPED_INFO(to_string(each));
  REQUIRE(result.ok());
  return result.value;
}

}  // namespace

TEST_CASE("the sample of every key is valid, and its default unless it says otherwise") {
  for (const auto& each : node_keys()) {
    INFO(each.name);
    const configuration value = with_sample(each);
    CHECK((each.same(value, configuration{}) == each.fallback.empty()));
  }
}

TEST_CASE("keys are told once and explained") {
  std::set<std::string_view> names;
  for (const auto& each : node_keys()) {
    CHECK(names.insert(each.name).second);
    CHECK_FALSE(each.doc.empty());
  }
  names.clear();
  for (const auto& each : listener_keys()) {
    CHECK(names.insert(each.name).second);
    CHECK_FALSE(each.doc.empty());
  }
}

TEST_CASE("the shipped example is the one that the table of keys makes") {
  // Run with TROUPE_WRITE_EXAMPLE=1 to renew the file after a change of the table.
  if (std::getenv("TROUPE_WRITE_EXAMPLE") != nullptr)
    std::ofstream(example_path(), std::ios::binary) << example_file();
  CHECK(shipped_example() == example_file());
}

TEST_CASE("the shipped example as it is changes nothing") {
  const auto result = load_text(shipped_example(), "troupe.toml", {});
  REQUIRE(result.ok());
  CHECK(result.value == load_text("", "", {}).value);
}

TEST_CASE("the shipped example with every key active loads and holds every key") {
  const std::string text = uncommented(shipped_example());
  const auto result = load_text(text, "troupe.toml", {});
  for (const problem& each : result.problems) UNSCOPED_INFO(to_string(each));
  REQUIRE(result.ok());
  CHECK(result.value.listeners.size() == 3);
  CHECK(result.value.listeners[1].tls.ca == "/etc/troupe/tls/ca.pem");
  CHECK(result.value.auth.password_file == "/etc/troupe/passwd");
  for (const auto& each : node_keys()) {
    INFO(each.name);
    CHECK(text.find("\n" + std::string(each.name.substr(each.name.find('.') + 1)) + " = ") !=
          std::string::npos);
  }
  for (const auto& each : listener_keys()) {
    INFO(each.name);
    CHECK(text.find("\n" + std::string(each.name.substr(each.name.find('.') + 1)) + " = ") !=
          std::string::npos);
  }
}

TEST_CASE("a reload says what changed and what has to wait") {
  configuration before;
  configuration after = before;
  CHECK(describe_changes(before, after).empty());

  after.limits.max_inflight = 5;
  after.node.shards = 8;
  after.listeners[0].tls.certificate = "new.pem";
  after.listeners[0].bind.port = 1;
  after.listeners[1].name = "web";
  const std::vector<change> expected{
      {"node.shards", false},        {"limits.max_inflight", true},
      {"listeners.tcp.bind", false}, {"listeners.tcp.tls.certificate", true},
      {"listeners.ws", false},       {"listeners.web", false}};
  CHECK(describe_changes(before, after) == expected);
}

TEST_CASE("after a reload the keys that can be reloaded are in force, the others are not") {
  configuration before;
  configuration after = before;
  after.limits.max_inflight = 5;
  after.node.shards = 8;
  after.listeners[0].max_connections = 3;
  after.listeners[0].bind.port = 1;
  after.listeners.push_back(after.listeners[0]);
  after.listeners.back().name = "more";
  const configuration now = with_reloadable(before, after);
  CHECK(now.limits.max_inflight == 5);
  CHECK(now.node.shards == before.node.shards);
  REQUIRE(now.listeners.size() == 2);
  CHECK(now.listeners[0].max_connections == 3);
  CHECK(now.listeners[0].bind.port == 1883);
}

TEST_CASE("the table compares everything that a configuration holds") {
  // Whatever a reload does not describe would be lost in silence.
  const auto all = load_text(uncommented(example_file()), "troupe.toml", {}).value;
  configuration copy;
  for (const auto& each : node_keys()) each.copy(copy, all);
  copy.listeners.assign(all.listeners.size(), {});
  for (std::size_t i = 0; i < all.listeners.size(); ++i)
    for (const auto& each : listener_keys()) each.copy(copy.listeners[i], all.listeners[i]);
  CHECK(copy == all);
}

TEST_CASE("spelling distance counts swaps as one") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "abc") == 0);
  CHECK(edit_distance("abc", "acb") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("nothing is suggested for what is far from every key") {
  CHECK(nearest("zebra", {"node.name"}).empty());
  CHECK(nearest(std::string(100'000, 'a'), {"node.name"}).empty());
  CHECK(nearest("node.nmae", {"node.name", "log.level"}) == "node.name");
}
