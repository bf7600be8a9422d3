// QoS 2 of the client in a cluster: a message has its origin, and is recorded with it, before it
// goes to its topic shard. Whoever keeps it for receivers keeps the origin too, and so knows it
// when it comes a second time: from the next owner of the topic shard, or from the client that
// finds its session on another node.

#include <algorithm>
#include <utility>

#include "actors/broker/session.hpp"

namespace troupe::broker {

void session::route_once(client_publish& publish,
                         const troupe::session::inbound_flow::accepted& accepted) {
  auto& of = rare();
  // Receivers pass over what is not above the latest: the client may have sent another one first.
  const auto topics = context_.shard_of(publish.body->topic());
  auto& latest = of.origins[topics];
  const bool known = accepted.recorded && latest < accepted.recorded;
  const auto from = known ? accepted.recorded
                          : troupe::session::origin{who_->life(), ++of.last_origin};
  latest = from;
  inbound_.recorded(publish.id, from);
  if (!durable()) return route({std::move(publish.body), accepted.token, 0, from});
  of.receiving.emplace(accepted.token, recorded_publish{publish.id, topics});
  // It was recorded behind one that is refused, so it was never routed.
  if (known && refuses_at(topics)) return taken(accepted.token, mqtt::reason_code::quota_exceeded);
  if (known) return route({std::move(publish.body), accepted.token, 0, from, true});
  writes().put_received(who_->id(), {publish.id, from, false});
  then({after_commit::kind::noted, accepted.token, false});
  of.noted.emplace(accepted.token, noted_publish{std::move(publish.body), from, input_});
}

/// What the session sends by itself: its will, and messages for another member of a group. They do
/// not wait for a record, so they are counted apart from those of its client, behind which they
/// would be passed over. What it leaves behind at its end is counted by its place in the queue, as
/// the end may begin twice.
void session::count_aside(publish_item& item, std::uint64_t stored_order) {
  if (context_.remote == nullptr || item.body->level() != mqtt::qos::exactly_once) return;
  constexpr std::uint64_t at_its_end = UINT64_MAX;
  item.by = ~who_->id().value;  // no session has that number
  item.from = stored_order != 0 ? troupe::session::origin{at_its_end, stored_order}
                                : troupe::session::origin{who_->life(), ++rare().last_aside};
}

/// Its record is committed, or cannot be.
void session::noted(std::uint64_t token, bool ok) {
  auto& all = rare().noted;
  if (!all.contains(token)) return;
  if (!ok) {
    // What is behind it must not come before it when the client sends them again.
    for (auto& [each, kept] : std::exchange(all, {})) {
      rare().receiving.erase(each);
      inbound_.completed(each, mqtt::reason_code::implementation_specific_error, *this);
    }
    return;
  }
  auto node = all.extract(token);
  auto& kept = node.mapped();
  // One before it was refused meanwhile.
  if (inbound_.refuses()) return taken(token, mqtt::reason_code::quota_exceeded);
  // What it came with is held until it is routed.
  const auto at_hand = std::exchange(input_, std::move(kept.input));
  route({std::move(kept.body), token, 0, kept.from});
  input_ = at_hand;
}

/// What its topic shard says to a message that was recorded.
void session::taken(std::uint64_t token, mqtt::reason_code reason) {
  const auto [id, topics] = rare_->receiving.extract(token).mapped();
  if (!mqtt::is_error(reason)) return inbound_.completed(token, reason, *this);
  if (reason == mqtt::reason_code::quota_exceeded) {
    inbound_.refusing(token);
    refused_at(topics);
  }
  // The client may use the packet id for another message when it hears of this.
  writes().erase_received(who_->id(), id);
  then({after_commit::kind::taken, token, false, reason});
}

void session::refused_at(shard_id topics) {
  auto& all = rare().refused_at;
  if (std::find(all.begin(), all.end(), topics) == all.end()) all.push_back(topics);
}

bool session::refuses_at(shard_id topics) {
  auto& all = rare().refused_at;
  if (!inbound_.refuses()) all.clear();
  return std::find(all.begin(), all.end(), topics) != all.end();
}

/// The client is gone: whenever it sends again what was taken, that need not be routed.
void session::note_taken() {
  if (context_.remote == nullptr || !durable()) return;
  for (const auto& each : inbound_.taken_since()) writes().put_received(who_->id(), each);
}

}  // namespace troupe::broker
