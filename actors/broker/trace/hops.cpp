#include "actors/broker/trace/hops.hpp"

#include <utility>

namespace troupe::broker {

trace_event event_of(const mqtt::message& message, trace_hop hop, std::string text,
                     std::string reason) {
  trace_event event;
  event.hop = hop;
  event.topic = clipped(message.topic());
  event.text = std::move(text);
  event.reason = std::move(reason);
  event.message = trace_mark::number(message.trace());
  event.size = static_cast<std::uint32_t>(message.payload().size());
  event.qos = static_cast<std::int16_t>(message.level());
  return event;
}

bool followed(broker_context& context, const mqtt::message& message, std::string_view client) {
  const auto& set = context.traces->here();
  return set.by_message(message) != 0 || (!client.empty() && set.by_client(client) != 0);
}

std::string terms_text(mqtt::qos level, mqtt::packet_id id, std::size_t bytes, bool retain) {
  auto text = "QoS " + std::to_string(static_cast<unsigned>(level));
  if (id != 0) text += ", packet " + std::to_string(id);
  text += ", " + std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  if (retain) text += ", retain";
  return text;
}

std::string full_text(std::string_view client, std::uint64_t messages, std::uint64_t bytes,
                      const broker_limits& limits) {
  return "The queue of " + clipped(client) + " is full: " + std::to_string(messages) + " of " +
         std::to_string(limits.max_queued_messages) + " messages, " + std::to_string(bytes) +
         " of " + std::to_string(limits.max_queued_bytes) + " bytes";
}

void trace_message(broker_context& context, const mqtt::message& message, trace_hop hop,
                   std::string text, cluster::node_id peer, std::string reason) {
  trace_receiver(context, message, {}, hop, std::move(text), peer, std::move(reason));
}

void trace_receiver(broker_context& context, const mqtt::message& message, std::string_view client,
                    trace_hop hop, std::string text, cluster::node_id peer, std::string reason) {
  auto& traces = *context.traces;
  const auto& set = traces.here();
  auto slots = set.by_message(message);
  if (!client.empty()) slots = static_cast<trace_slots>(slots | set.by_client(client));
  if (slots == 0) return;
  auto event = event_of(message, hop, std::move(text), std::move(reason));
  event.client = clipped(client);
  event.peer = number(peer);
  event.at_us = traces.now_us();
  set.record(slots, std::move(event));
}

void trace_batch(broker_context& context, const publish_batch& batch, trace_hop hop,
                 cluster::node_id peer) {
  for (const auto& item : batch.items) {
    if (!context.traced(*item.body) || !followed(context, *item.body)) continue;
    trace_message(context, *item.body, hop,
                  hop == trace_hop::forwarded ? "To the owner of its topic shard"
                                              : "At the owner of its topic shard",
                  peer);
  }
}

void trace_given_up(broker_context& context, const publish_batch& batch, observe::counter as) {
  const bool cut_off = as == observe::counter::publishes_refused_no_majority;
  for (const auto& item : batch.items) {
    if (item.token == 0 || !context.traced(*item.body) || !followed(context, *item.body)) continue;
    trace_message(context, *item.body, trace_hop::dropped,
                  cut_off ? "Refused: this node is cut off from the majority of the cluster"
                          : "Refused: nobody served its topic shard in time",
                  cluster::no_node, cut_off ? "no_majority" : "no_owner");
  }
}

void trace_refused(broker_context& context, std::string_view client, std::string_view address,
                   mqtt::reason_code reason, std::string_view sentence) {
  auto& traces = *context.traces;
  const auto& set = traces.here();
  const auto slots = static_cast<trace_slots>(set.by_client(client) | set.by_address(address));
  if (slots == 0) return;
  trace_event event;
  event.hop = trace_hop::refused;
  event.client = clipped(client);
  event.at_us = traces.now_us();
  event.text = "The connection from " + std::string(address) + " is refused: ";
  event.text += sentence;
  event.reason = mqtt::to_string(reason);
  set.record(slots, std::move(event));
}

void mark_published(tracer& traces, const trace_set& set, const mqtt::message& message,
                    trace_slots slots) {
  const auto by = static_cast<trace_slots>(slots | set.by_topic(message.topic()));
  message.trace(trace_mark::make(traces.next_number(), by));
}

}  // namespace troupe::broker
