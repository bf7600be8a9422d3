// The floor of a comparison: what any broker must at least do for a message, and nothing else.
//
// It reads, cuts packets, hands each PUBLISH to the one subscriber of its topic and answers it; all
// that is written in a round leaves with one system call per connection. It checks nothing, keeps no
// session, no queue and no window, knows no wildcard and no second subscriber, so that it is of no
// use as a broker: the difference to it is what a broker's work costs. MQTT 3.1.1, QoS 0 and 1.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::size_t most_pending = std::size_t{64} << 20;  // of a reader that is too slow

struct connection {
  std::string input;   // the beginning of a packet whose end has not come
  std::string output;  // what the socket has not taken
  std::uint16_t last_id = 0;
  bool open = false;
  bool touched = false;
};

struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};

class relay {
 public:
  explicit relay(int listener) : set_(::epoll_create1(EPOLL_CLOEXEC)), listener_(listener) {
    watch(listener_, EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 64> events{};
    for (;;) {
      const int count = ::epoll_wait(set_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) return;
      for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        const int fd = event.data.fd;
        if (fd == listener_) {
          accept_one();
          continue;
        }
        if ((event.events & EPOLLOUT) != 0 && !at(fd).output.empty()) touch(fd);
        const bool ends = (event.events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
        if (ends || (event.events & EPOLLIN) != 0) read(fd, ends);
      }
      for (const int fd : touched_) flush(fd);
      touched_.clear();
    }
  }

 private:
  connection& at(int fd) { return connections_[static_cast<std::size_t>(fd)]; }

  void watch(int fd, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(set_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept_one() {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (connections_.size() <= static_cast<std::size_t>(fd))
      connections_.resize(static_cast<std::size_t>(fd) * 2 + 1);
    at(fd) = {};
    at(fd).open = true;
    watch(fd, EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET);
  }

  void close(int fd) {
    at(fd) = {};
    std::erase_if(subscribers_, [fd](const auto& each) { return each.second == fd; });
    ::close(fd);
  }

  void touch(int fd) {
    if (at(fd).touched) return;
    at(fd).touched = true;
    touched_.push_back(fd);
  }

  /// `ends`: the end of the connection stands behind what can be read.
  void read(int fd, bool ends) {
    while (at(fd).open) {
      const auto got = ::recv(fd, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return close(fd);
      const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(got));
      auto& input = at(fd).input;
      if (input.empty()) {
        input.assign(cut(fd, bytes));
      } else {
        std::string all = std::move(input);
        all.append(bytes);
        input.assign(cut(fd, all));
      }
      // The socket is watched by its edges: a short read has taken everything but the end.
      if (!ends && bytes.size() < buffer_.size()) return;
    }
  }

  /// Handles the whole packets of `bytes`; answers what is left.
  std::string_view cut(int fd, std::string_view bytes) {
    while (bytes.size() >= 2 && at(fd).open) {
      std::size_t length = 0;
      std::size_t head = 1;
      for (unsigned shift = 0;; shift += 7) {
        if (head == bytes.size() || head > 4) return bytes;
        const auto byte = static_cast<unsigned char>(bytes[head++]);
        length |= static_cast<std::size_t>(byte & 127U) << shift;
        if ((byte & 128U) == 0) break;
      }
      if (bytes.size() < head + length) return bytes;
      handle(fd, bytes.substr(0, head + length), head);
      bytes.remove_prefix(head + length);
    }
    return at(fd).open ? bytes : std::string_view{};
  }

  void handle(int fd, std::string_view packet, std::size_t head) {
    const auto body = packet.substr(head);
    switch (static_cast<unsigned char>(packet[0]) >> 4U) {
      case 1:  // CONNECT
        return answer(fd, {"\x20\x02\x00\x00", 4});
      case 3:
        return publish(fd, packet, head);
      case 8: {  // SUBSCRIBE, to one filter
        if (body.size() < 5) return close(fd);
        const auto filter = body.substr(4, body.size() - 5);
        subscribers_.insert_or_assign(std::string(filter), fd);
        const char suback[] = {'\x90', 3, body[0], body[1], body.back()};
        return answer(fd, {suback, sizeof suback});
      }
      case 12:  // PINGREQ
        return answer(fd, {"\xd0\x00", 2});
      case 14:  // DISCONNECT
        return close(fd);
      default:  // PUBACK
        return;
    }
  }

  void publish(int fd, std::string_view packet, std::size_t head) {
    const bool acknowledged = (static_cast<unsigned char>(packet[0]) & 2U) != 0;
    const auto body = packet.substr(head);
    if (body.size() < 2) return close(fd);
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(body[0])) << 8U |
                      static_cast<unsigned char>(body[1]);
    if (body.size() < 2 + size + (acknowledged ? 2U : 0U)) return close(fd);
    const auto found = subscribers_.find(body.substr(2, size));
    if (found != subscribers_.end()) {
      const int to = found->second;
      auto& output = at(to).output;
      const auto from = output.size();
      answer(to, packet);
      if (acknowledged && at(to).open) {
        // The id is the subscriber's.
        const auto id = ++at(to).last_id == 0 ? ++at(to).last_id : at(to).last_id;
        output[from + head + 2 + size] = static_cast<char>(id >> 8U);
        output[from + head + 3 + size] = static_cast<char>(id & 255U);
      }
    }
    if (!acknowledged || !at(fd).open) return;
    const char puback[] = {'\x40', 2, body[2 + size], body[3 + size]};
    answer(fd, {puback, sizeof puback});
  }

  void answer(int fd, std::string_view bytes) {
    auto& c = at(fd);
    if (!c.open) return;
    if (c.output.size() + bytes.size() > most_pending) return close(fd);
    c.output.append(bytes);
    touch(fd);
  }

  void flush(int fd) {
    auto& c = at(fd);
    c.touched = false;
    if (!c.open || c.output.empty()) return;
    const auto put = ::send(fd, c.output.data(), c.output.size(), MSG_NOSIGNAL);
    if (put >= 0)
      c.output.erase(0, static_cast<std::size_t>(put));
    else if (errno != EAGAIN && errno != EINTR)
      close(fd);
  }

  int set_;
  int listener_;
  std::vector<connection> connections_;  // by descriptor
  std::unordered_map<std::string, int, text_hash, std::equal_to<>> subscribers_;
  std::vector<int> touched_;
  std::array<char, std::size_t{64} * 1024> buffer_;
};

int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  return bound && ::listen(fd, 4096) == 0 ? fd : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view argument = argc == 2 ? argv[1] : "";
  if (argument == "--version") {
    std::puts("mqtt-relay 1");
    return 0;
  }
  const auto port = std::strtoul(argument.data(), nullptr, 10);
  if (port == 0 || port > 65535) {
    std::fputs("usage: mqtt-relay PORT (on loopback)\n", stderr);
    return 2;
  }
  const int listener = listen_on(static_cast<std::uint16_t>(port));
  if (listener < 0) {
    std::perror("mqtt-relay: cannot listen");
    return 1;
  }
  relay(listener).run();
}
