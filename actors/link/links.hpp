#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

#include "actors/link/settings.hpp"
#include "cluster/network.hpp"

namespace troupe::runtime {
class run_loop;
class runtime_config;
}  // namespace troupe::runtime

namespace troupe::link {

struct link_context;

/// Makes an actor system able to hold links: loads CAF's middleman, with
/// mutual TLS if `tls` names files. Before the actor system is made. Answers
/// why it cannot be, or "". The TLS files are read here once; CAF reads the copies at
/// every connection, so what happens to the files later cannot hurt; see links::reload_tls().
std::string prepare(runtime::runtime_config& configuration, const tls_files& tls);

/// The links of this node: sends to other nodes, and keeps a connection with
/// each of them. One per actor system, which prepare() has prepared.
///
/// Lifecycle: construct, start(), ..., stop(), before the actor system goes.
/// `events` and the hooks are called on `loop` only, until stop() returns.
class links final : public cluster::network {
 public:
  links(caf::actor_system& system, runtime::run_loop& loop, link_settings settings,
        cluster::network_events& events, link_hooks hooks = {});
  ~links() override;

  /// Opens the cluster port. Answers why not, or "". Blocks; not on a run loop.
  std::string start();
  /// The port that is listened on; after start().
  std::uint16_t port() const noexcept { return port_; }

  /// Any thread.
  bool send(cluster::node_id to, cluster::frame what) override;

  /// The nodes to keep links with; links with others that were named before
  /// end. A node that comes by itself and proves the secret has a link without
  /// being named, as long as it is up. Any thread.
  void set_peers(std::vector<peer_address> peers);

  /// Looks for a node at the address until it is found; link_hooks::found()
  /// tells who it is. Any thread.
  void find(std::string host, std::uint16_t port);

  /// Figures of all links. Any thread.
  std::vector<link_figures> figures() const;

  /// Replaces the certificates of connections that are made from now on.
  /// Answers why not, and nothing is changed, or "". Not on a run loop.
  std::string reload_tls(const tls_files& tls);

  /// Says goodbye to all peers and closes the port: each has its peer_down()
  /// when this returns, or `limit` has passed. Blocks; not on a run loop.
  void stop(std::chrono::milliseconds limit = std::chrono::seconds(5));

 private:
  std::shared_ptr<link_context> context_;
  struct handles;
  std::unique_ptr<handles> handles_;
  std::uint16_t port_ = 0;
  bool started_ = false;
};

}  // namespace troupe::link
