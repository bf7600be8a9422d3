#include "protocol/net/acceptor.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/net/loop_fixture.hpp"

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

using namespace troupe::net;
using namespace troupe::net::testing;
using namespace std::chrono_literals;

namespace {

endpoint on_loopback(std::uint16_t port = 0) {
  endpoint where;
  where.address = "127.0.0.1";
  where.port = port;
  return where;
}

struct socket_folder {
  std::filesystem::path path;
  socket_folder() {
    char name[] = "/tmp/troupe-net-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~socket_folder() { std::filesystem::remove_all(path); }
  endpoint at(const std::string& name) const {
    endpoint where;
    where.type = endpoint::kind::unix;
    where.path = path / name;
    return where;
  }
};

int connect_unix(const std::string& path) {
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  ::close(fd);
  return -1;
}

const acceptor::accepted drop = [](int fd, std::string, bool) { ::close(fd); };

}  // namespace

TEST_CASE_METHOD(loop_fixture, "acceptor: a busy port is a sentence") {
  acceptor first(loop);
  acceptor second(loop);
  REQUIRE(first.open(on_loopback(), drop).empty());
  REQUIRE(first.port() != 0);
  CHECK(second.open(on_loopback(first.port()), drop) ==
        "cannot listen on 127.0.0.1:" + std::to_string(first.port()) + ": address already in use");
  CHECK_FALSE(second.listening());
  std::uint16_t port = first.port();
  first.stop();
  CHECK_FALSE(first.listening());
  CHECK(second.open(on_loopback(port), drop).empty());
}

TEST_CASE_METHOD(loop_fixture, "acceptor: a name is not an address") {
  acceptor listener(loop);
  endpoint where = on_loopback();
  where.address = "broker.example";
  CHECK(listener.open(where, drop) ==
        "cannot listen on broker.example:0: not an IPv4 or IPv6 address");
}

TEST_CASE_METHOD(loop_fixture, "acceptor: IPv6 and IPv4 through one socket") {
  acceptor listener(loop);
  endpoint where;
  where.address = "::";
  where.port = 0;
  std::string peer;
  bool loopback = false;
  auto why = listener.open(where, [&](int fd, std::string address, bool local) {
    peer = std::move(address);
    loopback = local;
    ::close(fd);
  });
  if (!why.empty()) return;  // a machine without IPv6
  raw_client client;
  REQUIRE(client.connect_tcp(listener.port()));
  REQUIRE(run_until([&] { return !peer.empty(); }));
  CHECK(peer.rfind("127.0.0.1:", 0) == 0);
  CHECK(loopback);

  int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(listener.port());
  to.sin6_addr = in6addr_loopback;
  peer.clear();
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
    REQUIRE(run_until([&] { return !peer.empty(); }));
    CHECK(peer.rfind("[::1]:", 0) == 0);
    CHECK(loopback);
  }
  ::close(fd);
}

TEST_CASE_METHOD(loop_fixture, "acceptor: nothing that is sent waits for more (TCP_NODELAY)") {
  acceptor listener(loop);
  int no_delay = 0;
  bool told = false;
  REQUIRE(listener
              .open(on_loopback(),
                    [&](int fd, std::string, bool) {
                      socklen_t size = sizeof no_delay;
                      told = ::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size) == 0;
                      ::close(fd);
                    })
              .empty());
  raw_client client;
  REQUIRE(client.connect_tcp(listener.port()));
  REQUIRE(run_until([&] { return told; }));
  CHECK(no_delay != 0);
}

TEST_CASE_METHOD(loop_fixture, "acceptor: the callback may destroy it") {
  auto listener = std::make_unique<acceptor>(loop);
  int accepted = 0;
  REQUIRE(listener
              ->open(on_loopback(),
                     [&](int fd, std::string, bool) {
                       ++accepted;
                       ::close(fd);
                       listener.reset();
                     })
              .empty());
  raw_client one;
  raw_client two;
  REQUIRE(one.connect_tcp(listener->port()));
  REQUIRE(two.connect_tcp(listener->port()));
  CHECK(run_until([&] { return listener == nullptr; }));
  CHECK(accepted == 1);
}

