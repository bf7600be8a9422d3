#include "actors/observe/http/http_endpoint.hpp"

#include "actors/observe/http/admin_routes.hpp"
#include "tests/support/catch.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace troupe::observe;
namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

/// An endpoint and its clients, all on this thread.
struct fixture {
  explicit fixture(http_settings with = {}) {
    admin_sources sources;
    sources.counters = [] { return counter_values{}; };
    sources.ready = [this] { return state; };
    sources.take = [this](std::function<void(snapshot)> done) {
      if (silent) {
        kept = std::move(done);
        return;
      }
      snapshot now;
      now.node = "n\xff";
      now.listeners = {{"default", "127.0.0.1:1883", "tcp", 1, 0}};
      done(now);
    };
    http_router routes;
    add_admin_routes(routes, sources);
    with.port = 0;
    endpoint = std::make_unique<http_endpoint>(loop, with, std::move(routes));
    REQUIRE(endpoint->start().empty());
    REQUIRE(endpoint->port() != 0);
  }

  /// Runs the loop until it is so; fails after ten seconds.
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      loop.run_one_for(std::chrono::milliseconds(20));
    }
  }

  tcp::socket connect() {
    tcp::socket socket(loop);
    socket.connect({asio::ip::address_v4::loopback(), endpoint->port()});
    return socket;
  }

  /// Sends the text and returns all that comes until the server closes.
  std::string exchange(const std::string& text) {
    auto socket = connect();
    bool sent = false;
    bool ended = false;
    std::string received;
    asio::async_write(socket, asio::buffer(text),
                      [&](const boost::system::error_code&, std::size_t) { sent = true; });
    asio::async_read(socket, asio::dynamic_buffer(received),
                     [&](const boost::system::error_code&, std::size_t) { ended = true; });
    run_until([&] { return ended; });
    socket.close();
    run_until([&] { return sent; });
    return received;
  }

  std::string get(const std::string& path, const std::string& more = "") {
    return exchange("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more +
                    "Connection: close\r\n\r\n");
  }

  asio::io_context loop;
  readiness state{true, {}};
  bool silent = false;
  std::function<void(snapshot)> kept;
  std::unique_ptr<http_endpoint> endpoint;
};

int status_of(const std::string& response) {
  return response.starts_with("HTTP/1.1 ") ? std::atoi(response.c_str() + 9) : 0;
}

std::string body_of(const std::string& response) {
  return response.substr(response.find("\r\n\r\n") + 4);
}

std::shared_ptr<const troupe::auth::admin_tokens> tokens(const std::string& token) {
  auto all = std::make_shared<troupe::auth::admin_tokens>();
  if (!token.empty()) REQUIRE(all->add("test", troupe::auth::admin_role::admin, token));
  return all;
}

http_settings quick() {
  http_settings settings;
  settings.timeout_ms = 100;
  return settings;
}

}  // namespace

