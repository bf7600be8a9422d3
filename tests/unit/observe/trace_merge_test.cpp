#include "actors/observe/routes/trace/trace_merge.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace troupe::observe;
using nlohmann::json;

namespace {

std::string ordered(std::uint64_t value) {
  std::string out(8, '\0');
  for (std::size_t i = 8; i-- > 0; value >>= 8) out[i] = static_cast<char>(value & 0xFF);
  return out;
}

admin_row event(std::uint64_t at, std::uint64_t seq, const std::string& node,
                const std::string& peer = {}) {
  json e = {{"at_us", at}, {"seq", seq}, {"node", node}, {"text", "x"}};
  if (!peer.empty()) e["peer"] = peer;
  return {"\1" + ordered(at) + ordered(seq) + node, e.dump()};
}

admin_row head(const std::string& node, const std::string& id, bool knows, bool running = true) {
  json h = {{"node", node}, {"id", id}, {"now", 5}};
  if (knows) {
    h["spec"] = {{"name", "t"}, {"slot", "4"}};
    h["show"] = {{"name", "t"}, {"type", "topic"}};
    h["running"] = running;
    h["events"] = 10;
    h["lost"] = 1;
  }
  return {std::string(1, '\0') + node, h.dump()};
}

}  // namespace

TEST_CASE("what nodes say of a trace is one row, and who does not know it is found", "[trace]") {
  const auto all =
      overview_of({head("n1", "aa", true), head("n2", "bb", true, false), head("n3", "cc", false)});
  REQUIRE(all.traces.size() == 1);
  const auto& t = all.traces.at("t");
  CHECK(t.shown["events"] == 20);
  CHECK(t.shown["lost"] == 2);
  CHECK(t.shown["status"] == "running");
  CHECK(t.slot == 4);
  CHECK(t.nodes == std::vector<std::string>{"n1", "n2"});
  CHECK(all.missing(t) == std::vector<std::string>{"n3"});
  CHECK(all.names.at("cc") == "n3");
  CHECK(all.now_ms == 5);
  CHECK(overview_of({{"x", "no json"}}).traces.empty());
}

TEST_CASE("events of nodes come in pages by time, each once, whatever comes meanwhile", "[trace]") {
  std::vector<admin_row> rows{event(5, 1, "n1"), event(1, 1, "n2"), event(9, 2, "n2"),
                              event(7, 2, "n1", "bb")};
  std::ranges::sort(rows, {}, &admin_row::key);
  const auto first = page_of_log(rows, false, {}, 3, {{"bb", "n2"}});
  REQUIRE(first.events.size() == 3);
  CHECK(first.more);
  CHECK(first.events[0]["node"] == "n2");
  CHECK(first.events[1]["at_us"] == 5);
  CHECK(first.events[2]["peer"] == "n2");
  CHECK_FALSE(first.events[0].contains("seq"));
  CHECK(first.places == trace_places{{"n1", 2}, {"n2", 1}});

  // n1 has something of earlier meanwhile: it comes all the same, as its number is higher.
  const auto next = page_of_log({event(6, 3, "n1"), event(9, 2, "n2")}, false, first.places, 3, {});
  CHECK(next.events.size() == 2);
  CHECK_FALSE(next.more);
  CHECK(next.places == trace_places{{"n1", 3}, {"n2", 2}});
  CHECK(page_of_log({}, false, next.places, 3, {}).places == next.places);
  CHECK(page_of_log({}, true, next.places, 3, {}).more);
}

TEST_CASE("places of nodes are a text and back", "[trace]") {
  const trace_places places{{"n1", 0}, {"a=b", 18}};
  trace_places read;
  CHECK(read_places(text_of(places), read));
  CHECK(read == places);
  for (const auto* bad : {"n1", "=4", "n1=", "n1=x", "n1=4&", "&", "n1=99999999999999999999999"}) {
    INFO(bad);
    trace_places none;
    CHECK(read_places(bad, none) == (std::string(bad) == "n1=4&"));
  }
}
