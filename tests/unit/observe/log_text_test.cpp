#include "actors/observe/log_text.hpp"

#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <limits>
#include <string>

using namespace troupe::observe;

namespace {

std::string escaped(std::string_view text, std::size_t limit = 512) {
  std::string out;
  append_escaped(out, text, limit);
  return out;
}

}  // namespace

TEST_CASE("a human line shows the sentence, then fields") {
  const std::string client = "a1";
  CHECK(human_line(log_module::session, "Client connected",
                   {{"client", client}, {"keep_alive", 60}, {"clean", true}, {"load", 0.5}}) ==
        "session: Client connected client=a1 keep_alive=60 clean=true load=0.5");
  CHECK(human_line(log_module::net, "Closed", {{"reason", "timed out"}, {"client", ""}}, 7) ==
        "net: Closed reason=\"timed out\" client=\"\" left_out=7");
  CHECK(human_line(log_module::net, "x", {{"client", "a b=\"c\""}}) ==
        "net: x client=\"a b=\\\"c\\\"\"");
}

TEST_CASE("text from clients cannot forge a line or drive a terminal") {
  CHECK(escaped("a\nb\tc\rd") == "a\\nb\\tc\\u000dd");
  CHECK(escaped(std::string("\0\x1b[2J", 5)) == "\\u0000\\u001b[2J");
  CHECK(escaped("\x7f\xc2\x9b") == "\\u007f\\u009b");              // DEL and C1
  CHECK(escaped("\xe2\x80\xae\xe2\x80\xa8") == "\\u202e\\u2028");  // turns text around, ends lines
  CHECK(escaped("caf\xc3\xa9 \xf0\x9f\x98\x80") == "caf\xc3\xa9 \xf0\x9f\x98\x80");
}

TEST_CASE("broken UTF-8 becomes replacement characters") {
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(escaped("\xff") == bad);
  CHECK(escaped("\xc3") == bad);
  CHECK(escaped("\xc0\x80") == bad + bad);                      // overlong
  CHECK(escaped("\xed\xa0\x80") == bad + bad + bad);            // surrogate
  CHECK(escaped("\xf4\x90\x80\x80").size() == 4 * bad.size());  // beyond U+10FFFF
  CHECK(escaped("\xe2\x82z") == bad + bad + "z");
}

TEST_CASE("long values are cut between characters") {
  CHECK(escaped(std::string(600, 'x')) == std::string(512, 'x') + "...");
  CHECK(escaped("\xc3\xa9\xc3\xa9", 3) == "\xc3\xa9...");
  CHECK(escaped("abc", 3) == "abc");
}

TEST_CASE("a JSON line is JSON whatever is in it") {
  std::string everything;
  for (int i = 0; i < 256; ++i) everything += static_cast<char>(i);
  const auto line = "{" +
                    json_members(log_module::auth, "Refused \"x\"",
                                 {{"client", everything},
                                  {"topic", "a/b\n"},
                                  {"size", std::uint64_t{1} << 63U},
                                  {"delta", -3},
                                  {"load", std::numeric_limits<double>::infinity()},
                                  {"retain", false}},
                                 2) +
                    "}";
  const auto parsed = nlohmann::json::parse(line);
  CHECK(parsed["module"] == "auth");
  CHECK(parsed["message"] == "Refused \"x\"");
  CHECK(parsed["topic"] == "a/b\n");
  CHECK(parsed["size"] == std::uint64_t{1} << 63U);
  CHECK(parsed["delta"] == -3);
  CHECK(parsed["load"].is_null());
  CHECK(parsed["retain"] == false);
  CHECK(parsed["left_out"] == 2);
  CHECK(parsed["client"].get<std::string>().starts_with(everything.substr(0, 0x7F)));
}
