#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/encoder.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/mqtt/bytes.hpp"

using namespace troupe::mqtt;
using testing::bytes;

namespace {

constexpr auto v31 = protocol_version::v3_1;
constexpr auto v311 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;

}  // namespace

TEST_CASE("An answer loses user properties first, then the reason string", "[encoder]") {
  ack_packet p;
  p.id = 1;
  p.reason = reason_code::quota_exceeded;
  p.info = {"full", {{"key", "value"}}};
  const auto within = [&](std::uint32_t limit) {
    std::string out;
    encode(out, p, v5, limit);
    return out;
  };
  const auto bare = bytes("40 03 0001 97");
  const auto reasoned = bytes("40 0B 0001 97 07 1F 0004 'full'");
  const auto whole = bytes("40 18 0001 97 14 1F 0004 'full' 26 0003 'key' 0005 'value'");
  CHECK(within(26) == whole);
  CHECK(within(25) == reasoned);
  CHECK(within(13) == reasoned);
  CHECK(within(12) == bare);
  CHECK(within(5) == bare);
  CHECK(within(4).empty());
  p.info.reason_string.assign(70'000, 'x');
  CHECK(within(0) == bare);
}

TEST_CASE("Other answers shrink too, and leave the output alone when they cannot", "[encoder]") {
  const diagnostics info{"because", {{"a", "b"}}};
  connack_packet connack;
  connack.assigned_client_id = "id";
  connack.info = info;
  suback_packet suback;
  suback.id = 1;
  suback.reasons = {reason_code::success};
  suback.info = info;
  disconnect_packet disconnect;
  disconnect.reason = reason_code::server_busy;
  disconnect.info = info;
  auth_packet auth;
  auth.method = "m";
  auth.info = info;
  const packet answers[] = {connack, suback, disconnect, auth};
  const char* shortest[] = {"20 08 00 00 05 12 0002 'id'", "90 04 0001 00 00", "E0 01 89",
                            "F0 06 00 04 15 0001 'm'"};
  for (std::size_t i = 0; i < std::size(answers); ++i) {
    const auto expected = bytes(shortest[i]);
    const auto size = static_cast<std::uint32_t>(expected.size());
    std::string out = "x";
    REQUIRE(encode(out, answers[i], v5, size));
    CHECK(out == "x" + expected);
    CHECK_FALSE(encode(out, answers[i], v5, size - 1));
    CHECK(out == "x" + expected);
  }
}

TEST_CASE("Requests above a limit or with strings too long are not encoded", "[encoder]") {
  std::string out;
  publish_packet publish;
  publish.topic = "a";
  CHECK_FALSE(encode(out, publish, v5, 5));
  CHECK(encode(out, publish, v5, 6));
  out.clear();
  const std::string long_text(65'536, 'x');
  publish.topic = long_text;
  CHECK_FALSE(encode(out, publish, v5));
  connect_packet connect;
  connect.client_id = long_text;
  CHECK_FALSE(encode(out, connect, v5));
  connect = {};
  connect.version = v311;
  connect.password = "p";
  CHECK_FALSE(encode(out, connect, v311));
  subscribe_packet subscribe;
  subscribe.id = 1;
  subscribe.entries = {{long_text, {}}};
  CHECK_FALSE(encode(out, subscribe, v5));
  subscribe.entries = {{"a", {}}};
  subscribe.subscription_id = 268'435'456;
  CHECK_FALSE(encode(out, subscribe, v5));
  CHECK(encode(out, subscribe, v311));
  out.clear();
  unsubscribe_packet unsubscribe;
  unsubscribe.id = 1;
  unsubscribe.filters = {long_text};
  CHECK_FALSE(encode(out, unsubscribe, v5));
  CHECK(out.empty());
}

TEST_CASE("A copy for a subscriber in each version and form", "[encoder]") {
  message::fields fields;
  fields.topic = "a/b";
  fields.payload = "hi";
  const auto properties = bytes("01 01");
  fields.properties = properties;
  fields.retain = true;  // what counts is the form
  const auto m = message::make(fields);
  const std::uint32_t ids[] = {1, 300};
  const auto check = [&](const publish_form& form, protocol_version version, const char* wire) {
    const auto expected = bytes(wire);
    std::string out = "x";
    encode_publish(out, *m, form, version);
    CHECK(out == "x" + expected);
    CHECK(encoded_size(*m, form, version) == expected.size());
  };
  publish_form form;
  check(form, v31, "30 07 0003 'a/b' 'hi'");
  check(form, v311, "30 07 0003 'a/b' 'hi'");
  check(form, v5, "30 0A 0003 'a/b' 02 01 01 'hi'");
  form = {7, qos::at_least_once, true, true, 9, false, 30U, ids};
  check(form, v311, "3B 09 0003 'a/b' 0007 'hi'");
  check(form, v5, "3B 16 0000 0007 0F 23 0009 02 0000001E 0B 01 0B AC 02 01 01 'hi'");
  form.send_topic = true;
  check(form, v5, "3B 19 0003 'a/b' 0007 0F 23 0009 02 0000001E 0B 01 0B AC 02 01 01 'hi'");
}

TEST_CASE("Copies at the edges of the length of the remaining length", "[encoder]") {
  for (const std::size_t remaining : {127U, 128U, 16'383U, 16'384U, 2'097'151U, 2'097'152U}) {
    const std::string payload(remaining - 3, 'p');
    message::fields fields;
    fields.topic = "t";
    fields.payload = payload;
    const auto m = message::make(fields);
    std::string out;
    encode_publish(out, *m, {}, v311);
    CHECK(out.size() == encoded_size(*m, {}, v311));
    publish_packet back;
    REQUIRE_FALSE(decode_publish(testing::only_frame(out), v311, back));
    CHECK(back.topic == "t");
    CHECK(back.payload == payload);
  }
}
