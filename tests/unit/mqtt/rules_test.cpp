// Every rule that one packet alone can break, as the bytes that break it and
// the reason that they are refused with.
#include "protocol/mqtt/decoder.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/mqtt/bytes.hpp"

#include <vector>

using namespace troupe::mqtt;
using testing::bytes;

namespace {

constexpr auto v31 = protocol_version::v3_1;
constexpr auto v311 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;
constexpr auto malformed = reason_code::malformed_packet;
constexpr auto broken = reason_code::protocol_error;
constexpr auto topic = reason_code::topic_name_invalid;
constexpr auto version_unknown = reason_code::unsupported_protocol_version;
constexpr auto client_id = reason_code::client_identifier_not_valid;

struct refusal {
  const char* rule;
  protocol_version version;
  std::uint8_t first_byte;
  const char* body;
  reason_code reason;
};

void check_all(const std::vector<refusal>& refusals) {
  for (const auto& [rule, version, first_byte, body, reason] : refusals) {
    INFO(rule << ": " << body);
    const auto wire = testing::framed(first_byte, bytes(body));
    const auto result = decode(testing::only_frame(wire), version);
    REQUIRE_FALSE(result);
    INFO(result.error().sentence);
    CHECK(result.error().reason == reason);
    CHECK(*result.error().sentence != '\0');
  }
}

bool accepts(protocol_version version, std::uint8_t first_byte, const char* body) {
  const auto wire = testing::framed(first_byte, bytes(body));
  return static_cast<bool>(decode(testing::only_frame(wire), version));
}

}  // namespace

TEST_CASE("CONNECT that breaks a rule", "[rules]") {
  check_all({
      {"fixed header flags", v5, 0x11, "0004 'MQTT' 05 02 0000 00 0000", malformed},
      {"empty", v5, 0x10, "", malformed},
      {"protocol name", v5, 0x10, "0004 'MQTX' 05 02 0000 00 0000", version_unknown},
      {"name of 3.1 with the level of 3.1.1", v5, 0x10, "0006 'MQIsdp' 04 02 0000 0000",
       version_unknown},
      {"level 3 with the later name", v5, 0x10, "0004 'MQTT' 03 02 0000 0000", version_unknown},
      {"level 6", v5, 0x10, "0004 'MQTT' 06 02 0000 00 0000", version_unknown},
      {"bridge bit", v5, 0x10, "0004 'MQTT' 84 02 0000 0000", version_unknown},
      {"reserved flag", v311, 0x10, "0004 'MQTT' 04 03 0000 0000", malformed},
      {"reserved flag", v5, 0x10, "0004 'MQTT' 05 03 0000 00 0000", malformed},
      {"will QoS without will", v5, 0x10, "0004 'MQTT' 05 0A 0000 00 0000", malformed},
      {"will retain without will", v311, 0x10, "0004 'MQTT' 04 22 0000 0000", malformed},
      {"will QoS 3", v5, 0x10, "0004 'MQTT' 05 1E 0000 00 0000 00 0001 'w' 0000", malformed},
      {"password without user name", v311, 0x10, "0004 'MQTT' 04 42 0000 0000 0001 'p'", malformed},
      {"password without user name", v31, 0x10, "0006 'MQIsdp' 03 42 0000 0001 'a' 0001 'p'",
       malformed},
      {"empty client id in 3.1", v31, 0x10, "0006 'MQIsdp' 03 02 0000 0000", client_id},
      {"empty client id to be kept", v311, 0x10, "0004 'MQTT' 04 00 0000 0000", client_id},
      {"client id not UTF-8", v5, 0x10, "0004 'MQTT' 05 02 0000 00 0001 FF", malformed},
      {"client id with null", v311, 0x10, "0004 'MQTT' 04 02 0000 0001 00", malformed},
      {"will topic with wildcard", v311, 0x10, "0004 'MQTT' 04 06 0000 0000 0002 'w#' 0000", topic},
      {"will topic empty", v5, 0x10, "0004 'MQTT' 05 06 0000 00 0000 00 0000 0000", topic},
      {"user name not UTF-8", v311, 0x10, "0004 'MQTT' 04 82 0000 0000 0001 80", malformed},
      {"cut in the password", v311, 0x10, "0004 'MQTT' 04 C2 0000 0000 0001 'u' 0002 'p'",
       malformed},
      {"left over bytes", v311, 0x10, "0004 'MQTT' 04 02 0000 0000 00", malformed},
      {"receive maximum 0", v5, 0x10, "0004 'MQTT' 05 02 0000 03 21 0000 0000", broken},
      {"maximum packet size 0", v5, 0x10, "0004 'MQTT' 05 02 0000 05 27 00000000 0000", broken},
      {"problem information 2", v5, 0x10, "0004 'MQTT' 05 02 0000 02 17 02 0000", broken},
      {"response information 2", v5, 0x10, "0004 'MQTT' 05 02 0000 02 19 02 0000", broken},
      {"data without method", v5, 0x10, "0004 'MQTT' 05 02 0000 04 16 0001 'd' 0000", broken},
      {"property twice", v5, 0x10, "0004 'MQTT' 05 02 0000 06 21 0001 21 0001 0000", broken},
      {"will delay outside the will", v5, 0x10, "0004 'MQTT' 05 02 0000 05 18 00000001 0000",
       malformed},
      {"session expiry in the will", v5, 0x10,
       "0004 'MQTT' 05 06 0000 00 0000 05 11 00000001 0001 'w' 0000", malformed},
      {"will payload format 2", v5, 0x10, "0004 'MQTT' 05 06 0000 00 0000 02 01 02 0001 'w' 0000",
       broken},
      {"properties longer than the packet", v5, 0x10, "0004 'MQTT' 05 02 0000 20 0000", malformed},
      {"property cut by its block", v5, 0x10, "0004 'MQTT' 05 02 0000 02 21 0001 0000", malformed},
      {"unknown property", v5, 0x10, "0004 'MQTT' 05 02 0000 02 7F 00 0000", malformed},
      {"property 0", v5, 0x10, "0004 'MQTT' 05 02 0000 01 00 0000", malformed},
      {"overlong property length", v5, 0x10, "0004 'MQTT' 05 02 0000 80 00 0000", malformed},
  });
}

