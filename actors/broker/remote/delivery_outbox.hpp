#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/broker/remote/peers.hpp"
#include "actors/broker/remote/topic_view.hpp"

namespace troupe::broker {

/// What a topic shard has for sessions of other nodes: one frame for a batch
/// and node, whatever the fan-out. What durable sessions are owed stays here
/// until their node has kept it.
///
/// What is for one session shard is a stream in order, and each try to send it an attempt with a
/// number: when something was refused, or may be lost with a link, or the shard has another owner,
/// all that is not answered is sent again from the first on, as the next attempt. A node that
/// refused one refuses all of that attempt. Belongs to its topic shard.
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

  /// Session shards of the receivers that were added since the last flush().
  std::vector<std::uint16_t> shards_added() const;

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
  bool holds_back(shard_id session_shard) const { return unsent_[number(session_shard)] != 0; }
  /// Another node owns the topic shard: nothing is answered any more.
  void clear();
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
    std::vector<std::uint16_t> shards;  // of its receivers
    std::uint64_t commitment = 0;
    std::uint64_t posting = 0;  // as what it was sent; 0: it was not
  };
  /// Place in the order: the number of the commitment; and which part of it.
  using key = std::pair<std::uint64_t, std::uint64_t>;
  using letters = std::map<key, waiting>;

  cluster::node_id node_of(session_id id, bool kept, cluster::node_id announcer) const;
  letter& letter_for(cluster::node_id node, bool wanted);
  letters::iterator put(std::uint64_t place, std::uint64_t commitment, letter what);
  waiting take(letters::iterator at);
  void unsend(waiting& w);
  /// All for that session shard will be sent again.
  void begin_again(std::uint16_t session_shard);
  void post(letters::iterator at);
  bool held_back(const waiting& w) const;
  void split(std::uint64_t place, waiting w);

  peers& net_;
  const shard_id shard_;
  const topic_view& view_;
  deliver_here here_;
  report report_;
  std::vector<letter> letters_;
  const publish_item* item_ = nullptr;  // added last
  std::int64_t item_number_ = 0;
  letters pending_;
  std::unordered_map<std::uint64_t, key> posted_;
  std::vector<std::uint32_t> unsent_;    // by session shard
  std::vector<std::uint64_t> attempts_;  // the same
  std::uint64_t next_part_ = 1;
  std::uint64_t next_posting_;
  bool for_here_ = false;
};

}  // namespace troupe::broker
