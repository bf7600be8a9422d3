// Transports of a listener whose connections begin with a PROXY header.

#include "protocol/net/peer/network_set.hpp"
#include "protocol/net/tls_context.hpp"
#include "protocol/net/websocket_upgrade.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/net/certificates.hpp"
#include "tests/unit/net/proxy_headers.hpp"
#include "tests/unit/net/tls_client.hpp"
#include "tests/unit/net/websocket_frames.hpp"

using namespace troupe::net;
using namespace troupe::net::testing;
using namespace std::string_literals;

namespace {

const std::string from_afar = "PROXY TCP4 192.0.2.1 198.51.100.1 40000 1883\r\n";
const std::string v4_block = "\xc0\0\x02\x01\xc6\x33\x64\x01\x9c\x40\x07\x5b"s;

struct proxied_fixture : connected_fixture {
  proxied_fixture() { options.proxies = std::make_shared<network_set>(); }

  bool begin() {
    if (!connect()) return false;
    link->start(server);
    return true;
  }
  /// Sends `bytes` to a connection that has begun; true when it is open.
  bool opens_with(const std::string& bytes) {
    return begin() && client.send_all(bytes) && run_until([&] { return server.opened == 1; });
  }
  bool is_refused_after(const std::string& bytes) {
    return begin() && client.send_all(bytes) && run_until([&] { return server.closed == 1; }) &&
           server.opened == 0;
  }
};

}  // namespace

TEST_CASE_METHOD(proxied_fixture, "PROXY: the peer is who the header names") {
  REQUIRE(begin());
  CHECK(link->peer().awaits_proxy_header);
  CHECK(link->peer().address.starts_with("127.0.0.1:"));
  REQUIRE(client.send_all(from_afar + "and what follows"));
  REQUIRE(run_until([&] { return server.received == "and what follows"; }));
  CHECK(server.peer.address == "192.0.2.1:40000");
  CHECK(link->peer().address == "192.0.2.1:40000");
  CHECK_FALSE(server.peer.loopback);
  CHECK_FALSE(server.peer.awaits_proxy_header);
  CHECK(server.opened == 1);
}

TEST_CASE_METHOD(proxied_fixture, "PROXY: a header in pieces of one byte") {
  REQUIRE(begin());
  for (const char c : from_afar + "x") {
    REQUIRE(client.send_all(std::string(1, c)));
    io.restart();
    io.poll();
  }
  REQUIRE(run_until([&] { return server.received == "x"; }));
  CHECK(server.peer.address == "192.0.2.1:40000");
}

TEST_CASE_METHOD(proxied_fixture, "PROXY: half a header waits for the other half") {
  REQUIRE(begin());
  REQUIRE(client.send_all(from_afar.substr(0, 20)));
  REQUIRE_FALSE(run_until([&] { return server.opened + server.closed > 0; },
                          std::chrono::milliseconds(50)));
  REQUIRE(client.send_all(from_afar.substr(20)));
  REQUIRE(run_until([&] { return server.opened == 1; }));
}

TEST_CASE_METHOD(proxied_fixture, "PROXY: loopback only where proxy and client say so") {
  const auto [header, address, loopback] = GENERATE(table<std::string, std::string, bool>({
      {"PROXY TCP4 127.0.0.1 127.0.0.1 40000 1883\r\n", "127.0.0.1:40000", true},
      {"PROXY TCP6 ::1 ::1 40000 1883\r\n", "[::1]:40000", true},
      {"PROXY TCP6 2001:db8::1 ::1 40000 1883\r\n", "[2001:db8::1]:40000", false},
      {v2_header(0x21, 0x11, v4_block), "192.0.2.1:40000", false},
      {v2_header(0x21, 0x31, std::string(216, '\0')), "unix", false},
      {v2_header(0x20, 0x00, ""), "", false},
      {v2_header(0x21, 0x00, ""), "", false},
      {"PROXY UNKNOWN\r\n", "", false},
  }));
  REQUIRE(opens_with(header));
  CHECK(server.peer.loopback == loopback);
  if (address.empty())
    CHECK(server.peer.address.starts_with("127.0.0.1:"));
  else
    CHECK(server.peer.address == address);
}