TEST_CASE("probes, metrics and status answer") {
  fixture at;
  CHECK(status_of(at.get("/livez")) == 200);
  CHECK(status_of(at.get("/readyz")) == 200);
  const auto metrics = at.get("/metrics");
  CHECK(status_of(metrics) == 200);
  CHECK(metrics.find("Content-Type: text/plain; version=0.0.4") != std::string::npos);
  CHECK(body_of(metrics).find("troupe_connections_accepted_total 0") != std::string::npos);
  const auto status = nlohmann::json::parse(body_of(at.get("/api/v5/status")));
  CHECK(status["listeners"][0]["address"] == "127.0.0.1:1883");
  CHECK(status["ready"] == true);
  CHECK(status_of(at.get("/nothing")) == 404);
  const auto post =
      at.exchange("POST /livez HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  CHECK(status_of(post) == 405);
  CHECK(post.find("Allow: GET, HEAD") != std::string::npos);
}

TEST_CASE("a node that is not ready answers 503 with its reasons") {
  fixture at;
  at.state = {false, {"The store is being read."}};
  const auto response = at.get("/readyz");
  CHECK(status_of(response) == 503);
  CHECK(nlohmann::json::parse(body_of(response))["reasons"][0] == "The store is being read.");
}

TEST_CASE("HEAD has the length and no body; requests may follow each other") {
  fixture at;
  const auto responses = at.exchange(
      "HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const auto second = responses.find("HTTP/1.1 200", 5);
  REQUIRE(second != std::string::npos);
  CHECK(body_of(responses.substr(0, second)).empty());
  CHECK(body_of(responses.substr(second)).find("alive") != std::string::npos);
}

TEST_CASE("a token is asked of all but probes") {
  http_settings settings;
  settings.tokens = tokens("s3cret");
  fixture at(settings);
  at.state = {false, {"private"}};
  CHECK(status_of(at.get("/livez")) == 200);
  CHECK(at.get("/readyz").find("private") == std::string::npos);
  CHECK(status_of(at.get("/metrics")) == 401);
  CHECK(status_of(at.get("/metrics", "Authorization: Bearer s3creT\r\n")) == 401);
  CHECK(status_of(at.get("/metrics", "Authorization: Bearer s3cret1\r\n")) == 401);
  CHECK(status_of(at.get("/metrics", "Authorization: Bearer \r\n")) == 401);
  CHECK(status_of(at.get("/metrics", "Authorization: bearer s3cret\r\n")) == 200);
}

TEST_CASE("a token changes for requests to come") {
  fixture at;
  CHECK(status_of(at.get("/metrics")) == 200);
  at.endpoint->set_tokens(tokens("first"));
  CHECK(status_of(at.get("/metrics")) == 401);
  at.endpoint->set_tokens(tokens("second"));
  CHECK(status_of(at.get("/metrics", "Authorization: Bearer first\r\n")) == 401);
  CHECK(status_of(at.get("/metrics", "Authorization: Bearer second\r\n")) == 200);
  at.endpoint->set_tokens(tokens(""));
  CHECK(status_of(at.get("/metrics")) == 200);
}

TEST_CASE("beyond loopback the token cannot be taken away") {
  http_settings settings;
  settings.address = "0.0.0.0";
  settings.tokens = tokens("s3cret");
  fixture at(settings);
  at.endpoint->set_tokens(tokens(""));
  CHECK(status_of(at.get("/metrics")) == 401);
  CHECK(status_of(at.get("/metrics", "Authorization: Bearer s3cret\r\n")) == 200);
}

TEST_CASE("oversized and broken requests are refused") {
  fixture at;
  CHECK(status_of(at.get("/livez", "X: " + std::string(9000, 'x') + "\r\n")) == 431);
  CHECK(status_of(at.exchange("POST /livez HTTP/1.1\r\nContent-Length: 70000\r\n\r\n")) == 413);
  CHECK(status_of(at.exchange("\x10\x0cnonsense\r\n\r\n")) == 400);
  at.run_until([&] { return at.endpoint->connections() == 0; });
}

TEST_CASE("a client that sends half a request is dropped in time") {
  fixture at(quick());
  CHECK(at.exchange("GET /livez HT").empty());
  CHECK(at.exchange("").empty());
}

TEST_CASE("a node that does not answer is reported, its late answer ignored") {
  fixture at(quick());
  at.silent = true;
  CHECK(status_of(at.get("/metrics")) == 503);
  at.kept(snapshot{});
  at.silent = false;
  CHECK(status_of(at.get("/metrics")) == 200);
}

TEST_CASE("an answer may come from another thread") {
  fixture at;
  at.silent = true;
  std::thread other;
  auto socket = at.connect();
  const std::string request = "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n";
  asio::write(socket, asio::buffer(request));
  at.run_until([&] { return static_cast<bool>(at.kept); });
  other = std::thread([&] { at.kept(snapshot{}); });
  std::string received;
  bool ended = false;
  asio::async_read(socket, asio::dynamic_buffer(received),
                   [&](const boost::system::error_code&, std::size_t) { ended = true; });
  at.run_until([&] { return ended; });
  other.join();
  CHECK(status_of(received) == 200);
}

TEST_CASE("connections beyond the limit are closed, those within are served") {
  http_settings settings;
  settings.max_connections = 2;
  fixture at(settings);
  std::vector<tcp::socket> idle;
  idle.push_back(at.connect());
  idle.push_back(at.connect());
  at.run_until([&] { return at.endpoint->connections() == 2; });
  CHECK(at.exchange("").empty());
  idle.pop_back();
  at.run_until([&] { return at.endpoint->connections() == 1; });
  CHECK(status_of(at.get("/livez")) == 200);
}

TEST_CASE("only loopback goes without a token; a taken port is said") {
  asio::io_context loop;
  http_settings settings;
  settings.address = "0.0.0.0";
  settings.port = 0;
  CHECK(http_endpoint(loop, settings, {}).start().find("without a token") != std::string::npos);
  settings.address = "localhost";
  CHECK(http_endpoint(loop, settings, {}).start().find("not an IP address") != std::string::npos);
  fixture at;
  settings.address = "127.0.0.1";
  settings.port = at.endpoint->port();
  CHECK(http_endpoint(loop, settings, {}).start().find("cannot listen") != std::string::npos);
}

TEST_CASE("stopping ends everything that is open") {
  fixture at;
  auto socket = at.connect();
  at.run_until([&] { return at.endpoint->connections() == 1; });
  at.endpoint->stop();
  at.run_until([&] { return at.endpoint->connections() == 0; });
  at.endpoint.reset();
  at.loop.poll();
}
