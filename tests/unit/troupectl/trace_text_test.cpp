#include "tools/troupectl/verbs/trace_text.hpp"

#include "tests/support/catch.hpp"

#include <string>
#include <vector>

using namespace troupe::ctl;
using nlohmann::json;

namespace {

constexpr std::int64_t ten = 36'000'000'000;  // at ten o'clock

json hop(std::int64_t us, const char* message, const char* event, const char* text) {
  json e = {{"at_us", ten + us}, {"node", "n1"}, {"event", event}, {"text", text}};
  if (*message != '\0') {
    e["message"] = message;
    e["topic"] = "a/b";
    e["payload_size"] = 7;
  }
  return e;
}

}  // namespace

TEST_CASE("a trace is shown by message, each with the time since its first hop", "[trace]") {
  auto dropped = hop(1'234'567, "0a", "dropped", "The queue is full");
  dropped["reason"] = "queue_full";
  auto forwarded = hop(25, "0b", "forwarded", "For 1 session");
  forwarded["peer"] = "n2";
  auto connected = hop(0, "", "connected", "CONNECT");
  connected["clientid"] = "c\x1b[2J";
  CHECK(trace_text({connected, hop(10, "0a", "received", "PUBLISH"),
                    hop(20, "0b", "received", "PUBLISH"), forwarded, dropped}) ==
        "10:00:00.000000  n1  connected    CONNECT (c?[2J)\n"
        "\n"
        "message 0a  a/b  7 bytes\n"
        "10:00:00.000010  n1  received     PUBLISH\n"
        "  +1,234,557 us  n1  dropped      The queue is full [queue_full]\n"
        "\n"
        "message 0b  a/b  7 bytes\n"
        "10:00:00.000020  n1  received     PUBLISH\n"
        "          +5 us  n1  forwarded    to n2: For 1 session\n");
  CHECK(trace_text({}) == "");
}

TEST_CASE("events that come are a line each", "[trace]") {
  trace_lines lines;
  CHECK(lines.line_of(hop(10, "0a", "received", "PUBLISH")) ==
        "10:00:00.000010  n1    0a           +0 us  received     PUBLISH  (a/b)\n");
  CHECK(lines.line_of(hop(12, "0a", "answered", "PUBACK 1")) ==
        "10:00:00.000012  n1    0a           +2 us  answered     PUBACK 1\n");
}

TEST_CASE("a message is chosen by its number or the end of it", "[trace]") {
  const auto e = hop(0, "00ab12", "received", "");
  CHECK(of_message(e, ""));
  CHECK(of_message(e, "00ab12"));
  CHECK(of_message(e, "b12"));
  CHECK_FALSE(of_message(e, "ab1"));
  CHECK_FALSE(of_message(hop(0, "", "connected", ""), "b12"));
}
