// One node with links, for tests that need real processes and for measuring:
//
//     link_process NODE PORT PEER PEER_PORT [key=value ...]
//
// Prints one line for each event: "port N", "up P", "down P", "done ...".
// Reads commands: "send COUNT SIZE" (waits for room), "flood SECONDS SIZE" (never waits; droppable),
// "ping COUNT SIZE", "stick MILLISECONDS" (a run loop stands still), "figures", "quit". Received
// frames are answered if they begin with '?'; those of "send" are checked for order.
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#include <caf/actor_system.hpp>

#include "actors/link/links.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "protocol/auth/digest.hpp"

namespace {

using namespace troupe;
using clock_type = std::chrono::steady_clock;

void say(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line << std::endl;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& x) {
    return static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

long resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  return 0;
}

class node final : public cluster::network_events {
 public:
  link::links* out = nullptr;
  std::atomic<std::uint64_t> received_frames{0};
  std::atomic<std::uint64_t> received_bytes{0};
  std::atomic<std::uint64_t> wrong_order{0};

  void peer_up(cluster::node_id, std::uint64_t pairing) override {
    say("up " + std::to_string(pairing));
  }
  void peer_down(cluster::node_id, std::uint64_t pairing) override {
    say("down " + std::to_string(pairing));
  }
  void received(cluster::node_id from, cluster::channel to, std::string_view bytes) override {
    received_bytes += bytes.size();
    ++received_frames;
    if (bytes.front() == '?') {
      cluster::frame back{to, std::string(bytes), nullptr, false};
      back.bytes[0] = '!';
      out->send(from, std::move(back));
    } else if (bytes.front() == '!') {
      const std::lock_guard lock(mutex_);
      answered_ = true;
      changed_.notify_all();
    } else if (bytes.front() == '#') {
      if (std::stoull(std::string(bytes.substr(1, 12))) != expected_++) ++wrong_order;
    }
  }
  bool wait_answer() {
    std::unique_lock lock(mutex_);
    const bool ok =
        changed_.wait_for(lock, std::chrono::seconds(10), [this] { return answered_; });
    answered_ = false;
    return ok;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool answered_ = false;
  std::uint64_t expected_ = 0;
};

std::string numbered(std::uint64_t number, std::size_t size) {
  char head[16];
  std::snprintf(head, sizeof head, "#%012llu", static_cast<unsigned long long>(number));
  std::string bytes(std::max<std::size_t>(size, 13), '.');
  bytes.replace(0, 13, head, 13);
  return bytes;
}

/// Lets a sender wait until its frames have been taken.
struct room {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t used = 0;
  void take(std::size_t bytes) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return used < 4 * 1024 * 1024; });
    used += bytes;
  }
  void give(std::size_t bytes) {
    const std::lock_guard lock(mutex);
    used -= bytes;
    if (used < 2 * 1024 * 1024) changed.notify_all();
  }
};

void send(link::links& out, cluster::node_id peer, std::uint64_t count, std::size_t size) {
  const auto begin = clock_type::now();
  const auto cpu = cpu_seconds();
  room space;
  static std::uint64_t number = 0;
  std::uint64_t failed = 0;
  for (std::uint64_t i = 0; i < count;) {
    // One hold for a few frames, as a batch of a publisher has.
    const std::uint64_t group = std::min<std::uint64_t>(count - i, 32);
    space.take(group * size);
    std::shared_ptr<const void> hold(&space, [bytes = group * size](room* x) { x->give(bytes); });
    for (std::uint64_t k = 0; k < group; ++k, ++i)
      if (!out.send(peer, {cluster::channel::broker, numbered(number++, size), hold, false}))
        ++failed;
  }
  {
    std::unique_lock lock(space.mutex);
    space.changed.wait_for(lock, std::chrono::seconds(60), [&] { return space.used == 0; });
  }
  const auto seconds = std::chrono::duration<double>(clock_type::now() - begin).count();
  const auto used = cpu_seconds() - cpu;
  std::ostringstream line;
  line << "done send count=" << count << " size=" << size << " failed=" << failed
       << " seconds=" << seconds << " frames_per_s=" << static_cast<double>(count) / seconds
       << " mb_per_s=" << static_cast<double>(count * size) / seconds / 1e6
       << " cpu_ns_per_frame=" << used / static_cast<double>(count) * 1e9;
  say(line.str());
}

void ping(link::links& out, node& events, cluster::node_id peer, int count, std::size_t size) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const auto begin = clock_type::now();
    std::string bytes(std::max<std::size_t>(size, 1), '.');
    bytes[0] = '?';
    if (!out.send(peer, {cluster::channel::member, std::move(bytes), nullptr, false}) ||
        !events.wait_answer())
      break;
    times.push_back(std::chrono::duration<double, std::micro>(clock_type::now() - begin).count());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::sort(times.begin(), times.end());
  std::ostringstream line;
  line << "done ping count=" << times.size();
  if (!times.empty())
    line << " p50_us=" << times[times.size() / 2] << " p99_us=" << times[times.size() * 99 / 100];
  say(line.str());
}

