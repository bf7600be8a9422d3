#include "actors/broker/audit/route_ledger.hpp"

#include "cluster/shard_hash.hpp"

namespace troupe::broker {

namespace {

std::uint64_t mixed(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11ebULL;
  return x ^ (x >> 31);
}

/// What is announced of a subscription and stays as it is: not whether its client is connected.
std::uint64_t terms_of(const subscription& s) noexcept {
  const auto& o = s.options;
  return std::uint64_t{s.subscription_id} << 8 | static_cast<std::uint64_t>(o.maximum_qos) |
         (o.no_local ? 4U : 0U) | (o.retain_as_published ? 8U : 0U) |
         static_cast<std::uint64_t>(o.retain) << 4;
}

}  // namespace

template <class Apply>
void route_ledger::each(std::string_view filter, const route& entry, const Apply& apply) {
  const auto base = cluster::stable_hash(filter) ^
                    (entry.group ? mixed(cluster::stable_hash(*entry.group->name)) : 0);
  const auto one = [&](const subscription& s) {
    const auto id = s.who->id();
    auto& into = s.who->kept() ? kept_[number(id.shard())] : clean_[s.who->announcer()];
    apply(into, mixed(base ^ mixed(id.value ^ mixed(terms_of(s)))));
  };
  if (!entry.group) return one(entry.plain);
  for (const auto& member : entry.group->members) one(member);
}

void route_ledger::change(std::string_view filter, const route* before, const route* after) {
  if (kept_.empty()) return;
  if (before != nullptr)
    each(filter, *before, [](route_sum& in, std::uint64_t hash) {
      in.sum -= hash;
      --in.count;
    });
  if (after != nullptr)
    each(filter, *after, [](route_sum& in, std::uint64_t hash) {
      in.sum += hash;
      ++in.count;
    });
}

route_sum route_ledger::clean(cluster::node_id announcer) const {
  const auto it = clean_.find(announcer);
  return it == clean_.end() ? route_sum{} : it->second;
}

}  // namespace troupe::broker
