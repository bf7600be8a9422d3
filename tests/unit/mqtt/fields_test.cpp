// What the decoder puts into the packets, and how the versions are levelled.
#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/encoder.hpp"
#include "protocol/mqtt/forwarded_properties.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/mqtt/bytes.hpp"

using namespace troupe::mqtt;
using testing::bytes;

namespace {

constexpr auto v311 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;

publish_packet published(const std::string& wire, protocol_version version) {
  publish_packet out;
  const auto error = decode_publish(testing::only_frame(wire), version, out);
  if (error) FAIL(error->sentence);
  return out;
}

}  // namespace

TEST_CASE("CONNECT of version 3 has the session expiry that its clean flag means", "[decoder]") {
  const auto clean = bytes("10 0C 0004 'MQTT' 04 02 000A 0000");
  const auto kept = bytes("10 0D 0004 'MQTT' 04 00 000A 0001 'a'");
  CHECK(decode_connect(testing::only_frame(clean))->session_expiry == 0);
  const auto packet = decode_connect(testing::only_frame(kept));
  REQUIRE(packet);
  CHECK(packet->session_expiry == 0xFFFF'FFFF);
  CHECK_FALSE(packet->clean_start);
  CHECK(packet->keep_alive == 10);
  CHECK(packet->version == v311);
  CHECK_FALSE(packet->username.has_value());
}

TEST_CASE("CONNECT of version 5 keeps every field", "[decoder]") {
  const auto wire = bytes(
      "10 52 0004 'MQTT' 05 EE 003C"
      "23 11 01020304 21 000A 27 00000400 22 0005 19 01 17 00"
      "15 0001 'm' 16 0001 'd' 26 0001 'a' 0001 'b'"
      "0002 'ab' 10 18 00000007 02 00000009 01 01 03 0001 't'"
      "0001 'w' 0003 'bye' 0001 'u' 0002 00 'p'");
  const auto p = decode_connect(testing::only_frame(wire));
  REQUIRE(p);
  CHECK(p->version == v5);
  CHECK(p->client_id == "ab");
  CHECK(p->clean_start);
  CHECK(p->keep_alive == 60);
  CHECK(p->session_expiry == 0x01020304);
  CHECK(p->receive_maximum == 10);
  CHECK(p->maximum_packet_size == 1024);
  CHECK(p->topic_alias_maximum == 5);
  CHECK(p->request_response_information);
  CHECK_FALSE(p->request_problem_information);
  CHECK(p->authentication_method == "m");
  CHECK(p->authentication_data == "d");
  CHECK(p->users == user_properties{{"a", "b"}});
  CHECK(p->username == "u");
  CHECK(p->password == std::string("\0p", 2));
  REQUIRE(p->will);
  CHECK(p->will->topic == "w");
  CHECK(p->will->payload == "bye");
  CHECK(p->will->level == qos::at_least_once);
  CHECK(p->will->retain);
  CHECK(p->will->delay == 7);
  CHECK(p->will->expiry == 9U);
  CHECK(p->will->properties == bytes("01 01 03 0001 't'"));
}

TEST_CASE("PUBLISH points into its frame while forwarded properties stand together", "[decoder]") {
  const auto wire =
      bytes("32 19 0001 'a' 0005 12 02 0000003C 01 01 03 0001 't' 09 0001 'c' 23 0002 'p'");
  const auto p = published(wire, v5);
  CHECK(p.topic.data() == wire.data() + 4);
  CHECK(p.payload == "p");
  CHECK(p.id == 5);
  CHECK(p.expiry == 60U);
  CHECK(p.topic_alias == 2);
  CHECK(p.properties == bytes("01 01 03 0001 't' 09 0001 'c'"));
  CHECK(p.properties.data() > wire.data());
  CHECK(p.properties.data() < wire.data() + wire.size());
  CHECK(p.properties_storage.empty());
}

TEST_CASE("PUBLISH gathers forwarded properties that stand apart, and survives a move",
          "[decoder]") {
  const auto wire = bytes("30 11 0001 'a' 0D 01 01 0B 07 03 0001 't' 23 0002 01 01");
  publish_packet refused;
  CHECK(decode_publish(testing::only_frame(wire), v5, refused)->reason ==
        reason_code::protocol_error);
  const auto good = bytes("30 13 0001 'a' 0F 01 01 0B 07 03 0001 't' 23 0002 09 0001 'c'");
  auto first = published(good, v5);
  const auto moved = std::move(first);
  CHECK(moved.properties == bytes("01 01 03 0001 't' 09 0001 'c'"));
  CHECK(moved.properties.data() == moved.properties_storage.data());
  CHECK(moved.subscription_ids == std::vector<std::uint32_t>{7});
}

TEST_CASE("PUBLISH decoded into a used packet keeps nothing of the old one", "[decoder]") {
  const auto full = bytes("3B 13 0001 'a' 0001 0D 01 01 0B 07 03 0001 't' 02 00000001");
  const auto bare = bytes("30 04 0001 'b' 00");
  publish_packet out = published(full, v5);
  CHECK(out.retain);
  CHECK(out.dup);
  REQUIRE_FALSE(decode_publish(testing::only_frame(bare), v5, out));
  CHECK(out.topic == "b");
  CHECK(out.payload.empty());
  CHECK(out.properties.empty());
  CHECK(out.properties_storage.empty());
  CHECK(out.subscription_ids.empty());
  CHECK_FALSE(out.expiry);
  CHECK(out.id == 0);
  CHECK_FALSE(out.retain);
  CHECK_FALSE(out.dup);
  CHECK(out.level == qos::at_most_once);
}

TEST_CASE("Return codes of version 3 become reason codes and back", "[decoder]") {
  const reason_code reasons[] = {reason_code::success,
                                 reason_code::unsupported_protocol_version,
                                 reason_code::client_identifier_not_valid,
                                 reason_code::server_unavailable,
                                 reason_code::bad_user_name_or_password,
                                 reason_code::not_authorized};
  for (std::uint8_t code = 0; code < 6; ++code) {
    const std::string wire{0x20, 2, 0, static_cast<char>(code)};
    const auto packet = decode_connack(testing::only_frame(wire), v311);
    REQUIRE(packet);
    CHECK(packet->reason == reasons[code]);
    std::string out;
    REQUIRE(encode(out, *packet, v311));
    CHECK(out == wire);
  }
  const auto suback = bytes("90 04 0001 80 01");
  CHECK(decode_suback(testing::only_frame(suback), v311)->reasons ==
        std::vector{reason_code::unspecified_error, reason_code::granted_qos_1});
}

TEST_CASE("Refusals that version 3 has no code for get the nearest one", "[encoder]") {
  const auto code = [](reason_code reason) {
    connack_packet p;
    p.reason = reason;
    p.session_present = true;
    std::string out;
    REQUIRE(encode(out, p, v311));
    CHECK(out.substr(0, 3) == bytes("20 02 00"));
    return static_cast<int>(out[3]);
  };
  CHECK(code(reason_code::banned) == 5);
  CHECK(code(reason_code::bad_authentication_method) == 5);
  CHECK(code(reason_code::server_busy) == 3);
  CHECK(code(reason_code::use_another_server) == 3);
  CHECK(code(reason_code::quota_exceeded) == 3);
  CHECK(code(reason_code::connection_rate_exceeded) == 3);
  for (int raw = 0x80; raw <= 0xA2; ++raw) {
    const auto got = code(static_cast<reason_code>(raw));
    CHECK((got >= 1 && got <= 5));
  }
}

TEST_CASE("Every reason code has a sentence", "[reason_code]") {
  for (int raw = 0; raw < 256; ++raw) {
    const auto sentence = to_string(static_cast<reason_code>(raw));
    CHECK_FALSE(sentence.empty());
    CHECK(sentence.back() != '.');
  }
}

TEST_CASE("Forwarded properties are unpacked and packed", "[forwarded]") {
  const auto block = bytes(
      "01 01 03 0004 'text' 08 0003 'r/s' 09 0002 00 FF 26 0001 'k' 0001 'v' 26 0001 'k' 0000");
  const auto parsed = parse_forwarded(block);
  REQUIRE(parsed);
  CHECK(parsed->payload_is_utf8 == true);
  CHECK(parsed->content_type == "text");
  CHECK(parsed->response_topic == "r/s");
  CHECK(parsed->correlation_data == std::string("\0\xFF", 2));
  CHECK(parsed->users == user_properties{{"k", "v"}, {"k", ""}});
  std::string out;
  REQUIRE(encode_forwarded(out, *parsed));
  CHECK(out == block);
  CHECK(parse_forwarded("") == forwarded_properties{});
  for (const auto* bad :
       {"01", "01 02", "03 0001", "23 0001", "02 00000001", "01 01 01 01", "FF"}) {
    INFO(bad);
    CHECK_FALSE(parse_forwarded(bytes(bad)));
  }
  forwarded_properties large;
  large.content_type = std::string(65536, 'x');
  CHECK_FALSE(encode_forwarded(out, large));
  CHECK(out == block);
}