TEST_CASE("PUBLISH that breaks a rule", "[rules]") {
  check_all({
      {"QoS 3", v5, 0x36, "0001 'a' 0001 00", malformed},
      {"QoS 3", v311, 0x36, "0001 'a' 0001", malformed},
      {"dup with QoS 0", v311, 0x38, "0001 'a'", malformed},
      {"packet id 0", v311, 0x32, "0001 'a' 0000", broken},
      {"packet id 0", v5, 0x34, "0001 'a' 0000 00", broken},
      {"packet id cut", v311, 0x32, "0001 'a' 00", malformed},
      {"no topic", v311, 0x30, "", malformed},
      {"topic cut", v5, 0x30, "0004 'a'", malformed},
      {"topic empty", v311, 0x30, "0000", malformed},
      {"topic empty without alias", v5, 0x30, "0000 00", broken},
      {"topic with #", v5, 0x30, "0003 'a/#' 00", topic},
      {"topic with +", v311, 0x30, "000A 'abcdefgh/+'", topic},
      {"topic with null", v311, 0x30, "0003 'a' 00 'b'", malformed},
      {"topic not UTF-8", v311, 0x30, "0003 ED A0 80", malformed},
      {"no properties", v5, 0x30, "0001 'a'", malformed},
      {"alias 0", v5, 0x30, "0001 'a' 03 23 0000", reason_code::topic_alias_invalid},
      {"alias twice", v5, 0x30, "0001 'a' 06 23 0001 23 0001", broken},
      {"subscription id 0", v5, 0x30, "0001 'a' 02 0B 00", broken},
      {"overlong subscription id", v5, 0x30, "0001 'a' 03 0B 81 00", malformed},
      {"subscription id of five bytes", v5, 0x30, "0001 'a' 06 0B FF FF FF FF 01", malformed},
      {"payload format 2", v5, 0x30, "0001 'a' 02 01 02", broken},
      {"payload format twice", v5, 0x30, "0001 'a' 04 01 01 01 01", broken},
      {"expiry twice", v5, 0x30, "0001 'a' 0A 02 00000001 02 00000001", broken},
      {"response topic with wildcard", v5, 0x30, "0001 'a' 05 08 0002 'b#'", broken},
      {"response topic empty", v5, 0x30, "0001 'a' 03 08 0000", broken},
      {"content type not UTF-8", v5, 0x30, "0001 'a' 04 03 0001 C0", malformed},
      {"user property without value", v5, 0x30, "0001 'a' 04 26 0001 'k'", malformed},
      {"property of another packet", v5, 0x30, "0001 'a' 05 11 00000001", malformed},
      {"reason string", v5, 0x30, "0001 'a' 04 1F 0001 'r'", malformed},
  });
}

