#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>

#include "actors/link/links.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "actors/runtime/runtime_options.hpp"

namespace troupe::link::testing {

/// Waits until it is so, with a deadline.
template <class Predicate>
bool eventually(Predicate ok, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!ok()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// A node that has links and nothing else, with an actor system of its own.
class link_node final : public cluster::network_events {
 public:
  struct options {
    std::string secret = "a shared secret";
    std::string cluster = "blue";
    std::uint64_t incarnation = 0;
    std::uint16_t port = 0;
    tls_files tls;
    cluster::link_limits limits = quick();
    cluster::link_versions versions;
  };

  static cluster::link_limits quick() {
    cluster::link_limits x;
    x.question_ms = 100;
    return x;
  }

  link_node(std::uint64_t id, options x) : id_(id), configuration_(two_loops()) {
    prepared = prepare(configuration_, x.tls);
    system_ = std::make_unique<caf::actor_system>(configuration_);
    static std::atomic<std::uint64_t> incarnations{1'000};
    link_settings s;
    s.terms.self = {node(), "node" + std::to_string(id),
                    x.incarnation != 0 ? x.incarnation : ++incarnations, "127.0.0.1", 0};
    s.terms.cluster = x.cluster;
    s.terms.secret = x.secret;
    s.terms.versions = x.versions;
    s.port = x.port;
    s.limits = x.limits;
    link_hooks hooks;
    hooks.answer_question = [this](std::function<void()> done) {
      if (hung) return;
      loop(1).post([this, done = std::move(done)] { loop(0).post(done); });
    };
    hooks.found = [this](const cluster::link_identity& who, const std::string&, std::uint16_t) {
      found = cluster::number(who.node);
    };
    hooks.objection = [this](const cluster::link_identity& who) {
      return cluster::number(who.node) == unwanted ? std::string("It was removed from the cluster")
                                                   : std::string{};
    };
    out = std::make_unique<links>(*system_, loop(0), std::move(s), *this, std::move(hooks));
  }
  explicit link_node(std::uint64_t id) : link_node(id, options{}) {}
  ~link_node() override {
    out->stop();
    out.reset();
    system_.reset();
  }

  cluster::node_id node() const { return cluster::node_id{id_}; }
  runtime::run_loop& loop(unsigned i) {
    return runtime::loop_coordinator::of(*system_).loop(i);
  }
  peer_address address(std::uint16_t port = 0) const {
    return {node(), "node" + std::to_string(id_), "127.0.0.1", port != 0 ? port : out->port()};
  }
  bool send(const link_node& to, std::string bytes, std::shared_ptr<const void> hold = nullptr,
            bool droppable = false) {
    return out->send(to.node(),
                     {cluster::channel::broker, std::move(bytes), std::move(hold), droppable});
  }
  link_figures figures_of(const link_node& peer) const {
    for (auto& each : out->figures())
      if (each.node == peer.node()) return each;
    return {};
  }

  /// One after the other.
  std::vector<std::uint64_t> pairings() const {
    const std::lock_guard lock(mutex_);
    return pairings_;
  }

  void peer_up(cluster::node_id peer, std::uint64_t pairing) override {
    const std::lock_guard lock(mutex_);
    history_.push_back("up " + std::to_string(cluster::number(peer)));
    ++ups;
    pairings_.push_back(pairing);
  }
  void peer_down(cluster::node_id peer, std::uint64_t) override {
    const std::lock_guard lock(mutex_);
    history_.push_back("down " + std::to_string(cluster::number(peer)));
    ++downs;
  }
  void received(cluster::node_id, cluster::channel, std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    frames_.emplace_back(bytes);
    ++count;
  }
  std::vector<std::string> frames() const {
    const std::lock_guard lock(mutex_);
    return frames_;
  }
  std::vector<std::string> history() const {
    const std::lock_guard lock(mutex_);
    return history_;
  }

  std::string prepared;
  std::atomic<int> ups{0};
  std::atomic<int> downs{0};
  std::atomic<std::size_t> count{0};
  std::atomic<bool> hung{false};
  std::atomic<std::uint64_t> found{0};
  std::atomic<std::uint64_t> unwanted{0};

 private:
  static runtime::runtime_options two_loops() {
    runtime::runtime_options x;
    x.loops = 2;
    return x;
  }

  const std::uint64_t id_;
  runtime::runtime_config configuration_;
  std::unique_ptr<caf::actor_system> system_;
  mutable std::mutex mutex_;
  std::vector<std::string> frames_;
  std::vector<std::string> history_;
  std::vector<std::uint64_t> pairings_;

 public:
  std::unique_ptr<links> out;
};

/// Both keep a link with each other, over a relay if there is one.
inline void introduce(link_node& a, link_node& b, std::uint16_t relay_to_b = 0) {
  a.out->set_peers({b.address(relay_to_b)});
  b.out->set_peers({a.address()});
}

}  // namespace troupe::link::testing