void flood(link::links& out, cluster::node_id peer, double seconds, std::size_t size) {
  const auto end = clock_type::now() + std::chrono::duration<double>(seconds);
  std::uint64_t number = 0;
  long peak = 0;
  while (clock_type::now() < end) {
    for (int i = 0; i < 100; ++i, ++number)
      out.send(peer, {cluster::channel::broker, std::string(size, '.'), nullptr, true});
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (number % 10'000 == 0) peak = std::max(peak, resident_kib());
  }
  say("done flood frames=" + std::to_string(number) + " rss_peak_kib=" + std::to_string(peak));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  std::map<std::string, std::string> options;
  for (int i = 5; i < argc; ++i) {
    const std::string one = argv[i];
    options[one.substr(0, one.find('='))] = one.substr(one.find('=') + 1);
  }
  const cluster::node_id self{std::stoull(argv[1])};
  const cluster::node_id peer{std::stoull(argv[3])};
  runtime::runtime_options loops;
  loops.loops = 2;
  runtime::runtime_config configuration(loops);
  link::tls_files tls;
  if (options.contains("tls"))
    tls = {options["tls"], options["tls"], options["ca"]};
  if (const auto error = link::prepare(configuration, tls); !error.empty()) {
    say("error " + error);
    return 1;
  }
  caf::actor_system system(configuration);
  auto& all = runtime::loop_coordinator::of(system);
  link::link_settings settings;
  settings.terms.cluster = options.contains("cluster") ? options["cluster"] : "test";
  settings.terms.secret = options.contains("secret") ? options["secret"] : "a shared secret";
  const auto random = auth::random_bytes(8).value_or("12345678");
  settings.terms.self = {self, "node" + std::string(argv[1]),
                         *reinterpret_cast<const std::uint64_t*>(random.data()) | 1, "127.0.0.1",
                         0};
  settings.port = static_cast<std::uint16_t>(std::stoi(argv[2]));
  if (options.contains("suspect")) settings.limits.suspect_ms = std::stoi(options["suspect"]);
  node events;
  std::atomic<bool> stuck{false};
  link::link_hooks hooks;
  hooks.answer_question = [&](std::function<void()> done) {
    all.loop(1).post([&all, done = std::move(done)] { all.loop(0).post(done); });
  };
  hooks.found = [](const cluster::link_identity& who, const std::string&, std::uint16_t) {
    say("found " + std::to_string(cluster::number(who.node)));
  };
  link::links links(system, all.loop(0), settings, events, hooks);
  events.out = &links;
  if (const auto error = links.start(); !error.empty()) {
    say("error " + error);
    return 1;
  }
  say("port " + std::to_string(links.port()));
  const auto peer_port = static_cast<std::uint16_t>(std::stoi(argv[4]));
  if (cluster::number(peer) != 0)
    links.set_peers({{peer, "node" + std::string(argv[3]), "127.0.0.1", peer_port}});
  else if (peer_port != 0)
    links.find("127.0.0.1", peer_port);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::string verb;
    std::uint64_t a = 0;
    std::size_t b = 0;
    in >> verb >> a >> b;
    auto to = peer;
    if (cluster::number(to) == 0)
      for (const auto& x : links.figures()) to = x.node;
    const auto cpu = cpu_seconds();
    if (verb == "send") send(links, to, a, b);
    if (verb == "ping") ping(links, events, to, static_cast<int>(a), b);
    if (verb == "flood") flood(links, to, static_cast<double>(a), b);
    if (verb == "stick")
      all.loop(1).post([a] { std::this_thread::sleep_for(std::chrono::milliseconds(a)); });
    if (verb == "quit") break;
    if (verb == "figures") {
      std::ostringstream out;
      out << "done figures received=" << events.received_frames << " bytes=" << events.received_bytes
          << " wrong_order=" << events.wrong_order << " cpu=" << cpu
          << " rss_kib=" << resident_kib();
      for (const auto& x : links.figures())
        out << " | " << cluster::number(x.node) << " " << link::name(x.state) << " pairing "
            << x.pairing << " window " << x.window_bytes << " peak " << x.window_peak << " flight "
            << x.flight_bytes << " sent " << x.frames_sent << " dropped " << x.frames_dropped
            << " breaks " << x.breaks << " resumed " << x.resumed << " rtt " << x.round_trip_ms
            << " batches " << x.batches_sent << "/" << x.batches_received << " error \""
            << x.last_error << "\"";
      say(out.str());
    }
  }
  links.stop();
  say("stopped");
  return 0;
}