TEST_CASE("SUBSCRIBE and UNSUBSCRIBE that break a rule", "[rules]") {
  check_all({
      {"fixed header flags", v5, 0x80, "0001 00 0001 'a' 00", malformed},
      {"fixed header flags", v311, 0x8A, "0001 0001 'a' 00", malformed},
      {"packet id 0", v311, 0x82, "0000 0001 'a' 00", broken},
      {"no filter", v311, 0x82, "0001", broken},
      {"no filter", v5, 0x82, "0001 00", broken},
      {"no options", v311, 0x82, "0001 0001 'a'", malformed},
      {"reserved bits", v311, 0x82, "0001 0001 'a' 04", malformed},
      {"reserved bits", v5, 0x82, "0001 00 0001 'a' 40", malformed},
      {"QoS 3", v311, 0x82, "0001 0001 'a' 03", malformed},
      {"QoS 3", v5, 0x82, "0001 00 0001 'a' 03", broken},
      {"retain handling 3", v5, 0x82, "0001 00 0001 'a' 30", broken},
      {"filter with null", v311, 0x82, "0001 0001 00 00", malformed},
      {"subscription id 0", v5, 0x82, "0001 02 0B 00 0001 'a' 00", broken},
      {"subscription id twice", v5, 0x82, "0001 04 0B 01 0B 01 0001 'a' 00", broken},
      {"second filter cut", v311, 0x82, "0001 0001 'a' 00 0002 'b'", malformed},
      {"fixed header flags", v5, 0xA0, "0001 00 0001 'a'", malformed},
      {"packet id 0", v311, 0xA2, "0000 0001 'a'", broken},
      {"no filter", v311, 0xA2, "0001", broken},
      {"no filter", v5, 0xA2, "0001 00", broken},
      {"subscription id", v5, 0xA2, "0001 02 0B 01 0001 'a'", malformed},
      {"filter cut", v311, 0xA2, "0001 0002 'a'", malformed},
  });
}

TEST_CASE("Acknowledgement that breaks a rule", "[rules]") {
  check_all({
      {"fixed header flags", v5, 0x42, "0001", malformed},
      {"fixed header flags", v311, 0x51, "0001", malformed},
      {"fixed header flags", v311, 0x60, "0001", malformed},
      {"fixed header flags", v31, 0x68, "0001", malformed},
      {"fixed header flags", v5, 0x72, "0001", malformed},
      {"packet id 0", v311, 0x40, "0000", broken},
      {"packet id cut", v311, 0x40, "00", malformed},
      {"reason in version 3", v311, 0x40, "0001 00", malformed},
      {"reason of another packet", v5, 0x40, "0001 92", broken},
      {"reason of another packet", v5, 0x62, "0001 10", broken},
      {"unknown reason", v5, 0x70, "0001 FF", broken},
      {"reason string twice", v5, 0x40, "0001 00 08 1F 0001 'a' 1F 0001 'b'", broken},
      {"property of another packet", v5, 0x62, "0001 00 03 23 0001", malformed},
      {"left over bytes", v5, 0x40, "0001 00 00 00", malformed},
      {"no reasons", v311, 0x90, "0001", broken},
      {"no reasons", v5, 0xB0, "0001 00", broken},
      {"unknown return code", v311, 0x90, "0001 03", broken},
      {"return code of version 5", v311, 0x90, "0001 87", broken},
      {"reason of another packet", v5, 0x90, "0001 00 11", broken},
      {"reasons in version 3", v311, 0xB0, "0001 00", malformed},
  });
}

