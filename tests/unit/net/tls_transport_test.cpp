#include "protocol/net/tls_transport.hpp"

#include "protocol/net/tls_context.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/net/certificates.hpp"
#include "tests/unit/net/tls_client.hpp"

#include <fstream>
#include <sys/stat.h>

using namespace troupe::net;
using namespace troupe::net::testing;
using namespace std::chrono_literals;

namespace {

struct tls_fixture : connected_fixture {
  certificate_authority ca;
  tls_settings settings;

  tls_fixture() { settings.certificate_file = ca.make("broker"); }

  void use(const tls_settings& chosen) {
    auto made = tls_context::make(chosen);
    INFO(made.error);
    REQUIRE(made.context);
    options.tls = made.context;
  }
  bool shake_hands(tls_client& peer) {
    if (!connect()) return false;
    server.opened = 0;
    link->start(server);
    peer.attach(client);
    bool done = false;
    return run_until([&] {
             if (!done && !peer.failed()) done = peer.shake_hands();
             if (done || peer.failed()) peer.poll();
             return (done && server.opened == 1) || server.closed == 1;
           }) &&
           server.opened == 1;
  }
};

}  // namespace

TEST_CASE_METHOD(tls_fixture, "TLS: echo in 1.2 and 1.3") {
  int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  use(settings);
  server.reply = [&](std::string_view bytes) {
    link->write(bytes);
    link->flush();
  };
  tls_client peer("", version);
  REQUIRE(shake_hands(peer));
  CHECK(server.peer.tls);
  CHECK(server.peer.certificate_name().empty());
  CHECK(SSL_version(peer.native()) == version);
  std::string big(60'000, 'x');
  REQUIRE(peer.send("hello"));
  REQUIRE(peer.send(big));
  REQUIRE(run_until([&] {
    peer.poll();
    return peer.received.size() == 5 + big.size();
  }));
  CHECK(peer.received == "hello" + big);
  link->close();
  REQUIRE(run_until([&] {
    peer.poll();
    return peer.ended();
  }));
  client.disconnect();
  REQUIRE(run_until([&] { return server.closed == 1; }));
}

TEST_CASE_METHOD(tls_fixture, "TLS: a slow reader gets megabytes in order") {
  use(settings);
  tls_client peer;
  REQUIRE(shake_hands(peer));
  std::string all(6'000'000, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i * 7 + (i >> 8));
  link->write(all);
  link->flush();
  CHECK(link->pending() > 0);
  link->notify_below(1000);
  REQUIRE(run_until(
      [&] {
        peer.poll();
        return peer.received.size() == all.size();
      },
      20s));
  CHECK(peer.received == all);
  CHECK(run_until([&] { return server.drained == 1; }));
}

TEST_CASE_METHOD(tls_fixture, "TLS: records that came while paused are read on resume") {
  use(settings);
  tls_client peer;
  REQUIRE(shake_hands(peer));
  server.reply = [&](std::string_view) { link->pause_reading(); };
  for (int i = 0; i < 10; ++i) REQUIRE(peer.send("abcde"));
  REQUIRE(run_until([&] { return server.received == "abcde"; }));
  run_until([] { return false; }, 20ms);
  CHECK(server.received == "abcde");
  server.reply = nullptr;
  link->resume_reading();
  CHECK(run_until([&] { return server.received.size() == 50; }));
}

TEST_CASE_METHOD(tls_fixture, "TLS: half a record neither spins nor blocks") {
  use(settings);
  tls_client peer;
  REQUIRE(shake_hands(peer));
  // A header that promises 100 bytes of application data.
  REQUIRE(client.send_all(std::string("\x17\x03\x03\x00\x64", 5) + "abc"));
  run_until([] { return false; }, 20ms);
  io.restart();
  CHECK(io.poll() <= 2);
  SECTION("close works") {
    link->close();
    client.disconnect();
    CHECK(run_until([&] { return server.closed == 1; }));
  }
  SECTION("garbage ends it") {
    REQUIRE(client.send_all(std::string(97, 'z')));
    REQUIRE(run_until([&] {
      client.poll();
      return server.closed == 1;
    }));
    CHECK(server.why.rfind("TLS failed: ", 0) == 0);
  }
}

TEST_CASE_METHOD(tls_fixture, "TLS: close and abort in the midst of a handshake") {
  use(settings);
  REQUIRE(connect());
  link->start(server);
  REQUIRE(client.send_all("\x16\x03\x01"));
  run_until([] { return false; }, 10ms);
  SECTION("close") {
    link->close();
  }
  SECTION("abort") {
    link->abort();
  }
  SECTION("the peer goes") {}
  SECTION("destroyed") {
    link.reset();
    server.closed = 1;
  }
  client.disconnect();
  CHECK(run_until([&] { return server.closed == 1; }));
  CHECK(server.opened == 0);
}

TEST_CASE_METHOD(tls_fixture, "TLS: who does not speak it is told apart") {
  use(settings);
  REQUIRE(connect());
  link->start(server);
  SECTION("MQTT") {
    REQUIRE(client.send_all(std::string("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c", 12)));
  }
  SECTION("HTTP") {
    REQUIRE(client.send_all("GET / HTTP/1.1\r\n\r\n"));
  }
  REQUIRE(run_until([&] {
    client.poll();
    if (client.ended) client.disconnect();
    return server.closed == 1;
  }));
  CHECK(server.opened == 0);
  CHECK(server.why == "TLS handshake failed: the client does not speak TLS");
}

TEST_CASE_METHOD(tls_fixture, "TLS: client certificates") {
  settings.ca_file = ca.file();
  settings.clients = client_certificates::required;
  std::string mine = ca.make("device-7");

  SECTION("a good one names the peer") {
    int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    use(settings);
    tls_client peer(mine, version);
    REQUIRE(shake_hands(peer));
    CHECK(server.peer.certificate_name() == "device-7");
    CHECK(server.peer.certificate_subject() == "CN=device-7,O=Troupe");
  }
  SECTION("none is refused") {
    use(settings);
    tls_client peer;
    CHECK_FALSE(shake_hands(peer));
    CHECK(server.why == "TLS handshake failed: the client shows no certificate");
  }
  SECTION("none is fine when optional") {
    settings.clients = client_certificates::optional;
    use(settings);
    tls_client peer;
    REQUIRE(shake_hands(peer));
    CHECK(server.peer.certificate_name().empty());
  }
  SECTION("another authority's is refused") {
    certificate_authority other("Test CA");
    use(settings);
    tls_client peer(other.make("device-7"));
    CHECK_FALSE(shake_hands(peer));
    CHECK(server.why.rfind("TLS handshake failed: the client certificate is refused: ", 0) == 0);
  }
  SECTION("an expired one is refused") {
    use(settings);
    tls_client peer(ca.make("old", -60));
    CHECK_FALSE(shake_hands(peer));
    CHECK(server.why ==
          "TLS handshake failed: the client certificate is refused: certificate has expired");
  }
  SECTION("a revoked one is refused") {
    settings.crl_file = ca.revoke_last();
    use(settings);
    tls_client peer(mine);
    CHECK_FALSE(shake_hands(peer));
    CHECK(server.why ==
          "TLS handshake failed: the client certificate is refused: certificate revoked");
  }
}

TEST_CASE_METHOD(tls_fixture, "TLS: a session is resumed with its certificate") {
  settings.ca_file = ca.file();
  settings.clients = client_certificates::required;
  use(settings);
  std::string mine = ca.make("device-7");
  SSL_SESSION* session = nullptr;
  {
    tls_client peer(mine, TLS1_2_VERSION);
    REQUIRE(shake_hands(peer));
    session = SSL_get1_session(peer.native());
    CHECK(SSL_session_reused(peer.native()) == 0);
    SSL_shutdown(peer.native());  // OpenSSL forgets sessions that did not end well
  }
  client.disconnect();
  REQUIRE(run_until([&] { return server.closed == 1; }));
  server = {};
  client.ended = false;
  tls_client peer(mine, TLS1_2_VERSION);
  SSL_set_session(peer.native(), session);
  SSL_SESSION_free(session);
  REQUIRE(shake_hands(peer));
  CHECK(SSL_session_reused(peer.native()) == 1);
  CHECK(server.peer.certificate_name() == "device-7");
}

TEST_CASE_METHOD(tls_fixture, "TLS: protocols by ALPN") {
  use(settings);
  tls_client peer;
  std::string offered;
  std::string expected;
  SECTION("mqtt") {
    offered = "\x04mqtt";
    expected = "mqtt";
  }
  SECTION("a browser") {
    offered = "\x02h2\x08http/1.1";
    expected = "http/1.1";
  }
  SECTION("something else goes on without") {
    offered = "\x02h2";
  }
  SSL_set_alpn_protos(peer.native(), reinterpret_cast<const unsigned char*>(offered.data()),
                      static_cast<unsigned>(offered.size()));
  REQUIRE(shake_hands(peer));
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(peer.native(), &chosen, &size);
  CHECK(std::string(reinterpret_cast<const char*>(chosen), size) == expected);
}

TEST_CASE_METHOD(tls_fixture, "TLS: new certificates serve new connections, old ones go on") {
  use(settings);
  tls_client first;
  REQUIRE(shake_hands(first));
  auto old_link = std::move(link);
  raw_client old_socket;
  std::swap(old_socket.fd, client.fd);

  settings.certificate_file = ca.make("renewed");
  use(settings);
  recorder old_server;
  std::swap(old_server.opened, server.opened);
  tls_client second;
  REQUIRE(shake_hands(second));
  X509* shown = SSL_get1_peer_certificate(second.native());
  char name[64] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name, sizeof name);
  X509_free(shown);
  CHECK(std::string(name) == "renewed");
  REQUIRE(first.send("still here"));
  CHECK(run_until([&] { return server.received == "still here"; }));
}

