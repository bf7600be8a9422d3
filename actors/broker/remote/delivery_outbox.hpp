#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "actors/broker/remote/peers.hpp"
#include "actors/broker/remote/topic_view.hpp"

namespace troupe::broker {

/// What a topic shard has for sessions of other nodes: one frame for a batch
/// and node, whatever the fan-out. What durable sessions are owed stays here
/// until their node has kept it, and is sent again when their shard has another
/// owner or a link was broken. What one node refuses holds back all that is behind it for the
/// same session shard, on both sides: it comes again in its order. Belongs to its topic shard.
class delivery_outbox {
 public:
  /// Messages for sessions of this node after all: their shard has just come here.
  using deliver_here = std::function<void(const peer::Deliver&)>;
  /// `more` answers will come for the commitment than was said (or one less).
  struct progress {
    std::uint64_t commitment = 0;
    int more = 0;
    bool failed = false;
  };
  using report = std::function<void(const progress&)>;

  delivery_outbox(peers& net, shard_id shard, const topic_view& view, deliver_here here,
                  report tell);

  /// A receiver of the item; all of one item one after the other.
  void add(const publish_item& item, const receiver& who);
  /// Sends what was added. Answers how many answers follow for `commitment`.
  std::uint32_t flush(std::uint64_t commitment, const std::shared_ptr<const void>& hold);

  /// After flush(), when nothing of the batch is under work any more.
  void serve_here();

  /// What this node was to keep and could not: one answer follows for `commitment`.
  void adopt(std::uint64_t commitment, peer::Deliver content);
  void answered(cluster::node_id from, const peer::DeliverAnswer& answer);
  /// Something has changed in who owns what, or who can be reached.
  void retry();
  /// What was sent to it may have come or not: it is sent again.
  void lost(cluster::node_id node);

  /// Something for that session shard was not taken yet: what comes now has to go behind it.
  bool holds_back(shard_id session_shard) const;
  /// Another node owns the topic shard: nothing is answered any more.
  void clear() noexcept { pending_.clear(); }
  std::size_t pending() const noexcept { return pending_.size(); }

 private:
  struct letter {
    cluster::node_id to = cluster::no_node;
    peer::Deliver content;
    bool wanted = false;  // an answer
    std::int64_t last = -1;  // number of the latest item added
  };
  struct waiting {
    letter what;
    std::uint64_t commitment = 0;
    bool sent = false;
  };

  cluster::node_id node_of(session_id id, bool kept, cluster::node_id announcer) const;
  letter& letter_for(cluster::node_id node, bool wanted);
  bool post(std::uint64_t request, waiting& w, bool again);
  bool held_back(const peer::Deliver& content) const;
  void split(waiting w);

  peers& net_;
  const shard_id shard_;
  const topic_view& view_;
  deliver_here here_;
  report report_;
  std::vector<letter> letters_;
  const publish_item* item_ = nullptr;  // added last
  std::int64_t item_number_ = 0;
  std::map<std::uint64_t, waiting> pending_;  // by request: in the order of the first sending
  std::uint64_t next_request_ = 1;
  bool for_here_ = false;
};

}  // namespace troupe::broker
