#include "tools/troupe-bench/scenario/options.hpp"

#include "tests/support/catch.hpp"
#include "tools/troupe-bench/measure/pacer.hpp"
#include "tools/troupe-bench/scenario/command_line.hpp"
#include "tools/troupe-bench/scenario/publishing.hpp"

#include <initializer_list>
#include <vector>

namespace troupe::bench {
namespace {

command parsed(std::initializer_list<const char*> words) {
  std::vector<const char*> line{"troupe-bench"};
  line.insert(line.end(), words);
  return parse_command_line(static_cast<int>(line.size()), line.data());
}

}  // namespace

TEST_CASE("a scenario fills in what it is known for", "[bench]") {
  const auto pairs = parsed({"pairs"});
  REQUIRE_FALSE(pairs.leave);
  CHECK(pairs.given.publishers == 200);
  CHECK(pairs.given.subscribers == 200);
  CHECK(pairs.given.seconds == 5);
  CHECK(pairs.given.publish_to == std::vector<std::string>{"127.0.0.1"});
  const auto in = parsed({"fan-in", "-p", "50"});
  CHECK(in.given.subscribers == 1);
  CHECK(in.given.window * in.given.publishers <= 10'000);
}

TEST_CASE("a command line that cannot be meant is refused with status 2", "[bench]") {
  CHECK(parsed({}).leave == 2);
  CHECK(parsed({"fan-sideways"}).leave == 2);
  CHECK(parsed({"pairs", "--qos", "3"}).leave == 2);
  CHECK(parsed({"pairs", "--payload", "8"}).leave == 2);
  CHECK(parsed({"pairs", "--time", "3", "--messages", "10"}).leave == 2);
  CHECK(parsed({"fan-in", "--subscribers", "2"}).leave == 2);
  CHECK(parsed({"pairs", "--broker", "host:port"}).leave == 2);
  CHECK(parsed({"pairs", "--ca", "x.pem"}).leave == 2);
  CHECK(parsed({"pairs", "--mqtt", "4"}).leave == 2);
}

TEST_CASE("scenarios without traffic fill in what they are known for", "[bench]") {
  CHECK(parsed({"connect"}).given.messages == 10'000);
  const auto timed = parsed({"connect", "--time", "3"});
  CHECK(timed.given.messages == 0);
  CHECK(timed.given.seconds == 3);
  CHECK(parsed({"connect", "--connections", "70"}).given.messages == 70);
  const auto idle = parsed({"idle", "-c", "15000"});
  CHECK(idle.given.clients == 15'000);
  CHECK(idle.given.seconds == 5);
  const auto offline = parsed({"offline", "-c", "20"});
  CHECK(offline.given.publishers == 20);
  CHECK(offline.given.messages == 1'000);
  CHECK(offline.given.qos == 1);
  CHECK(offline.given.expiry == 3'600);
  CHECK(parsed({"retained", "--topics", "77"}).given.messages == 77);
  CHECK(parsed({"retained"}).given.qos == 1);
  CHECK(parsed({"reconnect"}).given.clients == 1'000);
  CHECK(parsed({"pairs"}).given.qos == 0);
}

TEST_CASE("an option of another scenario is refused, as it would have no effect", "[bench]") {
  CHECK(parsed({"pairs", "--topics", "9"}).leave == 2);
  CHECK(parsed({"pairs", "--clients", "9"}).leave == 2);
  CHECK(parsed({"idle", "--qos", "1"}).leave == 2);
  CHECK(parsed({"idle", "--publishers", "1"}).leave == 2);
  CHECK(parsed({"offline", "--rate", "100"}).leave == 2);
  CHECK(parsed({"retained", "--messages", "100"}).leave == 2);
  CHECK(parsed({"connect", "--rounds", "2"}).leave == 2);
  CHECK(parsed({"reconnect", "--hold"}).leave == 2);
  CHECK_FALSE(parsed({"reconnect", "--reset", "--rounds", "2"}).leave);
}

TEST_CASE("what stores needs acknowledgements, and what holds a number", "[bench]") {
  CHECK(parsed({"offline", "--qos", "0"}).leave == 2);
  CHECK(parsed({"retained", "--qos", "0"}).leave == 2);
  CHECK(parsed({"retained", "--topics", "5", "--publishers", "6"}).leave == 2);
  CHECK(parsed({"connect", "--hold", "--time", "1"}).leave == 2);
  CHECK(parsed({"connect", "--connections", "5", "--time", "1"}).leave == 2);
}

TEST_CASE("a broker that cannot say how much of QoS 2 it takes gets what Mosquitto takes",
          "[bench]") {
  CHECK(parsed({"pairs", "--qos", "2"}).given.window == 20);
  CHECK(parsed({"pairs", "--qos", "2", "--mqtt", "5"}).given.window > 20);
  CHECK(parsed({"pairs", "--qos", "2", "--window", "100"}).given.window == 100);
}

TEST_CASE("sockets are counted before the run", "[bench]") {
  const auto held = parsed({"connect", "--connections", "900", "--hold"}).given;
  CHECK(connections_at_once(held) == 900);
  const auto storm = parsed({"connect", "--connections", "900", "--concurrency", "7"}).given;
  CHECK(connections_at_once(storm) == 7);
  CHECK(connections_in_all(storm) == 900);
  const auto back = parsed({"reconnect", "-c", "100", "--rounds", "4"}).given;
  CHECK(connections_at_once(back) == 100);
  CHECK(connections_in_all(back) == 700);  // and to forget, to connect, to forget
  const auto pairs = parsed({"pairs", "-p", "30"}).given;
  CHECK(connections_at_once(pairs) == 60);
}

TEST_CASE("messages that do not divide are all sent", "[bench]") {
  CHECK(share_of(10, 4, 0) == 3);
  CHECK(share_of(10, 4, 1) == 3);
  CHECK(share_of(10, 4, 2) == 2);
  CHECK(share_of(10, 4, 3) == 2);
  CHECK(share_of(2, 4, 3) == 0);
  CHECK(share_of(0, 4, 1) == UINT64_MAX);
}

TEST_CASE("addresses are split into host and port", "[bench]") {
  CHECK(split_address("a", "1883")->port == "1883");
  CHECK(split_address("a:1", "1883")->port == "1");
  CHECK(split_address("[::1]:7", "1883")->host == "::1");
  CHECK(split_address("[::1]", "1883")->port == "1883");
  for (const auto* bad : {"", ":1", "a:", "a:0", "a:70000", "[::1", "[::1]x", "a:1x"})
    CHECK_FALSE(split_address(bad, "1883"));
}

TEST_CASE("paced messages keep to their times, however late they are taken", "[bench]") {
  // 3 publishers at 1,000,000/3 messages per second: 3 microseconds apart, without drift.
  pacer both(1e6 / 3, 3, {0, 2});
  both.start(1'000);
  for (std::uint64_t round = 0; round < 100'000; ++round) {
    REQUIRE(both.next().publisher == 0);
    REQUIRE(both.next().intended == static_cast<std::int64_t>(1'000 + round * 9'000));
    both.advance();
    REQUIRE(both.next().publisher == 2);
    REQUIRE(both.next().intended == static_cast<std::int64_t>(1'000 + round * 9'000 + 6'000));
    both.advance();
  }
}

}  // namespace troupe::bench
