#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "actors/broker/audit/route_audit.hpp"
#include "actors/broker/context.hpp"
#include "actors/broker/remote/delivery_outbox.hpp"
#include "actors/broker/remote/announcements.hpp"
#include "actors/broker/remote/peers.hpp"
#include "actors/broker/remote/topic_view.hpp"
#include "actors/broker/routing/matcher.hpp"

namespace troupe::broker {

/// What a topic shard is in a cluster: its owner, or the way to the owner. One
/// actor is both, at different times, so that nobody who holds its handle needs
/// to know where the shard lives. Belongs to its topic shard.
///
/// As the owner it *serves* when every session shard has announced its filters
/// up to the epoch of its owner: earlier an acknowledged message could miss a
/// durable subscriber. Until then, and while there is no owner, what needs an
/// acknowledgement waits, with its limit; QoS 0 goes on with the routes at hand.
/// On a node that is cut off from the majority it does not wait but is refused at once:
/// no owner will come.
class topic_role {
 public:
  /// The topic shard, as this class needs it.
  struct host {
    std::function<void(const std::shared_ptr<publish_batch>&)> publish;
    std::function<void(cluster::node_id from, const peer::Deliver&)> deliver;
    std::function<void(const delivery_outbox::progress&)> progress;
  };

  topic_role(broker_context& context, shard_id shard, matcher& routes, host owner);

  bool is_owner() const noexcept { return view_.owner(shard_).node == view_.self; }
  bool serves() const noexcept { return is_owner() && serving_; }
  std::uint64_t epoch() const { return view_.owner(shard_).epoch; }
  const topic_view& view() const noexcept { return view_; }
  delivery_outbox& outbox() noexcept { return outbox_; }
  /// From people of this node; the owner knows.
  void ask(route_question question);

  /// From a session of this node, or of another one to its owner.
  void publish(std::shared_ptr<publish_batch> batch);
  /// Batches that were under work when another node became the owner, in their order.
  void take_back(std::vector<std::shared_ptr<publish_batch>> batches);
  /// As the owner that does not serve any more: batches that were not given to anybody, in their order.
  void hold(std::vector<std::shared_ptr<publish_batch>> batches);
  /// The change of a local session has been applied: tells the owner, answers when it is in force.
  void route_applied(route_change& change, std::uint64_t version);
  void on(const owner_now& change);
  void on(const peer_changed& change);
  void on(const peer_message& frame);
  void on(const routes_announced& told);
  void on(const majority_changed& news);
  void wildcards_came() { check(); }
  void tick();

  /// Answers what a batch asked for, wherever it came from.
  static void answer(broker_context& context, shard_id shard, const publish_batch& batch,
                     publish_outcomes outcomes);

 private:
  struct waiting_publish {
    std::shared_ptr<publish_batch> batch;
    std::size_t open = 0;  // outcomes to come
    unsigned age = 0;      // ticks
    bool sent = false;
  };
  struct waiting_route {
    route_change change;
    unsigned age = 0;
    bool sent = false;
  };

  void forward(std::shared_ptr<publish_batch> batch);
  bool send(std::uint64_t request, waiting_publish& w);
  void begin_again();
  void refuse(const publish_batch& batch);
  void withdraw(const route_change& removed);
  void send(std::uint64_t request, waiting_route& w);
  void give_up(const publish_batch& batch, observe::counter as);
  bool out_of_reach() const;
  bool must_be_refused(const publish_batch& batch) const;
  void refuse_now(std::shared_ptr<publish_batch> batch);
  void refuse_what_waits();
  void take_over();
  void step_down();
  void check();
  bool announced(std::uint16_t session_shard) const;
  void send_routes();
  void resend();
  void on_publish(cluster::node_id from, const peer::Publish& frame);
  void on_answer(const peer::PublishAnswer& frame);
  void on_route(cluster::node_id from, const peer::RouteChange& frame);
  void on_complete(cluster::node_id from, const peer::RoutesComplete& frame);

  broker_context& context_;
  peers& net_;
  const shard_id shard_;
  matcher& routes_;
  host host_;
  topic_view view_;
  delivery_outbox outbox_;
  bool serving_ = false;
  bool cut_off_ = false;  // from the majority of the cluster
  /// By session the last token that was refused: what it sent before it had heard of that is
  /// refused as well, or it would be taken before the earlier one. For some ticks.
  std::map<session_id, std::uint64_t> refused_now_;
  unsigned refusing_ = 0;
  unsigned ticks_as_owner_ = 0;
  /// By session shard: epochs up to which all filters of this topic shard are here.
  std::vector<std::uint64_t> announced_;
  /// The same of session shards that this node owns.
  std::vector<std::uint64_t> own_;
  /// Nodes whose clean sessions are still to be told since the take-over.
  std::vector<cluster::node_id> awaited_;
  struct held {
    std::shared_ptr<publish_batch> batch;
    unsigned age = 0;
  };
  std::deque<held> held_;  // owner, but not serving yet
  std::map<std::uint64_t, waiting_publish> publishes_;
  std::size_t unsent_ = 0;  // of them
  /// The number of this try to send them: when one is refused, or may be lost, all come again, in
  /// their order, as the next attempt.
  std::uint64_t attempt_ = 0;
  /// As the owner: the attempt of a node that was refused last, with all that comes behind.
  std::map<cluster::node_id, std::uint64_t> refused_;
  std::map<std::uint64_t, waiting_route> changes_;
  std::uint64_t next_request_;
  announcements announced_by_;
  struct early_frame {
    std::uint64_t epoch;
    peer_message frame;
  };
  std::vector<early_frame> early_;  // for an owner that is not known here yet
  route_audit audit_;
};

}  // namespace troupe::broker
