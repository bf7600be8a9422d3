#pragma once

#include "actors/broker/audit/route_ledger.hpp"
#include "actors/broker/audit/route_report.hpp"
#include "actors/broker/context.hpp"
#include "actors/broker/messages.hpp"
#include "actors/broker/remote/topic_view.hpp"
#include "protocol/schema/peer.pb.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace troupe::broker {

/// Compares what nodes announce to one topic shard, or to each other's wildcard indexes, with what
/// is held there, and answers questions for people from wherever the answer is.
///
/// Every few seconds an announcer sends the sums of what it has announced, behind its
/// announcements and on the same link, so that both describe the same moment. What still differs
/// for other reasons (an end of a session that one side knows earlier) does not differ by
/// the same amount the next time: only a difference that stays the same is drift. It is counted and
/// the announcer asked for a new complete announcement. Belongs to its actor; only in a cluster.
class route_audit {
 public:
  /// The topic shard or index, as this class needs it.
  struct host {
    /// Where this one announces to: the owner, or all others.
    std::function<std::vector<cluster::node_id>()> holders;
    /// Whether others announce to this one.
    std::function<bool()> holds;
    /// Up to which epoch of its owner a session shard's filters have come here.
    std::function<std::uint64_t(shard_id)> announced;
    /// The epoch at which this node has announced its filters; 0: it does not own it.
    std::function<std::uint64_t(shard_id)> own;
    /// Tells all to that node; forgets what has ended first.
    std::function<void(cluster::node_id)> announce;
    /// Takes out the routes of which it is true.
    std::function<void(const std::function<bool(const subscription&)>&)> erase_if;
    /// Who gets the topic.
    std::function<void(const std::string& topic, route_report&)> explain;
  };

  /// `number`: as on the link, see peer_frame. `view` and `ledger` are of the same actor.
  route_audit(broker_context& context, std::uint16_t number, const topic_view& view,
              const route_ledger& ledger, host of);

  /// Frames for this class.
  static bool concerns(std::uint8_t kind) noexcept;
  void on(const peer_message& frame);
  void on(const peer_changed& change);
  /// A node has told all that it announces.
  void completed(cluster::node_id by, const peer::RoutesComplete& frame);
  void tick();
  /// To the nodes that know: itself, if it is one of them.
  void ask(route_question question, const std::vector<cluster::node_id>& nodes);

 private:
  struct difference {
    route_sum by;       // held - announced
    bool late = false;  // the announcement has not come
  };
  struct asked {
    std::function<void(std::vector<route_report>)> answer;
    std::vector<cluster::node_id> silent;
    std::vector<route_report> reports;
    unsigned age = 0;  // ticks
  };
  /// An announcer and a part of what it announces: a session shard, or `clean`.
  using part = std::pair<cluster::node_id, std::uint32_t>;
  static constexpr std::uint32_t clean = 0x1'0000;

  /// Of the topic shard; 0: this is the wildcard index, which has no owner.
  std::uint64_t epoch() const;
  route_report report_for(const std::string& topic) const;
  void send_sums();
  void on_check(cluster::node_id from, const peer::RouteCheck& frame);
  bool drifted(part what, const checked_routes& now, bool late);
  void on_report(cluster::node_id from, const peer::RouteReport& frame);
  void close(std::map<std::uint64_t, asked>::iterator it);

  broker_context& context_;
  const std::uint16_t number_;
  const topic_view& view_;
  const route_ledger& ledger_;
  host host_;
  std::map<part, checked_routes> checks_;  // the latest
  std::map<part, difference> suspects_;
  std::vector<cluster::node_id> repairing_;
  std::map<std::uint64_t, asked> asked_;
  std::uint64_t next_request_;
  std::uint64_t drifts_ = 0;
  unsigned ticks_ = 0;
};

}  // namespace troupe::broker
