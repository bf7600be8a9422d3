#include "protocol/net/websocket_codec.hpp"

#include "protocol/net/websocket_upgrade.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/net/websocket_frames.hpp"

using namespace troupe::net;
using namespace troupe::net::testing;

namespace {

struct decoding {
  websocket_decoder decoder{1'000'000};
  std::string payload;
  std::string replies;

  explicit decoding(std::string bytes, std::size_t piece = 0) {
    if (piece == 0) piece = bytes.size();
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      std::string part = bytes.substr(at, piece);
      payload += decoder.decode(part, replies);
    }
  }
};

std::string status(const std::string& request, const websocket_settings& settings = {}) {
  auto answer = answer_upgrade(request, settings);
  CHECK(answer.why.empty() == answer.accepted);
  return answer.response.substr(9, 3);
}

}  // namespace

TEST_CASE("WebSocket upgrade: the example of RFC 6455 is accepted") {
  auto answer = answer_upgrade(good_request, {});
  CHECK(answer.accepted);
  CHECK(answer.response ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
}

TEST_CASE("WebSocket upgrade: [MQTT-6.0.0-3] [MQTT-6.0.0-4] subprotocol") {
  CHECK(status(request_with("other, mqtt", "other")) == "400");
  CHECK(status(request_with("Sec-WebSocket-Protocol: other, mqtt\r\n", "")) == "400");
  CHECK(status(request_with("other, mqtt", "MQTT")) == "400");
  CHECK(status(request_with("other, mqtt", "other\r\nSec-WebSocket-Protocol: mqtt")) == "101");
  auto old = answer_upgrade(request_with("other, mqtt", "mqttv3.1"), {});
  CHECK(old.response.find("Sec-WebSocket-Protocol: mqttv3.1\r\n") != std::string::npos);
}

TEST_CASE("WebSocket upgrade: what is refused") {
  CHECK(status(request_with("/mqtt", "/")) == "404");
  CHECK(status(request_with("/mqtt", "/mqtt?token=1")) == "101");
  CHECK(status(request_with("GET", "POST")) == "405");
  CHECK(status(request_with("Upgrade: websocket\r\n", "")) == "426");
  CHECK(status(request_with("HTTP/1.1", "HTTP/1.0")) == "426");
  CHECK(status(request_with("Version: 13", "Version: 8")) == "426");
  CHECK(status(request_with("dGhlIHNhbXBsZSBub25jZQ==", "short")) == "400");
  CHECK(status(request_with("Host: broker.example\r\n", "")) == "400");
  CHECK(status(request_with("Host:", "Content-Length: 5\r\nHost:")) == "400");
  CHECK(status(request_with("Host:", "Transfer-Encoding: chunked\r\nHost:")) == "400");
  CHECK(status("garbage\r\n\r\n") == "400");
  CHECK(status("") == "400");
  CHECK(status(request_with("Host:", "X: " + std::string(9000, 'x') + "\r\nHost:")) == "431");
}

TEST_CASE("WebSocket upgrade: origins") {
  websocket_settings settings;
  settings.origins = {"https://example.org"};
  CHECK(status(good_request, settings) == "101");
  CHECK(status(request_with("Host:", "Origin: https://example.org\r\nHost:"), settings) == "101");
  CHECK(status(request_with("Host:", "Origin: https://evil.example\r\nHost:"), settings) == "403");
  CHECK(status(request_with("Host:", "Origin: https://evil.example\r\nHost:")) == "101");
}

TEST_CASE("WebSocket frames: [MQTT-6.0.0-2] frames and packets need not fit each other") {
  std::string big(70'000, 'b');
  std::string bytes = client_frame(0x82, "one") + client_frame(0x02, "tw") +
                      client_frame(0x89, "are you there") + client_frame(0x00, "") +
                      client_frame(0x80, "o") + client_frame(0x82, big.substr(0, 300)) +
                      client_frame(0x82, big);
  for (std::size_t piece : {0, 1, 2, 3, 7, 1000, 65'536}) {
    decoding seen(bytes, piece);
    CAPTURE(piece);
    CHECK(seen.payload == "onetwo" + big.substr(0, 300) + big);
    CHECK(seen.replies == std::string("\x8a\x0d", 2) + "are you there");
    CHECK_FALSE(seen.decoder.finished());
  }
}

TEST_CASE("WebSocket frames: what breaks the rules") {
  auto code = [](const std::string& bytes) {
    decoding seen(client_frame(0x82, "before") + bytes + client_frame(0x82, "after"));
    CHECK(seen.decoder.finished());
    CHECK(seen.payload == "before");
    CHECK(seen.decoder.why()[0] != '\0');
    return seen.decoder.code();
  };
  CHECK(code(client_frame(0x81, "text")) == close_code::not_binary);  // [MQTT-6.0.0-1]
  CHECK(code(client_frame(0x82, "bare", false)) == close_code::protocol_error);
  CHECK(code(client_frame(0xc2, "deflated")) == close_code::protocol_error);
  CHECK(code(client_frame(0x83, "unknown")) == close_code::protocol_error);
  CHECK(code(client_frame(0x8b, "unknown")) == close_code::protocol_error);
  CHECK(code(client_frame(0x80, "of nothing")) == close_code::protocol_error);
  CHECK(code(client_frame(0x09, "half a ping")) == close_code::protocol_error);
  CHECK(code(client_frame(0x89, std::string(126, 'x'))) == close_code::protocol_error);
  CHECK(code(client_frame(0x88, "x")) == close_code::protocol_error);
  CHECK(code(client_frame(0x88, std::string("\x03\xed", 2))) == close_code::protocol_error);
  CHECK(code(client_frame(0x88, "")) == close_code::none);
  CHECK(code(client_frame(0x88, std::string("\x03\xe9 bye", 6))) == close_code{1001});
  CHECK(code(std::string("\x82\xff\x00\x00\x00\x00\x00\x0f\x42\x41mask", 14)) ==
        close_code::too_big);
  CHECK(code(std::string("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00mask", 14)) ==
        close_code::protocol_error);
  CHECK(code(std::string("\x82\xfe\x00\x05mask", 8)) == close_code::protocol_error);
  decoding nested(client_frame(0x02, "a") + client_frame(0x82, "b"));
  CHECK(nested.decoder.code() == close_code::protocol_error);
}

TEST_CASE("WebSocket frames: golden bytes of what is sent") {
  auto header = [](std::uint64_t size) { return std::string(binary_header(size).view()); };
  CHECK(header(5) == std::string("\x82\x05", 2));
  CHECK(header(126) == std::string("\x82\x7e\x00\x7e", 4));
  CHECK(header(65'535) == std::string("\x82\x7e\xff\xff", 4));
  CHECK(header(65'536) == std::string("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
  CHECK(make_close_frame(close_code::normal) == std::string("\x88\x02\x03\xe8", 4));
  CHECK(make_close_frame(close_code::none) == std::string("\x88\x00", 2));
}
