#include "protocol/mqtt/framing.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/mqtt/bytes.hpp"

#include <string>

using namespace troupe::mqtt;
using testing::bytes;

TEST_CASE("Remaining lengths at the edges of each size", "[framing]") {
  struct edge {
    const char* wire;
    std::size_t length;
  };
  for (const auto& [wire, length] :
       {edge{"30 00", 0}, edge{"30 7F", 127}, edge{"30 80 01", 128}, edge{"30 FF 7F", 16'383},
        edge{"30 80 80 01", 16'384}, edge{"30 FF FF 7F", 2'097'151},
        edge{"30 80 80 80 01", 2'097'152}, edge{"30 FF FF FF 7F", 268'435'455}}) {
    INFO(wire);
    const auto head = bytes(wire);
    const auto found = next_frame(head, 0);
    CHECK(found.size == head.size() + length);
    CHECK(found.status == (length == 0 ? frame_status::complete : frame_status::incomplete));
    for (std::size_t part = 0; part < head.size(); ++part) {
      const auto early = next_frame(std::string_view{head}.substr(0, part), 1);
      CHECK(early.status == frame_status::incomplete);
      CHECK(early.size == 0);
    }
  }
}

TEST_CASE("Overlong remaining lengths and packet type 0 are malformed", "[framing]") {
  for (const auto* wire : {"30 80 00", "30 FF 00", "30 80 80 00", "30 80 80 80 00",
                           "30 80 80 80 80", "30 FF FF FF FF", "00 00", "0F", "00"}) {
    INFO(wire);
    CHECK(next_frame(bytes(wire), 0).status == frame_status::malformed);
  }
}

TEST_CASE("The first of several packets is found with its body", "[framing]") {
  const auto wire = bytes("C0 00 30 03 00 01 'a' D0");
  const auto first = next_frame(wire, 0);
  REQUIRE(first.status == frame_status::complete);
  CHECK(first.size == 2);
  CHECK(first.frame.type() == packet_type::pingreq);
  const auto second = next_frame(std::string_view{wire}.substr(2), 0);
  REQUIRE(second.status == frame_status::complete);
  CHECK(second.size == 5);
  CHECK(second.frame.body == std::string_view("\0\1a", 3));
  CHECK(second.frame.body.data() == wire.data() + 4);
  CHECK(next_frame(std::string_view{wire}.substr(7), 0).status == frame_status::incomplete);
}

TEST_CASE("A packet above the limit is refused once its length is known", "[framing]") {
  const auto head = bytes("30 FF 01");  // 255 bytes of body
  CHECK(next_frame(head, 258).status == frame_status::incomplete);
  const auto refused = next_frame(head, 257);
  CHECK(refused.status == frame_status::too_large);
  CHECK(refused.size == 258);
  CHECK(next_frame(head + std::string(255, 'x'), 258).status == frame_status::complete);
}