TEST_CASE_METHOD(tls_fixture, "TLS: settings that cannot work are sentences") {
  auto error = [](const tls_settings& chosen) {
    auto made = tls_context::make(chosen);
    CHECK_FALSE(made.context);
    return made.error;
  };
  CHECK(error({}) == "TLS needs a certificate: set its file");
  tls_settings bad = settings;
  bad.certificate_file = "/nowhere/cert.pem";
  CHECK(error(bad) == "cannot use the certificate /nowhere/cert.pem: No such file or directory");
  bad = settings;
  bad.key_file = ca.make("other");
  CHECK(error(bad) == "cannot use the key " + bad.key_file + ": key values mismatch");
  bad = settings;
  bad.certificate_file = ca.path("junk.pem");
  std::ofstream(bad.certificate_file) << "junk\n";
  CHECK(error(bad).rfind("cannot use the certificate " + bad.certificate_file + ": ", 0) == 0);
  bad = settings;
  bad.min_version = "1.1";
  CHECK(error(bad) == "the lowest TLS version is \"1.2\" or \"1.3\", not \"1.1\"");
  bad = settings;
  bad.ciphers = "NONSENSE";
  CHECK(error(bad) == "cannot use the ciphers \"NONSENSE\": no cipher match");
  bad = settings;
  bad.clients = client_certificates::required;
  CHECK(error(bad) == "client certificates need a certificate authority: set its file or folder");
  bad = settings;
  bad.certificate_file = ca.make("locked", 86'400, "secret");
  CHECK(error(bad).rfind("cannot use the key " + bad.certificate_file + ": ", 0) == 0);
  bad.key_password_file = ca.path("password");
  std::ofstream(bad.key_password_file) << "secret\n";
  auto made = tls_context::make(bad);
  INFO(made.error);
  REQUIRE(made.context);
  auto left = made.context->certificate_expiry() - std::chrono::system_clock::now();
  CHECK(left > 86'000s);
  CHECK(left < 86'500s);
}

TEST_CASE_METHOD(tls_fixture, "TLS: only 1.3 when asked for") {
  settings.min_version = "1.3";
  use(settings);
  tls_client peer("", TLS1_2_VERSION);
  CHECK_FALSE(shake_hands(peer));
  CHECK(server.why.rfind("TLS handshake failed: ", 0) == 0);
}
