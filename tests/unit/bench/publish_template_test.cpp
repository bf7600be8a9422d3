#include "tools/troupe-bench/engine/publish_template.hpp"

#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/framing.hpp"
#include "tests/support/catch.hpp"

#include <string>

namespace troupe::bench {

TEST_CASE("a number at the end of a topic is read back", "[bench]") {
  CHECK(publish_template::number_of("a/0000000042") == 42);
  CHECK(publish_template::number_of("a/b/4294967295") == 4'294'967'295);
  for (const auto* none :
       {"", "0000000042", "a/42", "a/00000000x2", "a/000000042x", "a/-000000042"})
    CHECK(publish_template::number_of(none) == UINT64_MAX);
}

TEST_CASE("numbered and empty retained messages are what a decoder reads", "[bench]") {
  for (const auto version : {mqtt::protocol_version::v3_1_1, mqtt::protocol_version::v5}) {
    for (const std::uint32_t payload : {0U, 16U, 64U}) {
      const publish_template with("a/7", true, mqtt::qos::at_least_once, true, payload, version);
      std::string bytes;
      with.append_to(bytes, 258, {7, 123, 99});
      const auto found = mqtt::next_frame(bytes, 1'000);
      REQUIRE(found.status == mqtt::frame_status::complete);
      mqtt::publish_packet packet;
      REQUIRE_FALSE(mqtt::decode_publish(found.frame, version, packet));
      CHECK(packet.topic == "a/7/0000000123");
      CHECK(publish_template::number_of(packet.topic) == 123);
      CHECK(packet.retain);
      CHECK(packet.id == 258);
      CHECK(packet.payload.size() == payload);
    }
  }
}

}  // namespace troupe::bench
