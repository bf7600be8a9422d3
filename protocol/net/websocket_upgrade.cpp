#include "protocol/net/websocket_upgrade.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>

namespace troupe::net {
namespace {

namespace http = boost::beast::http;
using request = http::request<http::empty_body>;

upgrade_answer refuse(const char* status, std::string why, const char* more = "") {
  std::string body = why + "\n";
  std::string response = std::string("HTTP/1.1 ") + status +
                         "\r\nConnection: close\r\nContent-Type: text/plain\r\n" + more +
                         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  return {false, std::move(response), "WebSocket upgrade refused: " + why};
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

bool has_token(const request& asked, http::field name, boost::beast::string_view token) {
  auto [begin, end] = asked.equal_range(name);
  return std::any_of(
      begin, end, [&](const auto& field) { return http::token_list{field.value()}.exists(token); });
}

/// 16 bytes in base64.
bool is_key(std::string_view key) {
  auto is_digit = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '+' ||
           c == '/';
  };
  return key.size() == 24 && key.substr(22) == "==" &&
         std::all_of(key.begin(), key.begin() + 22, is_digit);
}

std::string accept_value(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1)
    return {};
  std::array<unsigned char, 64> encoded{};
  int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

/// The offered subprotocol that we speak, or null. Names are case-sensitive.
const char* choose_subprotocol(const request& asked) {
  const char* chosen = nullptr;
  auto [begin, end] = asked.equal_range(http::field::sec_websocket_protocol);
  for (auto field = begin; field != end; ++field) {
    for (auto offered : http::token_list{field->value()}) {
      if (view(offered) == "mqtt") return "mqtt";
      if (view(offered) == "mqttv3.1") chosen = "mqttv3.1";
    }
  }
  return chosen;
}

std::optional<upgrade_answer> refusal(const request& asked, const websocket_settings& settings) {
  if (asked.method() != http::verb::get)
    return refuse("405 Method Not Allowed", "the method is not GET", "Allow: GET\r\n");
  std::string_view target = view(asked.target());
  if (target.substr(0, target.find('?')) != settings.path)
    return refuse("404 Not Found", "no such path");
  if (asked.version() != 11 || !has_token(asked, http::field::upgrade, "websocket") ||
      !has_token(asked, http::field::connection, "upgrade"))
    return refuse("426 Upgrade Required", "this is a WebSocket endpoint for MQTT",
                  "Upgrade: websocket\r\n");
  if (view(asked[http::field::sec_websocket_version]) != "13")
    return refuse("426 Upgrade Required", "the WebSocket version is not 13",
                  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
  if (asked.count(http::field::host) != 1) return refuse("400 Bad Request", "no host is named");
  if (asked.count(http::field::sec_websocket_key) != 1 ||
      !is_key(view(asked[http::field::sec_websocket_key])))
    return refuse("400 Bad Request", "the WebSocket key is not 16 bytes in base64");
  if (asked.count(http::field::transfer_encoding) != 0 ||
      (asked.count(http::field::content_length) != 0 &&
       view(asked[http::field::content_length]) != "0"))
    return refuse("400 Bad Request", "the request has a body");
  auto origin = asked.find(http::field::origin);
  if (origin != asked.end() && !settings.origins.empty() &&
      std::find(settings.origins.begin(), settings.origins.end(), view(origin->value())) ==
          settings.origins.end())
    return refuse("403 Forbidden", "the origin is not allowed");
  return std::nullopt;
}

}  // namespace

upgrade_answer answer_upgrade(std::string_view head, const websocket_settings& settings) {
  if (head.empty()) return refuse("400 Bad Request", "the peer does not speak HTTP");
  http::request_parser<http::empty_body> parser;
  parser.header_limit(max_upgrade_bytes);
  // The body is judged here; the parser stops at the empty line.
  parser.skip(true);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error == http::error::header_limit) return refuse_long_upgrade();
  if (error || !parser.is_header_done())
    return refuse("400 Bad Request", "the request is not HTTP: " +
                                         (error ? error.message() : std::string("incomplete")));
  const request& asked = parser.get();
  if (auto refused = refusal(asked, settings)) return *std::move(refused);
  // [MQTT-6.0.0-3] The client must offer a subprotocol that we speak.
  const char* subprotocol = choose_subprotocol(asked);
  if (subprotocol == nullptr)
    return refuse("400 Bad Request", "the subprotocol mqtt is not offered");
  std::string response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      accept_value(view(asked[http::field::sec_websocket_key])) +
      "\r\nSec-WebSocket-Protocol: " + subprotocol + "\r\n\r\n";
  return {true, std::move(response), {}};
}

upgrade_answer refuse_long_upgrade() {
  return refuse("431 Request Header Fields Too Large", "the request head is too long");
}

}  // namespace troupe::net
