// Every packet in every version as bytes: what is encoded, and that decoding
// and encoding again gives the same.
#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/encoder.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/mqtt/bytes.hpp"

#include <functional>

using namespace troupe::mqtt;
using testing::bytes;

namespace {

constexpr auto v31 = protocol_version::v3_1;
constexpr auto v311 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;

template <class T>
T made(const std::function<void(T&)>& fill) {
  T out;
  fill(out);
  return out;
}

void check_golden(const char* name, protocol_version version, const packet& value,
                  const char* wire) {
  INFO(name << " in version " << static_cast<int>(version));
  const auto expected = bytes(wire);
  std::string out = "before";
  REQUIRE(encode(out, value, version));
  CHECK(out == "before" + expected);
  const auto back = decode(testing::only_frame(expected), version);
  if (!back) FAIL(back.error().sentence);
  CHECK(back->index() == value.index());
  std::string again;
  REQUIRE(encode(again, *back, version));
  CHECK(again == expected);
  // The limit counts every byte.
  const auto size = static_cast<std::uint32_t>(expected.size());
  std::string limited;
  CHECK(encode(limited, value, version, size));
  CHECK(limited == expected);
}

connect_packet connect_of(protocol_version version) {
  return made<connect_packet>([&](auto& p) {
    p.version = version;
    p.client_id = "ab";
    p.keep_alive = 60;
    p.username = "u";
    p.password = std::string("\0p", 2);
    auto& w = p.will.emplace();
    w.topic = "w";
    w.payload = "bye";
    w.level = qos::at_least_once;
    w.retain = true;
  });
}

diagnostics some_info() {
  return {"no", {{"k", "v"}}};
}

}  // namespace

TEST_CASE("CONNECT as bytes", "[golden]") {
  connect_packet shortest;
  shortest.version = v311;
  check_golden("shortest", v311, shortest, "10 0C 0004 'MQTT' 04 02 0000 0000");
  shortest.version = v5;
  check_golden("shortest", v5, shortest, "10 0D 0004 'MQTT' 05 02 0000 00 0000");
  check_golden("full", v31, connect_of(v31),
               "10 1F 0006 'MQIsdp' 03 EE 003C 0002 'ab' 0001 'w' 0003 'bye' 0001 'u' 0002 00 'p'");
  check_golden("full", v311, connect_of(v311),
               "10 1D 0004 'MQTT' 04 EE 003C 0002 'ab' 0001 'w' 0003 'bye' 0001 'u' 0002 00 'p'");
  auto full = connect_of(v5);
  full.session_expiry = 0x01020304;
  full.receive_maximum = 10;
  full.maximum_packet_size = 1024;
  full.topic_alias_maximum = 5;
  full.request_response_information = true;
  full.request_problem_information = false;
  full.authentication_method = "m";
  full.authentication_data = "d";
  full.users = {{"a", "b"}};
  full.will->delay = 7;
  full.will->expiry = 9;
  full.will->properties = bytes("01 01 03 0001 't'");
  check_golden("full", v5, full,
               "10 52 0004 'MQTT' 05 EE 003C"
               "23 11 01020304 21 000A 27 00000400 22 0005 19 01 17 00"
               "15 0001 'm' 16 0001 'd' 26 0001 'a' 0001 'b'"
               "0002 'ab' 10 18 00000007 02 00000009 01 01 03 0001 't'"
               "0001 'w' 0003 'bye' 0001 'u' 0002 00 'p'");
}

TEST_CASE("CONNACK as bytes", "[golden]") {
  connack_packet present;
  present.session_present = true;
  check_golden("accepted", v311, present, "20 02 01 00");
  check_golden("accepted", v5, present, "20 03 01 00 00");
  present.session_present = false;
  check_golden("accepted", v31, present, "20 02 00 00");
  connack_packet refused;
  refused.reason = reason_code::not_authorized;
  check_golden("refused", v31, refused, "20 02 00 05");
  check_golden("refused", v311, refused, "20 02 00 05");
  check_golden("refused", v5, refused, "20 03 00 87 00");
  connack_packet full;
  full.session_expiry = 100;
  full.receive_maximum = 20;
  full.maximum_qos = qos::at_least_once;
  full.retain_available = false;
  full.maximum_packet_size = 4096;
  full.assigned_client_id = "id";
  full.topic_alias_maximum = 8;
  full.server_keep_alive = 30;
  full.response_information = "r";
  full.server_reference = "s";
  full.authentication_method = "m";
  full.authentication_data = "d";
  full.info = some_info();
  check_golden("full", v5, full,
               "20 3B 00 00 38 11 00000064 21 0014 24 01 25 00 27 00001000 12 0002 'id' 22 0008"
               "13 001E 1A 0001 'r' 1C 0001 's' 15 0001 'm' 16 0001 'd' 1F 0002 'no'"
               "26 0001 'k' 0001 'v'");
}

