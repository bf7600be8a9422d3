#include "protocol/net/websocket_transport.hpp"

#include "protocol/net/tls_context.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/net/certificates.hpp"
#include "tests/unit/net/tls_client.hpp"
#include "tests/unit/net/websocket_frames.hpp"

using namespace troupe::net;
using namespace troupe::net::testing;
using namespace std::chrono_literals;

namespace {

const std::string accepted = answer_upgrade(good_request, {}).response;

struct websocket_fixture : connected_fixture {
  websocket_fixture() { options.websocket = std::make_shared<websocket_settings>(); }

  bool receives(std::size_t bytes) {
    return run_until([&] {
      client.poll();
      return client.received.size() >= bytes;
    });
  }
  /// The upgrade is done and the client has read its answer.
  bool upgrade() {
    if (!connect()) return false;
    link->start(server);
    if (!client.send_all(good_request) || !receives(accepted.size())) return false;
    bool good = client.received == accepted && server.opened == 1;
    client.received.clear();
    return good;
  }
  bool ends() {
    return run_until([&] {
      client.poll();
      if (client.ended) client.disconnect();
      return server.closed == 1;
    });
  }
};

}  // namespace

TEST_CASE_METHOD(websocket_fixture, "WebSocket: echo in binary frames") {
  REQUIRE(upgrade());
  CHECK(server.peer.websocket);
  CHECK(link->peer().websocket);
  server.reply = [&](std::string_view bytes) {
    link->write(bytes);
    link->flush();
  };
  REQUIRE(client.send_all(client_frame(0x82, "hello")));
  REQUIRE(receives(7));
  CHECK(client.received == std::string("\x82\x05", 2) + "hello");
  CHECK(link->pending() == 0);
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket: frames of one segment are one read") {
  REQUIRE(upgrade());
  REQUIRE(client.send_all(client_frame(0x82, "a") + client_frame(0x02, "b") +
                          client_frame(0x80, "c") + client_frame(0x82, "d")));
  REQUIRE(run_until([&] { return server.received == "abcd"; }));
  CHECK(server.reads == 1);
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket: the request may come in pieces, with frames") {
  REQUIRE(connect());
  link->start(server);
  std::string all = good_request + client_frame(0x82, "eager");
  for (char c : all.substr(0, 200)) {
    REQUIRE(client.send_all(std::string(1, c)));
    io.restart();
    io.poll();
  }
  REQUIRE(client.send_all(all.substr(200)));
  REQUIRE(run_until([&] { return server.received == "eager"; }));
  CHECK(server.opened == 1);
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket: a bad request gets its answer and no on_open") {
  REQUIRE(connect());
  link->start(server);
  std::string expected;
  SECTION("wrong path") {
    REQUIRE(client.send_all(request_with("/mqtt", "/other")));
    expected = "HTTP/1.1 404 ";
  }
  SECTION("a head without end") {
    REQUIRE(client.send_all("GET /mqtt HTTP/1.1\r\nX: " + std::string(9000, 'x')));
    expected = "HTTP/1.1 431 ";
  }
  SECTION("MQTT without WebSocket") {
    REQUIRE(client.send_all(std::string("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c", 12)));
    expected = "HTTP/1.1 400 ";
  }
  std::string received;
  REQUIRE(run_until([&] {
    client.poll();
    return client.ended;
  }));
  CHECK(client.received.rfind(expected, 0) == 0);
  client.disconnect();
  REQUIRE(run_until([&] { return server.closed == 1; }));
  CHECK(server.why.rfind("WebSocket upgrade refused: ", 0) == 0);
  CHECK(server.opened == 0);
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket: ping is answered") {
  REQUIRE(upgrade());
  REQUIRE(client.send_all(client_frame(0x89, "abc")));
  REQUIRE(receives(5));
  CHECK(client.received == std::string("\x8a\x03", 2) + "abc");
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket: a flood of pings fills no buffer") {
  REQUIRE(upgrade());
  std::string pings;
  for (int i = 0; i < 500; ++i) pings += client_frame(0x89, std::string(125, 'p'));
  for (int i = 0; i < 200; ++i) {
    (void)client.send_all(pings);
    io.restart();
    io.poll();
  }
  CHECK(link->pending() < 200'000);
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket: [MQTT-6.0.0-1] a text frame closes") {
  REQUIRE(upgrade());
  REQUIRE(client.send_all(client_frame(0x81, "text")));
  REQUIRE(receives(4));
  CHECK(client.received == std::string("\x88\x02\x03\xeb", 4));
  REQUIRE(ends());
  CHECK(server.why == "WebSocket: a text frame, where MQTT needs binary ones");
  CHECK(server.received.empty());
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket: an unmasked frame closes") {
  REQUIRE(upgrade());
  REQUIRE(client.send_all(client_frame(0x82, "bare", false)));
  REQUIRE(receives(4));
  CHECK(client.received == std::string("\x88\x02\x03\xea", 4));
  REQUIRE(ends());
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket: the closing handshake") {
  REQUIRE(upgrade());
  SECTION("begun by the peer, after its last packet") {
    REQUIRE(client.send_all(client_frame(0x82, "last") +
                            client_frame(0x88, std::string("\x03\xe8", 2))));
    REQUIRE(receives(4));
    CHECK(client.received == std::string("\x88\x02\x03\xe8", 4));
    REQUIRE(ends());
    CHECK(server.received == "last");
    CHECK(server.why == "closed by the peer");
  }
  SECTION("begun by us, after our last packet") {
    link->write("bye");
    link->close();
    REQUIRE(receives(9));
    CHECK(client.received == std::string("\x82\x03", 2) + "bye" + "\x88\x02\x03\xe8");
    REQUIRE(client.send_all(client_frame(0x88, std::string("\x03\xe8", 2))));
    REQUIRE(ends());
    CHECK(server.why == "closed by the broker");
  }
  SECTION("skipped by the peer") {
    client.disconnect();
    REQUIRE(run_until([&] { return server.closed == 1; }));
  }
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket: may be destroyed in every call") {
  SECTION("in on_open") {
    server.at_open = [&] { link.reset(); };
    REQUIRE(connect());
    link->start(server);
    REQUIRE(client.send_all(good_request + client_frame(0x82, "x")));
  }
  SECTION("in on_read") {
    REQUIRE(upgrade());
    server.reply = [&](std::string_view) { link.reset(); };
    REQUIRE(client.send_all(client_frame(0x82, "x") + client_frame(0x88, "")));
  }
  SECTION("in on_closed") {
    REQUIRE(upgrade());
    server.at_close = [&] { link.reset(); };
    client.disconnect();
  }
  CHECK(run_until([&] { return link == nullptr; }));
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket: back-pressure is that of the socket below") {
  REQUIRE(connect(4096));
  link->start(server);
  REQUIRE(client.send_all(good_request));
  REQUIRE(receives(accepted.size()));
  client.received.clear();
  for (int i = 0; i < 80; ++i) link->write(std::string(100'000, 'x'));
  link->flush();
  CHECK(link->pending() > 1'000'000);
  link->notify_below(1000);
  REQUIRE(run_until(
      [&] {
        client.poll();
        return server.drained == 1 && client.received.size() == 80 * 100'010;
      },
      20s));
}

TEST_CASE_METHOD(websocket_fixture, "WebSocket over TLS: echo") {
  certificate_authority ca;
  tls_settings settings;
  settings.certificate_file = ca.make("broker");
  options.tls = tls_context::make(settings).context;
  REQUIRE(options.tls);
  REQUIRE(connect());
  link->start(server);
  tls_client peer;
  peer.attach(client);
  REQUIRE(run_until([&] { return peer.shake_hands(); }));
  REQUIRE(peer.send(good_request));
  REQUIRE(run_until([&] {
    peer.poll();
    return peer.received == accepted;
  }));
  CHECK(server.peer.tls);
  CHECK(server.peer.websocket);
  server.reply = [&](std::string_view bytes) {
    link->write(bytes);
    link->flush();
  };
  REQUIRE(peer.send(client_frame(0x82, "secret")));
  REQUIRE(run_until([&] {
    peer.poll();
    return peer.received == accepted + std::string("\x82\x06", 2) + "secret";
  }));
}
