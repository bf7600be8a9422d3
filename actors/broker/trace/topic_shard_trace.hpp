#pragma once

#include "actors/broker/topic_shard.hpp"

namespace troupe::broker {

/// What a topic shard tells of messages.
struct topic_shard_trace {
  /// Whether the message or one of its receivers may be followed; asked before the others that
  /// are about one message.
  static bool on(const topic_shard& t, const mqtt::message& message) noexcept {
    return t.context_.traced() && (t.context_.traced(message) || t.context_.tracing.of_clients());
  }

  /// The receivers are found, or there are none.
  static void matched(topic_shard& t, const publish_item& item);
  /// Its publisher subscribes without wanting its own messages.
  static void no_local(topic_shard& t, const mqtt::message& message, std::uint64_t subscriptions);
  /// Before they get it: to which nodes it goes, and who has no client.
  static void handing(topic_shard& t, const publish_item& item);
  static void queue_full(topic_shard& t, const publish_item& item, const receiver& r);
  /// From the owner of the topic shard, for those that were found here.
  static void arrived(topic_shard& t, const mqtt::message& message, cluster::node_id from);
  static void committed(topic_shard& t, const topic_shard::part& which, bool ok);
  /// The session has no actor here.
  static void not_awake(topic_shard& t, const topic_shard::parcel& p);

 private:
  static void passed_over(topic_shard& t, const mqtt::message& message);
};

}  // namespace troupe::broker
