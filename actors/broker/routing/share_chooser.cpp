#include "actors/broker/routing/share_chooser.hpp"

#include "cluster/shard_hash.hpp"
#include "protocol/topics/names.hpp"

#include <algorithm>
#include <iterator>

namespace troupe::broker {

namespace {

// Ticks for which a member with a full queue on another node is not asked again.
constexpr unsigned avoided_for = 2;

/// The finaliser of SplitMix64: every bit of the result depends on every bit of `x`.
std::uint64_t mixed(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11ebULL;
  return x ^ (x >> 31);
}

/// Where its client is connected, as this node knows.
cluster::node_id place_of(const subscriber& who, cluster::node_id self) {
  if (const auto at = who.awake_at(); at != cluster::no_node) return at;
  return who.remote() ? who.announcer() : self;
}

}  // namespace

share_strategy sharing_rules::of(std::string_view share) const {
  if (groups.empty()) return strategy;
  const auto parsed = topics::parse_shared(share);
  if (!parsed) return strategy;
  const auto it = groups.find(parsed->group);
  return it == groups.end() ? strategy : it->second;
}

const subscription* share_chooser::choose(const share_group& group, const share_request& request) {
  const auto in_turn = [&] { return group.state->turn.fetch_add(1, std::memory_order_relaxed); };
  switch (request.strategy) {
    case share_strategy::sticky:
      return sticky(group, request);
    case share_strategy::hash_client:
      return by_hash(group, request, request.client);
    case share_strategy::random:
      return any(group, request);
    case share_strategy::round_robin:
    case share_strategy::local_first:
      break;
  }
  return first_in_turn(group, request, in_turn());
}

share_chooser::standing share_chooser::standing_of(const subscription& member,
                                                   const share_request& request) const {
  const auto& who = *member.who;
  if (who.ended() || who.id() == request.without) return standing::out;
  const auto level = std::min(request.level, member.options.maximum_qos);
  const bool kept = who.durable() && level != mqtt::qos::at_most_once;
  const bool full = who.full() ||
                    (kept && !who.has_room(request.bytes, request.max_queued_messages,
                                           request.max_queued_bytes)) ||
                    (!avoided_.empty() && avoided_.contains(who.id()));
  if (who.online()) return full ? standing::full : standing::ready;
  if (!kept) return standing::out;
  return full ? standing::full_and_gone : standing::gone;
}

/// From the start on in the order of the members; with local_first those near the publisher
/// before others that stand as well.
const subscription* share_chooser::first_in_turn(const share_group& group,
                                                 const share_request& request,
                                                 std::size_t start) const {
  const auto count = group.members.size();
  const bool near_first = request.strategy == share_strategy::local_first;
  const auto publisher = request.at == cluster::no_node ? request.self : request.at;
  const subscription* best = nullptr;
  unsigned best_rank = 0;
  for (std::size_t i = 0, at = start % count; i < count; ++i) {
    const auto& member = group.members[at];
    if (++at == count) at = 0;
    const auto stands = standing_of(member, request);
    if (stands == standing::out) continue;
    const bool near = !near_first || place_of(*member.who, request.self) == publisher;
    const auto rank = 2 * static_cast<unsigned>(stands) + (near ? 1U : 0U);
    if (rank <= best_rank) continue;
    best = &member;
    best_rank = rank;
    if (stands == standing::ready && near) break;
  }
  return best;
}

const subscription* share_chooser::sticky(const share_group& group,
                                          const share_request& request) const {
  auto& state = *group.state;
  const auto count = group.members.size();
  const session_id held(state.held.load(std::memory_order_relaxed));
  if (held) {
    // Where it was, unless the members have changed.
    const auto hint = state.turn.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < count; ++i) {
      const auto at = (hint + i) % count;
      const auto& member = group.members[at];
      if (member.who->id() != held) continue;
      if (i != 0) state.turn.store(static_cast<std::uint32_t>(at), std::memory_order_relaxed);
      if (standing_of(member, request) == standing::ready) return &member;
      break;
    }
  }
  // The name decides, so that all who choose in this group begin with the same one.
  const auto* next = by_hash(group, request, cluster::stable_hash(*group.name));
  // One that only keeps messages, or declined this one, is not held on to: it is for now.
  const bool declined = held && request.without == held;
  if (next != nullptr && !declined && standing_of(*next, request) == standing::ready)
    state.held.store(next->who->id().value, std::memory_order_relaxed);
  return next;
}

/// Highest random weight: each key has its own order of the members, so that one that comes or
/// goes takes or leaves only its own keys.
const subscription* share_chooser::by_hash(const share_group& group, const share_request& request,
                                           std::uint64_t key) const {
  const subscription* best = nullptr;
  auto best_stands = standing::out;
  std::uint64_t best_weight = 0;
  for (const auto& member : group.members) {
    const auto stands = standing_of(member, request);
    if (stands == standing::out || stands < best_stands) continue;
    const auto weight = mixed(key ^ mixed(member.who->id().value));
    if (stands == best_stands && weight <= best_weight) continue;
    best = &member;
    best_stands = stands;
    best_weight = weight;
  }
  return best;
}

const subscription* share_chooser::any(const share_group& group, const share_request& request) {
  const auto& first = group.members[next_random() % group.members.size()];
  if (standing_of(first, request) == standing::ready) return &first;
  // Not its neighbour, who would get twice as much: each of the best with the same chance.
  return by_hash(group, request, next_random());
}

std::uint64_t share_chooser::next_random() noexcept {
  random_ += 0x9e37'79b9'7f4a'7c15ULL;
  return mixed(random_);
}

void share_chooser::tick() {
  for (auto it = avoided_.begin(); it != avoided_.end();)
    it = ++it->second > avoided_for ? avoided_.erase(it) : std::next(it);
}

}  // namespace troupe::broker
