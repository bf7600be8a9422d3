#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <string>

#include <caf/fwd.hpp>
#include <caf/actor_control_block.hpp>

#include "actors/link/outbox.hpp"
#include "actors/link/scout.hpp"
#include "actors/link/settings.hpp"
#include "actors/runtime/run_loop.hpp"
#include "cluster/network.hpp"

namespace troupe::link {

/// What any thread may see of one link; outlives its actor.
struct link_record {
  explicit link_record(const cluster::link_limits& limits) : box(limits) {}
  outbox box;
  mutable std::mutex mutex;
  link_figures figures;  // guarded; what the outbox counts is added when read
};

/// What the actors of the links share. Everything but `records` belongs to the
/// run loop of the links.
struct link_context : std::enable_shared_from_this<link_context> {
  link_context(caf::actor_system& s, runtime::run_loop& l, link_settings x,
               cluster::network_events& e, link_hooks h)
      : system(s),
        loop(l),
        settings(std::move(x)),
        events(e),
        hooks(std::move(h)),
        chance(settings.terms.self.incarnation) {}

  caf::actor_system& system;
  runtime::run_loop& loop;
  link_settings settings;
  cluster::network_events& events;
  link_hooks hooks;
  scout probe;
  caf::strong_actor_ptr middleman;  // who connects: plain or TLS
  std::uint64_t last_pairing = 0;
  std::uint64_t last_attempt = 0;
  std::mt19937_64 chance;  // for jitter only
  bool stopping = false;

  struct link_entry {
    caf::strong_actor_ptr actor;
    bool member = false;  // named by set_peers()
  };
  std::map<cluster::node_id, link_entry> links;

  // Shared with senders; a record is never removed, so that a sender may use
  // it without a reference. One for each node that has ever proved the secret.
  mutable std::shared_mutex records_mutex;
  std::map<cluster::node_id, std::unique_ptr<link_record>> records;

  /// Any thread; nullptr: there never was a link with it.
  link_record* record_of(cluster::node_id node) const;

  /// The link with that node, which is made if there is none yet; null: the
  /// links are stopping or there are too many.
  caf::strong_actor_ptr link_with(const peer_address& where);

  /// Asks the own working actors; `attempt` tells the answers apart.
  void vouch(const caf::strong_actor_ptr& asker, std::uint64_t attempt);

  /// Two nodes found each other: keep a link, and tell if it was looked for.
  void met(const cluster::link_identity& who);

  /// Milliseconds with jitter: between half and the whole.
  std::int64_t jitter(std::int64_t ms);
  std::string new_nonce();
};

}  // namespace troupe::link
