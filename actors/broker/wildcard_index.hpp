#pragma once

#include <map>
#include <memory>
#include <vector>

#include "actors/broker/audit/route_audit.hpp"
#include "actors/broker/context.hpp"
#include "actors/broker/remote/announcements.hpp"
#include "actors/broker/remote/peers.hpp"
#include "actors/broker/remote/topic_view.hpp"
#include "actors/runtime/lean_actor.hpp"

namespace troupe::broker {

/// The one writer of the filters with wildcards. Every change makes a new
/// snapshot (path copying, O(levels)) that topic shards pick up with their next
/// batch; only then is the change answered, so that no message published after
/// a SUBACK is missed. Lives as long as the node, on one run loop.
///
/// In a cluster every node has all of them: each index tells the others what its
/// node announces, and answers a change when every node that can be reached has it.
class wildcard_index final : public runtime::lean_actor {
 public:
  wildcard_index(caf::actor_config& cfg, broker_context& context);
  const char* name() const override { return "wildcard_index"; }
  void describe(runtime::actor_description& to) const override;

 protected:
  void receive(caf::mailbox_element& m) override;

 private:
  struct waiting_change {
    route_changed answer;
    caf::strong_actor_ptr answer_to;
    std::vector<cluster::node_id> nodes;  // that have not answered yet
  };

  void apply(route_change& change);
  std::uint64_t change_routes(const route_change& change);
  void erase_if(const std::function<bool(const subscription&)>& gone);
  void tell_peers(route_change& change, std::uint64_t version);
  void send_all(cluster::node_id to);
  void begin_audit();
  void ask(route_question question);
  void on(const peer_message& frame);
  void on(const peer_changed& change);
  void on(const routes_announced& told);
  void on_route(cluster::node_id from, const peer::RouteChange& frame);
  void on_complete(cluster::node_id from, const peer::RoutesComplete& frame);
  void answered(cluster::node_id from, std::uint64_t request, const peer::RouteAnswer* answer);
  void tell_topic_shards();

  broker_context& context_;
  wildcard_routes routes_;
  topic_view view_;
  std::vector<std::uint64_t> own_;  // announced epochs of session shards of this node
  std::map<std::uint64_t, waiting_change> changes_;
  std::uint64_t next_request_ = 1;  // in a cluster: see peers::first_request()
  announcements announced_by_;
  route_ledger ledger_;
  std::unique_ptr<route_audit> audit_;  // null: not in a cluster
};

}  // namespace troupe::broker