TEST_CASE("PUBLISH as bytes", "[golden]") {
  publish_packet p;
  p.topic = "a/b";
  p.payload = "hi";
  for (const auto version : {v31, v311}) {
    check_golden("QoS 0", version, p, "30 07 0003 'a/b' 'hi'");
  }
  check_golden("QoS 0", v5, p, "30 08 0003 'a/b' 00 'hi'");
  p.level = qos::exactly_once;
  p.id = 0x1234;
  p.dup = p.retain = true;
  for (const auto version : {v31, v311}) {
    check_golden("QoS 2", version, p, "3D 09 0003 'a/b' 1234 'hi'");
  }
  p.topic_alias = 3;
  p.expiry = 60;
  p.subscription_ids = {1, 128};
  const auto forwarded = bytes("01 01 26 0001 'k' 0001 'v'");
  p.properties = forwarded;
  check_golden("full", v5, p,
               "3D 20 0003 'a/b' 1234 16 23 0003 02 0000003C 0B 01 0B 80 01"
               "01 01 26 0001 'k' 0001 'v' 'hi'");
  publish_packet alias;
  alias.topic_alias = 3;
  check_golden("alias alone", v5, alias, "30 06 0000 03 23 0003");
}

TEST_CASE("Acknowledgements as bytes", "[golden]") {
  struct row {
    ack_kind kind;
    const char* plain;
  };
  for (const auto& [kind, plain] :
       {row{ack_kind::puback, "40 02 0102"}, row{ack_kind::pubrec, "50 02 0102"},
        row{ack_kind::pubrel, "62 02 0102"}, row{ack_kind::pubcomp, "70 02 0102"}}) {
    ack_packet p;
    p.kind = kind;
    p.id = 0x0102;
    for (const auto version : {v31, v311, v5}) check_golden("plain", version, p, plain);
  }
  ack_packet p;
  p.id = 1;
  p.reason = reason_code::no_matching_subscribers;
  check_golden("reason", v5, p, "40 03 0001 10");
  check_golden("reason", v311, p, "40 02 0001");
  p.reason = reason_code::not_authorized;
  p.info = some_info();
  check_golden("info", v5, p, "40 10 0001 87 0C 1F 0002 'no' 26 0001 'k' 0001 'v'");
}

TEST_CASE("SUBSCRIBE and UNSUBSCRIBE as bytes", "[golden]") {
  subscribe_packet s;
  s.id = 10;
  s.entries = {{"a", {qos::at_least_once, false, false, retain_handling::send}}, {"b/#", {}}};
  for (const auto version : {v31, v311}) {
    check_golden("plain", version, s, "82 0C 000A 0001 'a' 01 0003 'b/#' 00");
  }
  check_golden("plain", v5, s, "82 0D 000A 00 0001 'a' 01 0003 'b/#' 00");
  s.subscription_id = 200;
  s.users = {{"k", "v"}};
  s.entries[0].options = {qos::exactly_once, true, true, retain_handling::do_not_send};
  check_golden("full", v5, s,
               "82 17 000A 0A 0B C8 01 26 0001 'k' 0001 'v' 0001 'a' 2E 0003 'b/#' 00");
  unsubscribe_packet u;
  u.id = 11;
  u.filters = {"a", "b"};
  for (const auto version : {v31, v311}) {
    check_golden("plain", version, u, "A2 08 000B 0001 'a' 0001 'b'");
  }
  u.users = {{"k", "v"}};
  check_golden("full", v5, u, "A2 10 000B 07 26 0001 'k' 0001 'v' 0001 'a' 0001 'b'");
}

TEST_CASE("SUBACK and UNSUBACK as bytes", "[golden]") {
  suback_packet s;
  s.id = 10;
  s.reasons = {reason_code::success, reason_code::granted_qos_2, reason_code::not_authorized};
  for (const auto version : {v31, v311}) {
    check_golden("plain", version, s, "90 05 000A 00 02 80");
  }
  check_golden("plain", v5, s, "90 06 000A 00 00 02 87");
  s.info = some_info();
  check_golden("full", v5, s, "90 12 000A 0C 1F 0002 'no' 26 0001 'k' 0001 'v' 00 02 87");
  suback_packet u;
  u.unsubscribe = true;
  u.id = 11;
  u.reasons = {reason_code::success, reason_code::no_subscription_existed};
  for (const auto version : {v31, v311}) check_golden("plain", version, u, "B0 02 000B");
  check_golden("plain", v5, u, "B0 05 000B 00 00 11");
}

TEST_CASE("PINGREQ, PINGRESP, DISCONNECT and AUTH as bytes", "[golden]") {
  for (const auto version : {v31, v311, v5}) {
    check_golden("PINGREQ", version, pingreq_packet{}, "C0 00");
    check_golden("PINGRESP", version, pingresp_packet{}, "D0 00");
    check_golden("DISCONNECT", version, disconnect_packet{}, "E0 00");
  }
  disconnect_packet d;
  d.reason = reason_code::session_taken_over;
  check_golden("reason", v5, d, "E0 01 8E");
  d.session_expiry = 5;
  d.server_reference = "s";
  d.info = some_info();
  check_golden("full", v5, d,
               "E0 17 8E 15 11 00000005 1C 0001 's' 1F 0002 'no' 26 0001 'k' 0001 'v'");
  check_golden("AUTH", v5, auth_packet{}, "F0 00");
  auth_packet a;
  a.reason = reason_code::continue_authentication;
  a.method = "m";
  a.data = "d";
  a.info = some_info();
  check_golden("full", v5, a,
               "F0 16 18 14 15 0001 'm' 16 0001 'd' 1F 0002 'no' 26 0001 'k' 0001 'v'");
  std::string out;
  CHECK_FALSE(encode(out, auth_packet{}, v311));
  CHECK(out.empty());
}
