#include "actors/broker/trace/topic_shard_trace.hpp"

#include "actors/broker/trace/hops.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace troupe::broker {
namespace {

// Receivers that a sentence names.
constexpr std::size_t named = 8;

std::string count_of(std::uint64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

/// Of a session that another node announces only its number is known here.
std::string name_of(const subscriber& who) {
  if (!who.client_id().empty()) return clipped(who.client_id());
  return "a session of another node";
}

std::string list_of(const std::vector<receiver>& all) {
  std::string text;
  std::size_t shown = 0;
  std::size_t others = 0;
  for (const auto& r : all) {
    if (r.who->client_id().empty() || shown == named) {
      ++others;
      continue;
    }
    text += (shown++ == 0 ? "" : ", ") + clipped(r.who->client_id()) + " QoS " +
            std::to_string(static_cast<unsigned>(r.level));
    if (r.share) text += " (chosen by " + clipped(*r.share) + ")";
  }
  if (others == 0) return text;
  const bool remote = shown < named;
  if (!text.empty()) text += " and ";
  return text + (remote ? count_of(others, "session") + " of other nodes"
                        : std::to_string(others) + " more");
}

/// To traces of receivers, but those that follow the message itself.
template <class Make>
void each_followed(broker_context& context, const mqtt::message& message,
                   const std::vector<receiver>& all, Make&& make) {
  auto& traces = *context.traces;
  const auto& set = traces.here();
  for (const auto& r : all) {
    auto to = set.by_client(r.who->client_id());
    if (to == 0) continue;
    to = static_cast<trace_slots>(to & ~set.by_message(message));
    if (to == 0) continue;
    trace_event event = make(r);
    event.client = clipped(r.who->client_id());
    event.at_us = traces.now_us();
    set.record(to, std::move(event));
  }
}

}  // namespace

void topic_shard_trace::matched(topic_shard& t, const publish_item& item) {
  auto& context = t.context_;
  const auto& message = *item.body;
  const auto& all = *t.to_;
  const auto at = [&] { return "Topic shard " + std::to_string(number(t.shard_)) + ": "; };
  if (context.traced(message) && context.traces->here().by_message(message) != 0) {
    auto text = at();
    if (item.directed)
      text += "a retained message for a new subscription";
    else if (item.declined)
      text += "again, for another member of " + clipped(*item.declined->share);
    else
      text += count_of(all.size(), "receiver");
    if (!all.empty()) text += ": " + list_of(all);
    const bool keeps = message.retain() && !item.directed && !item.declined;
    if (keeps)
      text +=
          message.payload().empty() ? "; the retained message is deleted" : "; kept as retained";
    trace_message(context, message, trace_hop::matched, std::move(text));
    if (all.empty())
      trace_message(
          context, message, trace_hop::dropped,
          item.declined ? "No other member of the group takes it" : "No session subscribes to it",
          cluster::no_node, "no_subscribers");
  }
  if (!context.tracing.of_clients()) return;
  each_followed(context, message, all, [&](const receiver& r) {
    auto text = at() + count_of(all.size(), "receiver") + ", " + name_of(*r.who) +
                " among them, QoS " + std::to_string(static_cast<unsigned>(r.level));
    if (r.share) text += ", chosen by " + clipped(*r.share);
    return event_of(message, trace_hop::matched, std::move(text));
  });
  if (std::any_of(all.begin(), all.end(), [](const receiver& r) { return r.share != nullptr; }))
    passed_over(t, message);
}

/// To traces of members of a shared group, if another one was chosen. Only here are their names
/// known, if their sessions are of this node.
void topic_shard_trace::passed_over(topic_shard& t, const mqtt::message& message) {
  auto& traces = *t.context_.traces;
  const auto& set = traces.here();
  for (const auto& chosen : *t.to_) {
    if (!chosen.share) continue;
    t.matcher_.each_match(std::string(message.topic()), [&](std::string_view, const route& r) {
      if (!r.group || *r.group->name != *chosen.share) return;
      for (const auto& member : r.group->members) {
        const auto to = set.by_client(member.who->client_id());
        if (to == 0 || member.who == chosen.who) continue;
        auto event = event_of(message, trace_hop::matched,
                              clipped(*chosen.share) + " gives it to " + name_of(*chosen.who) +
                                  ", not to " + name_of(*member.who),
                              "other_member");
        event.client = clipped(member.who->client_id());
        event.at_us = traces.now_us();
        set.record(to, std::move(event));
      }
    });
  }
}

void topic_shard_trace::no_local(topic_shard& t, const mqtt::message& message,
                                 std::uint64_t subscriptions) {
  trace_message(t.context_, message, trace_hop::dropped,
                "Its publisher does not get it back (No Local, " +
                    count_of(subscriptions, "subscription") + ")",
                cluster::no_node, "no_local");
}

void topic_shard_trace::handing(topic_shard& t, const publish_item& item) {
  const auto& message = *item.body;
  const bool goes_on = t.context_.traced(message) && followed(t.context_, message);
  if (!goes_on && !t.context_.tracing.of_clients()) return;
  std::map<cluster::node_id, std::uint64_t> nodes;
  for (const auto& r : *t.to_) {
    if (!goes_on && r.who->online()) continue;
    if (t.role_ && t.for_others(r)) {
      if (!goes_on) continue;
      ++nodes[r.who->kept() ? t.role_->view().owner(r.who->id().shard()).node : r.who->announcer()];
      continue;
    }
    if (r.who->durable() && r.level != mqtt::qos::at_most_once) continue;
    if (r.who->online() || !followed(t.context_, message, r.who->client_id())) continue;
    trace_receiver(t.context_, message, r.who->client_id(), trace_hop::dropped,
                   name_of(*r.who) + " has no client now, and " +
                       (r.level == mqtt::qos::at_most_once ? "QoS 0 does not wait"
                                                           : "its session keeps nothing"),
                   cluster::no_node, "not_connected");
  }
  for (const auto& [node, count] : nodes) {
    if (node == cluster::no_node)
      trace_message(t.context_, message, trace_hop::queued,
                    "No node serves " + count_of(count, "receiver") + " now: it waits for one");
    else
      trace_message(t.context_, message, trace_hop::forwarded, "For " + count_of(count, "session"),
                    node);
  }
}

void topic_shard_trace::queue_full(topic_shard& t, const publish_item& item, const receiver& r) {
  if (!followed(t.context_, *item.body, r.who->client_id())) return;
  trace_receiver(t.context_, *item.body, r.who->client_id(), trace_hop::dropped,
                 full_text(name_of(*r.who), r.who->owed(), r.who->owed_bytes(), *t.limits_),
                 cluster::no_node, "queue_full");
}

void topic_shard_trace::arrived(topic_shard& t, const mqtt::message& message,
                                cluster::node_id from) {
  if (t.context_.traced(message) && followed(t.context_, message))
    trace_message(t.context_, message, trace_hop::arrived, "For " + list_of(*t.to_), from);
  each_followed(t.context_, message, *t.to_, [&](const receiver& r) {
    auto event = event_of(message, trace_hop::arrived, "For " + name_of(*r.who));
    event.peer = number(from);
    return event;
  });
}

void topic_shard_trace::committed(topic_shard& t, const topic_shard::part& which, bool ok) {
  for (const auto& p : which.parcels)
    for (const auto& d : p.messages) {
      if (!on(t, *d.body) || !followed(t.context_, *d.body, p.to->client_id())) continue;
      if (ok)
        trace_receiver(t.context_, *d.body, p.to->client_id(), trace_hop::committed,
                       "In the store for " + name_of(*p.to));
      else
        trace_receiver(t.context_, *d.body, p.to->client_id(), trace_hop::dropped,
                       "The store could not write it for " + name_of(*p.to), cluster::no_node,
                       "store_error");
    }
}

void topic_shard_trace::not_awake(topic_shard& t, const topic_shard::parcel& p) {
  const auto at = p.to->awake_at();
  for (const auto& d : p.messages) {
    if (!on(t, *d.body) || !followed(t.context_, *d.body, p.to->client_id())) continue;
    if (t.role_ && at != cluster::no_node)
      trace_receiver(t.context_, *d.body, p.to->client_id(), trace_hop::forwarded,
                     "To where the session of " + name_of(*p.to) + " is awake", at);
    else if (d.stored)
      trace_receiver(t.context_, *d.body, p.to->client_id(), trace_hop::queued,
                     name_of(*p.to) + " is asleep: it waits in the store");
    else
      trace_receiver(t.context_, *d.body, p.to->client_id(), trace_hop::dropped,
                     "The session of " + name_of(*p.to) + " is gone", cluster::no_node,
                     "session_ended");
  }
}

}  // namespace troupe::broker
