#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/cluster/interfaces.hpp"
#include "actors/cluster/peer_gate.hpp"
#include "actors/link/links.hpp"
#include "actors/runtime/run_loop.hpp"

namespace troupe::clustering {

/// What membership does to real links. `gate` lives on `loop`; both outlive this, and
/// so do the links.
class link_contacts final : public contacts {
 public:
  link_contacts(link::links& links, peer_gate& gate, runtime::run_loop& loop)
      : links_(links), gate_(gate), loop_(loop) {}

  void set_peers(std::vector<link::peer_address> peers) override {
    links_.set_peers(std::move(peers));
  }
  void find(const std::string& host, std::uint16_t port) override { links_.find(host, port); }
  void introduce(std::string hello, std::uint64_t cluster) override {
    loop_.post([this, hello = std::move(hello), cluster]() mutable {
      gate_.introduce(std::move(hello), cluster);
    });
  }
  void bar(cluster::node_id node) override {
    loop_.post([this, node] { gate_.bar(node); });
  }
  std::vector<link::link_figures> figures() const override { return links_.figures(); }

 private:
  link::links& links_;
  peer_gate& gate_;
  runtime::run_loop& loop_;
};

}  // namespace troupe::clustering
