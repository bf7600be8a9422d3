// QoS 2 once: what comes a second time, from the next owner of the topic shard or from a publisher
// whose session went on elsewhere, is not owed a second time. In a cluster only.

#include <algorithm>

#include "actors/broker/topic_shard.hpp"

namespace troupe::broker {

namespace {

constexpr std::size_t erased_at_once = 256;

}  // namespace

/// Null: not known in the epoch in which this actor would commit.
origin_table* topic_shard::known_of(shard_id session_shard) {
  auto& known = origins_[number(session_shard)];
  const auto epoch = role_->view().owner(session_shard).epoch;
  if (!known || known->epoch() != epoch) known = context_.remote->origins(session_shard);
  return known && known->epoch() == epoch ? known.get() : nullptr;
}

origin_table::part* topic_shard::origins(shard_id session_shard) {
  auto* known = known_of(session_shard);
  return known != nullptr ? &known->of(shard_) : nullptr;
}

/// All receivers of the message in the shard of the part got it before, or what is about to be
/// committed gives it to them. If not it is noted that they do now.
bool topic_shard::came_before(const publish_item& item, part& in) {
  if (!item.from) return false;
  auto* table = origins(in.shard);
  if (table == nullptr) return false;
  const auto publisher = item.counted_by();
  auto& last = table->publishers[publisher];
  const bool before = !table->doubtful && item.from <= last.latest;
  if (!before) last.latest = item.from;
  last.seen = loop().wall();
  // Also if it came before: the answer waits for the commit, behind that of the first.
  in.writes.put_origin(in.shard, {session_id(publisher), shard_, last.latest, last.seen});
  in.counts = true;
  if (before) context_.count(observe::counter::messages_recognized);
  return before;
}

/// What the table says of a part that could not be committed may not be so.
void topic_shard::doubt_origins(const part& of) {
  if (!of.counts) return;
  if (auto* table = origins(of.shard)) table->doubtful = true;
}

/// Publishers that were not heard of for a long time.
void topic_shard::forget_origins() {
  forget_choices();
  for (std::uint16_t shard = 0; shard < origins_.size(); ++shard) {
    if (!context_.remote->serves(static_cast<shard_id>(shard))) {
      origins_[shard] = nullptr;
      continue;
    }
    auto* table = origins(static_cast<shard_id>(shard));
    if (table == nullptr || table->publishers.empty()) continue;
    auto& all = table->publishers;
    const auto before = loop().wall() - (all.size() > many_known ? known_for_when_many : known_for);
    storage::transaction writes;
    std::size_t erased = 0;
    for (auto it = all.begin(); it != all.end() && erased < erased_at_once;) {
      if (it->second.seen >= before) {
        ++it;
        continue;
      }
      writes.erase_origin(static_cast<shard_id>(shard), {session_id(it->first), shard_, {}, 0});
      it = all.erase(it);
      ++erased;
    }
    if (erased == 0) continue;
    writes.epoch(role_->view().owner(static_cast<shard_id>(shard)).epoch);
    context_.store.commit(std::move(writes), nullptr);
  }
}

}  // namespace troupe::broker
