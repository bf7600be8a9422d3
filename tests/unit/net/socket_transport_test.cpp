#include "protocol/net/socket_transport.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/net/loop_fixture.hpp"

using namespace troupe::net;
using namespace troupe::net::testing;
using namespace std::chrono_literals;

namespace {

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 31) ^ (i >> 9));
  return bytes;
}

}  // namespace

TEST_CASE_METHOD(connected_fixture, "TCP: on_open comes once, after start, with the peer") {
  REQUIRE(connect());
  link->start(server);
  CHECK(server.opened == 0);
  REQUIRE(run_until([&] { return server.opened == 1; }));
  CHECK(server.peer.loopback);
  CHECK_FALSE(server.peer.tls);
  CHECK_FALSE(server.peer.websocket);
  CHECK(server.peer.address.rfind("127.0.0.1:", 0) == 0);
  CHECK(link->peer().address == server.peer.address);
}

TEST_CASE_METHOD(connected_fixture, "TCP: echo, and nothing leaves before flush") {
  REQUIRE(open());
  server.reply = [&](std::string_view bytes) { link->write(bytes); };
  REQUIRE(client.send_all("hello"));
  REQUIRE(run_until([&] { return server.received == "hello"; }));
  CHECK(link->pending() == 5);
  client.poll();
  CHECK(client.received.empty());
  link->flush();
  CHECK(link->pending() == 0);
  CHECK(run_until([&] {
    client.poll();
    return client.received == "hello";
  }));
}

TEST_CASE_METHOD(connected_fixture, "TCP: bytes written before the handshake ends follow it") {
  REQUIRE(connect());
  link->write("early");
  link->start(server);
  link->flush();
  CHECK(run_until([&] {
    client.poll();
    return client.received == "early";
  }));
}

