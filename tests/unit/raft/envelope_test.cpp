#include "cluster/raft/envelope.hpp"

#include "tests/support/catch.hpp"

#include <string>

namespace troupe::cluster::raft {

using namespace std::string_literals;

TEST_CASE("an envelope brings the messages of many groups in their order", "[envelope]") {
  envelope_writer writer;
  CHECK(writer.empty());
  writer.add(3, "abc");
  writer.add(0xFFFFFFFE, "");
  writer.add(3, std::string(70'000, 'x'));
  const auto frame = writer.take();
  CHECK(writer.empty());

  envelope_reader reader(frame);
  auto first = reader.next();
  REQUIRE(first);
  CHECK(first->group == 3);
  CHECK(first->bytes == "abc");
  auto second = reader.next();
  REQUIRE(second);
  CHECK(second->group == 0xFFFFFFFE);
  CHECK(second->bytes.empty());
  auto third = reader.next();
  REQUIRE(third);
  CHECK(third->bytes == std::string(70'000, 'x'));
  CHECK_FALSE(reader.next());
  CHECK_FALSE(reader.damaged());
}

TEST_CASE("the bytes of an envelope stay what they are", "[envelope]") {
  envelope_writer writer;
  writer.add(0x01020304, "hi");
  CHECK(writer.take() == "\x01\x04\x03\x02\x01\x02\0\0\0hi"s);
}

TEST_CASE("an envelope that is cut short or unknown gives what is whole, then nothing",
          "[envelope]") {
  envelope_writer writer;
  writer.add(1, "one");
  writer.add(2, "two");
  const auto frame = writer.take();
  for (std::size_t size = 0; size < frame.size(); ++size) {
    envelope_reader reader(std::string_view(frame).substr(0, size));
    std::size_t found = 0;
    while (reader.next()) ++found;
    const bool between = size == 1 || size == 1 + 8 + 3;
    CHECK(found == (size >= 12 ? 1U : 0U));
    CHECK(reader.damaged() == !between);
  }
  envelope_reader newer("\x02" + frame.substr(1));
  CHECK_FALSE(newer.next());
  CHECK(newer.damaged());
}

}  // namespace troupe::cluster::raft
