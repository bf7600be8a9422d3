#include "tests/support/catch.hpp"
#include "tools/troupe-bench/measure/pacer.hpp"
#include "tools/troupe-bench/scenario/command_line.hpp"
#include "tools/troupe-bench/scenario/options.hpp"

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