TEST_CASE_METHOD(connected_fixture, "TCP: a slow reader gets everything in order") {
  REQUIRE(open(4096));
  std::string all = pattern(8 * 1024 * 1024);
  for (std::size_t i = 0; i < all.size(); i += 100'000)
    link->write(std::string_view(all).substr(i, 100'000));
  link->flush();
  CHECK(link->pending() > 0);
  CHECK(run_until(
      [&] {
        client.poll();
        return client.received.size() == all.size();
      },
      20s));
  CHECK(client.received == all);
  CHECK(link->pending() == 0);
}

TEST_CASE_METHOD(connected_fixture, "TCP: on_drained follows once, below the mark") {
  REQUIRE(open(4096));
  link->write(pattern(8 * 1024 * 1024));
  link->flush();
  link->notify_below(100'000);
  run_until([] { return false; }, 20ms);
  CHECK(server.drained == 0);
  REQUIRE(run_until(
      [&] {
        client.poll();
        return server.drained == 1;
      },
      20s));
  CHECK(link->pending() <= 100'000);
  run_until(
      [&] {
        client.poll();
        return link->pending() == 0;
      },
      20s);
  CHECK(server.drained == 1);

  SECTION("at once when it is below already, but not from within the call") {
    link->notify_below(10);
    CHECK(server.drained == 1);
    CHECK(run_until([&] { return server.drained == 2; }));
  }
  SECTION("not after it was cancelled") {
    link->notify_below(10);
    link->notify_below(0);
    run_until([] { return false; }, 20ms);
    CHECK(server.drained == 1);
  }
}

TEST_CASE_METHOD(connected_fixture, "TCP: a paused transport reads nothing until resumed") {
  REQUIRE(open());
  link->pause_reading();
  REQUIRE(client.send_all("later"));
  run_until([] { return false; }, 30ms);
  CHECK(server.received.empty());
  SECTION("resumed") {
    link->resume_reading();
    CHECK(run_until([&] { return server.received == "later"; }));
  }
  SECTION("resumed after more has come, and paused again at once") {
    REQUIRE(client.send_all(", and more"));
    run_until([] { return false; }, 30ms);
    link->resume_reading();
    link->pause_reading();
    run_until([] { return false; }, 30ms);
    CHECK(server.received.empty());
    link->resume_reading();
    CHECK(run_until([&] { return server.received == "later, and more"; }));
  }
  SECTION("the peer resets meanwhile") {
    client.reset();
    run_until([] { return false; }, 30ms);
    link->resume_reading();
    REQUIRE(run_until([&] { return server.closed == 1; }));
    CHECK(server.why == "connection reset by the peer");
  }
  SECTION("the peer is gone meanwhile: its bytes are read first, and nothing spins") {
    client.disconnect();
    run_until([] { return false; }, 30ms);
    CHECK(server.closed == 0);
    io.restart();
    CHECK(io.poll() <= 2);
    link->resume_reading();
    REQUIRE(run_until([&] { return server.closed == 1; }));
    CHECK(server.received == "later");
  }
}

TEST_CASE_METHOD(connected_fixture, "TCP: new input is told of once, and nothing stays unread") {
  REQUIRE(open());
  SECTION("the end stands behind what is read at once") {
    REQUIRE(client.send_all("last words"));
    client.disconnect();
    REQUIRE(run_until([&] { return server.closed == 1; }));
    CHECK(server.received == "last words");
    CHECK(server.why == "closed by the peer");
  }
  SECTION("reads that just fill the buffer") {
    const auto all = pattern(4 * scratch.size());
    std::size_t sent = 0;
    REQUIRE(run_until([&] {
      const auto put = ::send(client.fd, all.data() + sent, all.size() - sent,
                              MSG_NOSIGNAL | MSG_DONTWAIT);
      if (put > 0) sent += static_cast<std::size_t>(put);
      return server.received.size() == all.size();
    }));
    CHECK(server.received == all);
  }
  SECTION("what comes while the handler is at work, also when it pauses and goes on") {
    int turns = 0;
    server.reply = [&](std::string_view) {
      if (++turns > 20) return;
      link->pause_reading();
      REQUIRE(client.send_all("more"));
      if (turns % 2 == 0) link->resume_reading();
    };
    REQUIRE(client.send_all("more"));
    REQUIRE(run_until([&] {
      link->resume_reading();
      return server.received.size() == 21 * 4;
    }));
  }
  SECTION("output that waits in between") {
    link->write(pattern(8 * 1024 * 1024));
    link->flush();
    REQUIRE(link->pending() > 0);
    REQUIRE(client.send_all("heard"));
    REQUIRE(run_until([&] { return server.received == "heard"; }));
    REQUIRE(run_until(
        [&] {
          client.poll();
          return link->pending() == 0;
        },
        20s));
    REQUIRE(client.send_all(" again"));
    CHECK(run_until([&] { return server.received == "heard again"; }));
  }
}

TEST_CASE_METHOD(connected_fixture, "TCP: the peer closes or resets") {
  REQUIRE(open());
  SECTION("in order") {
    client.disconnect();
    REQUIRE(run_until([&] { return server.closed == 1; }));
    CHECK(server.why == "closed by the peer");
  }
  SECTION("by reset") {
    client.reset();
    REQUIRE(run_until([&] { return server.closed == 1; }));
    CHECK(server.why == "connection reset by the peer");
  }
  SECTION("by reset while output is pending") {
    link->write(pattern(8 * 1024 * 1024));
    link->flush();
    client.reset();
    REQUIRE(run_until([&] { return server.closed == 1; }));
    CHECK_FALSE(server.why.empty());
  }
  run_until([] { return false; }, 10ms);
  CHECK(server.closed == 1);
  link->write("x");
  link->flush();
  link->close();
  link->abort();
  run_until([] { return false; }, 10ms);
  CHECK(server.closed == 1);
}

TEST_CASE_METHOD(connected_fixture, "TCP: close sends what is pending") {
  REQUIRE(open(4096));
  std::string all = pattern(3'000'000);
  link->write(all);
  link->close();
  CHECK(server.closed == 0);
  REQUIRE(run_until(
      [&] {
        client.poll();
        return client.ended;
      },
      20s));
  CHECK(client.error == 0);
  CHECK(client.received == all);
  client.disconnect();
  REQUIRE(run_until([&] { return server.closed == 1; }));
  CHECK(server.why == "closed by the broker");
}

TEST_CASE_METHOD(connected_fixture, "TCP: whoever has left is not waited for") {
  REQUIRE(open());
  server.reply = [&](std::string_view) {
    link->write("bye");
    link->close();
    CHECK(server.closed == 0);
  };
  REQUIRE(client.send_all("DISCONNECT"));
  REQUIRE(::shutdown(client.fd, SHUT_WR) == 0);
  REQUIRE(run_until([&] { return server.closed == 1; }, 500ms));
  CHECK(server.why == "closed by the broker");
  REQUIRE(run_until([&] {
    client.poll();
    return client.ended;
  }));
  CHECK(client.error == 0);
  CHECK(client.received == "bye");
}

TEST_CASE_METHOD(connected_fixture, "TCP: unread input does not destroy the last packet") {
  REQUIRE(open());
  link->pause_reading();
  REQUIRE(client.send_all(pattern(100'000)));
  link->write("goodbye");
  link->close();
  REQUIRE(run_until([&] {
    client.poll();
    return client.ended;
  }));
  CHECK(client.error == 0);
  CHECK(client.received == "goodbye");
  CHECK(server.received.empty());
}

TEST_CASE_METHOD(connected_fixture, "TCP: close is bounded") {
  REQUIRE(open(4096));
  auto begin = std::chrono::steady_clock::now();
  SECTION("when the peer never reads") {
    link->write(pattern(8 * 1024 * 1024));
  }
  SECTION("when the peer never closes") {
    link->write("x");
  }
  link->close();
  REQUIRE(run_until([&] { return server.closed == 1; }));
  CHECK(std::chrono::steady_clock::now() - begin < 3500ms);
}

TEST_CASE_METHOD(connected_fixture, "TCP: abort drops, and tells the handler later") {
  REQUIRE(open());
  link->write("never");
  link->abort();
  CHECK(server.closed == 0);
  CHECK(link->pending() == 0);
  REQUIRE(run_until([&] {
    client.poll();
    return server.closed == 1 && client.ended;
  }));
  CHECK(client.received.empty());
}

TEST_CASE_METHOD(connected_fixture, "TCP: output beyond the limit closes the connection") {
  options.max_output_bytes = 1000;
  REQUIRE(open());
  link->write(std::string(1000, 'x'));
  CHECK(link->pending() == 1000);
  link->write("y");
  CHECK(server.closed == 0);
  REQUIRE(run_until([&] { return server.closed == 1; }));
  CHECK(server.why == "the peer does not read: more than 1000 bytes wait to be sent");
}

TEST_CASE_METHOD(connected_fixture, "TCP: may be destroyed in every call and at any time") {
  SECTION("not started") {
    REQUIRE(connect());
  }
  SECTION("started, not yet open") {
    REQUIRE(connect());
    link->start(server);
  }
  SECTION("in on_open") {
    server.at_open = [&] { link.reset(); };
    REQUIRE(open());
    REQUIRE(link == nullptr);
  }
  SECTION("in on_read") {
    REQUIRE(open());
    server.reply = [&](std::string_view) { link.reset(); };
    REQUIRE(client.send_all("x"));
    REQUIRE(run_until([&] { return link == nullptr; }));
  }
  SECTION("in on_closed") {
    REQUIRE(open());
    server.at_close = [&] { link.reset(); };
    client.disconnect();
    REQUIRE(run_until([&] { return link == nullptr; }));
  }
  SECTION("closing, with output and deadline pending") {
    REQUIRE(open(4096));
    link->write(pattern(8 * 1024 * 1024));
    link->close();
  }
  SECTION("aborted, with on_closed pending") {
    REQUIRE(open());
    link->abort();
  }
  link.reset();
  int closed = server.closed;
  run_until([] { return false; }, 20ms);
  CHECK(server.closed == closed);
  client.poll();
}

TEST_CASE_METHOD(connected_fixture, "TCP: the loop ends by itself when no socket is left") {
  REQUIRE(open());
  link.reset();
  listener.stop();
  io.restart();
  auto begin = std::chrono::steady_clock::now();
  io.run_for(5s);
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
}

TEST_CASE("TCP: an idle transport is small") {
  INFO("bytes: " << sizeof(socket_transport));
  CHECK(sizeof(socket_transport) <= 320);
}
