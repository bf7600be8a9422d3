#pragma once

#include "actors/broker/messages.hpp"
#include "actors/broker/trace/tracer.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// What actors and connections tell of hops. Each is called only while broker_context::traced();
/// asking that is all that a hop costs otherwise.
namespace troupe::broker {

/// An event of that message, with what every one of its hops says.
trace_event event_of(const mqtt::message& message, trace_hop hop, std::string text,
                     std::string reason = {});

/// Whether any trace follows the message, or that receiver of it. Asked before words are made.
bool followed(broker_context& context, const mqtt::message& message, std::string_view client = {});

/// "QoS 1, packet 5, 12 bytes, retain".
std::string terms_text(mqtt::qos level, mqtt::packet_id id, std::size_t bytes, bool retain);

/// Why a queue takes no more: "The queue of c is full: 2 of 2 messages, 128 of 4096 bytes".
std::string full_text(std::string_view client, std::uint64_t messages, std::uint64_t bytes,
                      const broker_limits& limits);

/// A hop of a message that concerns all of its receivers: for traces of its topic and of its
/// publisher.
void trace_message(broker_context& context, const mqtt::message& message, trace_hop hop,
                   std::string text, cluster::node_id peer = cluster::no_node,
                   std::string reason = {});

/// A hop of a message to one receiver: for traces of that one, too. `client`: may be empty.
void trace_receiver(broker_context& context, const mqtt::message& message, std::string_view client,
                    trace_hop hop, std::string text, cluster::node_id peer = cluster::no_node,
                    std::string reason = {});

/// The same for all of a batch: between the node of a publisher and the owner of a topic shard.
void trace_batch(broker_context& context, const publish_batch& batch, trace_hop hop,
                 cluster::node_id peer);
/// Those of the batch that are answered with a refusal, counted as what is given.
void trace_given_up(broker_context& context, const publish_batch& batch, observe::counter as);

/// A connection that is not let in. `client` and `address` as far as they are known.
void trace_refused(broker_context& context, std::string_view client, std::string_view address,
                   mqtt::reason_code reason, std::string_view sentence);

/// Gives a message that is published its mark. `slots`: of its publisher.
void mark_published(tracer& traces, const trace_set& set, const mqtt::message& message,
                    trace_slots slots);

}  // namespace troupe::broker