TEST_CASE_METHOD(proxied_fixture, "PROXY: a client of another machine's loopback is not on ours") {
  // As the acceptor would report it of a proxy elsewhere.
  REQUIRE(connect());
  link.reset();
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  link = make_transport(loop, pair[0], "203.0.113.9:1", false, options);
  client.disconnect();
  client.fd = pair[1];
  link->start(server);
  REQUIRE(client.send_all("PROXY TCP4 127.0.0.1 127.0.0.1 40000 1883\r\n"));
  REQUIRE(run_until([&] { return server.opened == 1; }));
  CHECK(server.peer.address == "127.0.0.1:40000");
  CHECK_FALSE(server.peer.loopback);
}

TEST_CASE_METHOD(proxied_fixture, "PROXY: without a good header nothing is read") {
  const auto [bytes, why] = GENERATE(table<std::string, std::string>({
      {"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0"s, "this is no PROXY header"},
      {"GET /mqtt HTTP/1.1\r\n\r\n", "this is no PROXY header"},
      {"PROXY TCP4 192.0.2.1 198.51.100.1 x 1883\r\n", "a port in the PROXY header is broken"},
      {v2_header(0x21, 0x11, v4_block + "\x01"), "an entry of the PROXY header is cut off"},
      {v2_header(0x20, 0x00, std::string(2049, 'x')), "the PROXY header is too long"},
  }));
  REQUIRE(is_refused_after(bytes));
  CHECK(server.why == why);
  CHECK(server.received.empty());
  CHECK(link->peer().awaits_proxy_header);
}

TEST_CASE_METHOD(proxied_fixture, "PROXY: closed within the header") {
  REQUIRE(begin());
  REQUIRE(client.send_all("PROXY TCP4 192.0"));
  client.disconnect();
  REQUIRE(run_until([&] { return server.closed == 1; }));
  CHECK(server.opened == 0);
  CHECK(server.why == "closed by the peer before its PROXY header was complete");
}

TEST_CASE_METHOD(proxied_fixture, "PROXY: before WebSocket") {
  options.websocket = std::make_shared<websocket_settings>();
  REQUIRE(begin());
  REQUIRE(client.send_all(from_afar + good_request + client_frame(0x82, "eager")));
  REQUIRE(run_until([&] { return server.received == "eager"; }));
  CHECK(server.peer.address == "192.0.2.1:40000");
  CHECK(server.peer.websocket);
  CHECK(link->peer().address == "192.0.2.1:40000");
}

TEST_CASE_METHOD(proxied_fixture, "PROXY: the name in the certificate is the proxy's word") {
  const auto block = v4_block + ssl_tlv(7, 0, tlv(0x22, "device-17"));
  REQUIRE(opens_with(v2_header(0x21, 0x11, block)));
  CHECK(server.peer.certificate_name() == "device-17");
  CHECK(server.peer.certificate_subject().empty());
  CHECK_FALSE(server.peer.tls);
}

TEST_CASE_METHOD(proxied_fixture, "PROXY: before TLS, whose certificate may be the proxy's") {
  certificate_authority ca;
  tls_settings settings;
  settings.certificate_file = ca.make("broker");
  settings.ca_file = ca.file();
  settings.clients = client_certificates::optional;
  auto made = tls_context::make(settings);
  INFO(made.error);
  REQUIRE(made.context);
  options.tls = made.context;
  std::string header;
  std::string name;
  SECTION("the proxy only passes the bytes on: the certificate is the client's") {
    header = v2_header(0x21, 0x11, v4_block);
    name = "on the wire";
  }
  SECTION("the proxy ended the client's TLS and knows its name") {
    header = v2_header(0x21, 0x11, v4_block + ssl_tlv(7, 0, tlv(0x22, "device-17")));
    name = "device-17";
  }
  SECTION("the proxy ended the client's TLS and knows no name: its own is not the client's") {
    header = v2_header(0x21, 0x11, v4_block + ssl_tlv(1, 0, ""));
  }
  REQUIRE(begin());
  REQUIRE(client.send_all(header));
  tls_client peer(ca.make("on the wire"), TLS1_2_VERSION);
  peer.attach(client);
  bool done = false;
  REQUIRE(run_until([&] {
    if (!done && !peer.failed()) done = peer.shake_hands();
    return (done && server.opened == 1) || server.closed == 1;
  }));
  INFO(server.why);
  REQUIRE(server.opened == 1);
  CHECK(server.peer.address == "192.0.2.1:40000");
  CHECK(server.peer.tls);
  CHECK(server.peer.certificate_name() == name);
}