TEST_CASE_METHOD(loop_fixture, "acceptor: those that the gate does not let in wait in the backlog") {
  acceptor listener(loop);
  int accepted = 0;
  int places = 2;
  listener.set_gate([&] { return std::chrono::milliseconds(places > 0 ? 0 : 20); });
  REQUIRE(listener
              .open(on_loopback(),
                    [&](int fd, std::string, bool) {
                      ++accepted;
                      --places;
                      ::close(fd);
                    })
              .empty());
  std::vector<raw_client> clients(5);
  for (auto& each : clients) REQUIRE(each.connect_tcp(listener.port()));  // the kernel takes them
  CHECK(run_until([&] { return accepted == 2; }));
  CHECK_FALSE(run_until([&] { return accepted > 2; }, 200ms));
  CHECK(listener.pauses() == 0);
  places = 10;
  CHECK(run_until([&] { return accepted == 5; }));
  places = 0;
  raw_client late;
  REQUIRE(late.connect_tcp(listener.port()));
  CHECK_FALSE(run_until([&] { return accepted > 5; }, 100ms));
  listener.stop();  // while it rests
  places = 1;
  CHECK_FALSE(run_until([&] { return accepted > 5; }, 100ms));
}

TEST_CASE_METHOD(loop_fixture, "acceptor: rests when descriptors run out, then goes on") {
  acceptor listener(loop);
  int accepted = 0;
  REQUIRE(listener
              .open(on_loopback(),
                    [&](int fd, std::string, bool) {
                      ++accepted;
                      ::close(fd);
                    })
              .empty());
  raw_client client;
  REQUIRE(client.connect_tcp(listener.port()));

  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  int probe = ::dup(client.fd);
  ::close(probe);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(probe);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  bool rested = run_until([&] { return listener.pauses() == 1; });
  int turns = 0;
  auto end = std::chrono::steady_clock::now() + 100ms;
  while (std::chrono::steady_clock::now() < end) {
    io.restart();
    turns += static_cast<int>(io.run_one_for(10ms));
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(rested);
  CHECK(turns < 10);
  CHECK(accepted == 0);
  CHECK(run_until([&] { return accepted == 1; }));
}

TEST_CASE_METHOD(loop_fixture, "Unix socket: connects, has its mode, is removed at the end") {
  socket_folder folder;
  endpoint where = folder.at("mqtt.sock");
  where.mode = 0600;
  acceptor listener(loop);
  std::unique_ptr<transport> link;
  recorder server;
  REQUIRE(listener
              .open(where,
                    [&](int fd, std::string peer, bool loopback) {
                      link = make_transport(loop, fd, std::move(peer), loopback, {});
                    })
              .empty());
  struct stat status {};
  REQUIRE(::stat(where.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  raw_client client;
  client.fd = connect_unix(where.path);
  REQUIRE(client.fd >= 0);
  REQUIRE(run_until([&] { return link != nullptr; }));
  server.reply = [&](std::string_view bytes) {
    link->write(bytes);
    link->flush();
  };
  link->start(server);
  REQUIRE(client.send_all("ping"));
  REQUIRE(run_until([&] {
    client.poll();
    return client.received == "ping";
  }));
  CHECK(server.peer.address == "unix");
  CHECK(server.peer.loopback);
  listener.stop();
  CHECK_FALSE(std::filesystem::exists(where.path));
}

TEST_CASE_METHOD(loop_fixture, "Unix socket: only a stale file is replaced") {
  socket_folder folder;
  endpoint where = folder.at("mqtt.sock");
  acceptor first(loop);
  acceptor second(loop);
  SECTION("somebody answers") {
    REQUIRE(first.open(where, drop).empty());
    CHECK(second.open(where, drop) ==
          "cannot listen on " + where.path + ": address already in use");
    int fd = connect_unix(where.path);
    CHECK(fd >= 0);
    ::close(fd);
  }
  SECTION("left by a killed process") {
    int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, where.path.data(), where.path.size());
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    ::close(fd);
    CHECK(first.open(where, drop).empty());
  }
  SECTION("an ordinary file") {
    std::ofstream(where.path) << "precious";
    CHECK(first.open(where, drop) ==
          "cannot listen on " + where.path + ": the file exists and is not a socket");
    CHECK(std::filesystem::file_size(where.path) == 8);
  }
  SECTION("too long a path") {
    where.path += std::string(200, 'x');
    CHECK(first.open(where, drop) == "cannot listen on " + where.path + ": the path is too long");
  }
}
