#include "tools/troupe-bench/engine/crew.hpp"

#include "tools/troupe-bench/engine/client.hpp"
#include "tools/troupe-bench/engine/clock.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <thread>
#include <unistd.h>

namespace troupe::bench {
namespace {

using std::chrono::nanoseconds;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr double clearing_seconds = 60;
// Linux gives out 28,000, but looks longer for a free one the fewer there are.
constexpr std::uint64_t ports_per_address = 2'000;
constexpr std::uint64_t most_addresses = 200;

/// Often at first, so that a short wait is measured as well as a long one: to half a per cent.
nanoseconds until_next_look(std::int64_t waited) {
  constexpr nanoseconds shortest = std::chrono::microseconds(50);
  constexpr nanoseconds longest = std::chrono::milliseconds(2);
  return std::clamp(nanoseconds(waited / 200), shortest, longest);
}

/// What most of the work in a second was.
std::uint64_t grown(const crew_totals& from, const crew_totals& to) {
  return std::max(
      {to.received - from.received, to.acked - from.acked, to.connected - from.connected});
}

}  // namespace

crew::crew(const options& given)
    : given_(given),
      started_(now_ns()),
      deadline_(started_ + static_cast<std::int64_t>(given.deadline * 1e9)) {}

crew::~crew() {
  stop();
}

std::string crew::start() {
  how_.version =
      given_.version == "5" ? mqtt::protocol_version::v5 : mqtt::protocol_version::v3_1_1;
  how_.keep_alive = given_.keep_alive;
  how_.user = given_.user;
  how_.password = given_.password;
  how_.websocket = given_.websocket;
  how_.websocket_path = given_.websocket_path;
  if (given_.tls) {
    std::string error;
    tls_ = tls_client::make(given_, error);
    if (!tls_) return error;
    how_.tls = tls_.get();
  }
  for (auto error : {resolve(given_.publish_to, publish_to_, false),
                     resolve(given_.subscribe_to, subscribe_to_, false),
                     resolve(given_.source_addresses, sources_, true)})
    if (!error.empty()) return error;
  const auto concurrency = std::max(1U, given_.concurrency / given_.threads);
  for (std::uint32_t i = 0; i < given_.threads; ++i)
    workers_.push_back(std::make_unique<worker>(i, concurrency, given_.spin, faults_));
  for (auto& each : workers_) {
    each->expect_workers(workers_.size());
    if (auto error = each->start(); !error.empty()) return error;
  }
  return {};
}

void crew::stop() {
  for (auto& each : workers_) each->stop();
}

std::string crew::resolve(const std::vector<std::string>& from, std::vector<endpoint>& to,
                          bool local) const {
  for (const auto& text : from) {
    const auto parts = split_address(text, local ? "1" : default_port(given_));
    if (!parts) return "'" + text + "' is not HOST or HOST:PORT.";
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const char* const port = local ? nullptr : parts->port.c_str();
    if (const int error = ::getaddrinfo(parts->host.c_str(), port, &hints, &found); error != 0)
      return "The address of " + text + " is not known: " + ::gai_strerror(error) + ".";
    endpoint made;
    made.name = text;
    made.host = parts->host;
    std::memcpy(&made.address, found->ai_addr, found->ai_addrlen);
    made.address_bytes = found->ai_addrlen;
    ::freeaddrinfo(found);
    to.push_back(std::move(made));
  }
  return {};
}

bool crew::on_loopback() const {
  const auto is_loopback = [](const endpoint& each) {
    if (each.address.ss_family != AF_INET) return false;
    sockaddr_in address{};
    std::memcpy(&address, &each.address, sizeof(address));
    return (ntohl(address.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  };
  return std::all_of(publish_to_.begin(), publish_to_.end(), is_loopback) &&
         std::all_of(subscribe_to_.begin(), subscribe_to_.end(), is_loopback);
}

void crew::spread_sources(std::uint64_t connections) {
  const auto wanted = std::min(most_addresses, connections / ports_per_address + 1);
  if (!sources_.empty() || wanted < 2 || !on_loopback()) return;
  for (std::uint64_t i = 1; i <= wanted; ++i)
    (void)resolve({"127.0.0." + std::to_string(i)}, sources_, true);
}

void crew::begin_clearing() {
  everywhere([](worker& w) { w.open_nobody(); });
  forgiven_ = faults_.count();
  deadline_ = std::max(deadline_, now_ns() + static_cast<std::int64_t>(clearing_seconds * 1e9));
}

crew_totals crew::totals() const {
  crew_totals sum;
  for (const auto& each : workers_) {
    const auto& c = each->counters();
    sum.begun += c.begun.load(std::memory_order_relaxed);
    sum.connected += c.connected.load(std::memory_order_relaxed);
    sum.resumed += c.resumed.load(std::memory_order_relaxed);
    sum.ready += c.ready.load(std::memory_order_relaxed);
    sum.closed += c.closed.load(std::memory_order_relaxed);
    sum.sent += c.sent.load(std::memory_order_relaxed);
    sum.acked += c.acked.load(std::memory_order_relaxed);
    sum.received += c.received.load(std::memory_order_relaxed);
    sum.foreign += c.foreign.load(std::memory_order_relaxed);
    sum.corrupted += c.corrupted.load(std::memory_order_relaxed);
  }
  return sum;
}

histogram crew::latency() const {
  histogram all;
  for (const auto& each : workers_) all.merge(each->latency());
  return all;
}

void crew::everywhere(const std::function<void(worker&)>& task) {
  std::mutex lock;
  std::condition_variable changed;
  std::size_t left = workers_.size();
  for (auto& each : workers_) {
    each->post([&, raw = each.get()] {
      task(*raw);
      const std::lock_guard guard(lock);
      if (--left == 0) changed.notify_one();
    });
  }
  std::unique_lock guard(lock);
  changed.wait(guard, [&] { return left == 0; });
}

void crew::open(const std::vector<client*>& clients) {
  everywhere([&](worker& w) {
    for (std::size_t i = w.index(); i < clients.size(); i += workers_.size())
      w.queue_open(*clients[i]);
  });
}

std::string crew::fault() const {
  if (faults_.count() <= forgiven_) return {};
  std::string all;
  for (const auto& sentence : faults_.first()) all += (all.empty() ? "" : "\n") + sentence;
  return all;
}

std::string crew::wait(const std::string& what, const std::function<bool(const crew_totals&)>& done,
                       const std::function<std::uint64_t(const crew_totals&)>& progress) {
  std::uint64_t last = 0;
  const auto begin = now_ns();
  auto moved = begin;
  for (;;) {
    const auto now = totals();
    if (auto sentence = fault(); !sentence.empty()) return sentence;
    if (done(now)) return {};
    const auto time = now_ns();
    if (const auto at = progress(now); at != last) {
      last = at;
      moved = time;
    }
    if (static_cast<double>(time - moved) > given_.stall * 1e9)
      return "No progress for " + std::to_string(static_cast<int>(given_.stall)) + " s while " +
             what + ".";
    if (time > deadline_) return "Time is up while " + what + ".";
    show(what, now);
    std::this_thread::sleep_for(until_next_look(time - begin));
  }
}

std::string crew::pause(double seconds, const std::string& what) {
  const auto until = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
  while (now_ns() < until) {
    if (auto sentence = fault(); !sentence.empty()) return sentence;
    show(what, totals());
    std::this_thread::sleep_for(std::clamp<nanoseconds>(
        nanoseconds(until - now_ns()), nanoseconds(0), std::chrono::milliseconds(50)));
  }
  return {};
}

void crew::show(const std::string& what, const crew_totals& now) {
  const auto time = now_ns();
  if (given_.quiet || ::isatty(STDERR_FILENO) == 0 || time - shown_ < second_ns) return;
  const double seconds = shown_ == 0 ? 0 : static_cast<double>(time - shown_) * 1e-9;
  const double rate = seconds > 0 ? static_cast<double>(grown(shown_totals_, now)) / seconds : 0;
  std::fprintf(stderr, "\r\033[K%4.0f s  %s: %llu connected, %llu sent, %llu received, %.0f/s",
               static_cast<double>(time - started_) * 1e-9, what.c_str(),
               static_cast<unsigned long long>(now.connected),
               static_cast<unsigned long long>(now.sent),
               static_cast<unsigned long long>(now.received), rate);
  shown_ = time;
  shown_totals_ = now;
}

}  // namespace troupe::bench