TEST_CASE("CONNACK, ping, DISCONNECT and AUTH that break a rule", "[rules]") {
  check_all({
      {"reserved flags", v311, 0x20, "02 00", malformed},
      {"session present but refused", v311, 0x20, "01 05", broken},
      {"unknown return code", v311, 0x20, "00 06", malformed},
      {"reason of another packet", v5, 0x20, "00 8E 00", broken},
      {"maximum QoS 2", v5, 0x20, "00 00 02 24 02", broken},
      {"shared available 2", v5, 0x20, "00 00 02 2A 02", broken},
      {"left over bytes", v5, 0x20, "00 00 00 00", malformed},
      {"PINGREQ with body", v311, 0xC0, "00", malformed},
      {"PINGREQ flags", v5, 0xC1, "", malformed},
      {"PINGRESP flags", v311, 0xD8, "", malformed},
      {"DISCONNECT flags", v5, 0xE1, "", malformed},
      {"DISCONNECT with body", v311, 0xE0, "00", malformed},
      {"DISCONNECT reason", v5, 0xE0, "01", broken},
      {"session expiry twice", v5, 0xE0, "00 0A 11 00000001 11 00000001", broken},
      {"left over bytes", v5, 0xE0, "00 00 00", malformed},
      {"AUTH in version 3", v311, 0xF0, "", malformed},
      {"AUTH flags", v5, 0xF1, "", malformed},
      {"AUTH reason", v5, 0xF0, "80 00", broken},
      {"AUTH without method", v5, 0xF0, "18 00", broken},
      {"AUTH with data only", v5, 0xF0, "00 04 16 0001 'd'", broken},
  });
}

TEST_CASE("What looks odd but is allowed", "[rules]") {
  CHECK(accepts(v31, 0x6A, "0001"));              // 3.1 repeats a PUBREL with DUP
  CHECK(accepts(v31, 0x8A, "0001 0001 'a' 01"));  // and a SUBSCRIBE
  CHECK(accepts(v31, 0x10, "0006 'MQIsdp' 03 03 0000 0001 'a'"));
  CHECK(accepts(v5, 0x10, "0004 'MQTT' 05 42 0000 00 0000 0001 'p'"));  // password alone
  CHECK(accepts(v5, 0x10, "0004 'MQTT' 05 00 0000 00 0000"));           // id to be assigned
  CHECK(accepts(v311, 0x10, "0004 'MQTT' 04 02 0000 0000"));
  CHECK(accepts(v5, 0x30, "0001 'a' 09 0B 01 0B 02 0B FF FF FF 7F"));
  CHECK(accepts(v5, 0x30, "0001 'a' 0A 26 0000 0000 26 0000 0000"));  // user property twice
  CHECK(accepts(v5, 0x40, "0001 00 00"));
  CHECK(accepts(v5, 0xE0, "04"));
  CHECK(accepts(v5, 0xF0, ""));
}

TEST_CASE("A client id of 3.1 may have 65535 bytes", "[rules]") {
  std::string wire = bytes("10 8D 80 04 0006 'MQIsdp' 03 02 0000 FFFF") + std::string(65535, 'x');
  const auto packet = decode_connect(testing::only_frame(wire));
  REQUIRE(packet);
  CHECK(packet->client_id.size() == 65535);
}

TEST_CASE("The version of a refused CONNECT can still be told", "[rules]") {
  const auto of = [](const char* body) {
    const auto wire = testing::framed(0x10, bytes(body));
    return connect_version(testing::only_frame(wire));
  };
  CHECK(of("0004 'MQTT' 05 03") == v5);
  CHECK(of("0004 'MQTT' 04") == v311);
  CHECK(of("0006 'MQIsdp' 03") == v31);
  CHECK(of("0004 'MQTT' 06") == std::nullopt);
  CHECK(of("") == std::nullopt);
}
