// QoS 2 once in shared groups, in a cluster: which member gets a message is recorded before it is
// given to anybody, so that the next owner of the topic shard gives it to the same one. That one's
// shard knows whether it came before, see topic_shard_once.cpp.

#include <algorithm>
#include <utility>

#include "actors/broker/tell.hpp"
#include "actors/broker/topic_shard.hpp"

namespace troupe::broker {

namespace {

constexpr std::size_t forgotten_at_once = 1 << 14;

bool counts_once(const publish_item& item) {
  return item.from && !item.directed && item.body->level() == mqtt::qos::exactly_once;
}

}  // namespace

/// The number of the commit that the batch has to wait for, or 0. Or `another_epoch`, of which this
/// actor hears next.
std::uint64_t topic_shard::choose_members(publish_batch& batch) {
  if (!role_->is_owner() || std::none_of(batch.items.begin(), batch.items.end(), counts_once))
    return 0;
  auto* known = known_of(shard_);
  if (known == nullptr) return another_epoch;
  storage::transaction writes;
  bool any = false;
  matcher_.from(batch.client, batch.origin);
  for (auto& item : batch.items)
    if (counts_once(item)) any = choose_for(item, known->chosen(), writes) || any;
  if (!any) return 0;
  if (batch.released)
    known->chosen().forget(batch.from.value, batch.released, [&](const auto& of) {
      writes.erase_choice(shard_, batch.from, of);
    });
  const auto number = next_commitment_++;
  writes.epoch(role_->view().owner(shard_).epoch);
  context_.store.commit(std::move(writes),
                        [self = strong(*this), number](const storage::commit_result& result) {
                          tell(self, commit_done{number, of_choices, result.ok, result.not_owner});
                        });
  return number;
}

/// Whether something is to be recorded.
bool topic_shard::choose_for(publish_item& item, choices& all, storage::transaction& writes) {
  const auto by = item.counted_by();
  item.passed = !item.declined && all.passed(by, item.from);
  if (item.passed) return false;
  auto* entry = all.find(by, item.from);
  const bool handed = entry != nullptr && entry->handed;
  matcher_.known(entry != nullptr ? &entry->members : item.members.get(), handed);
  std::vector<receiver> found;
  if (!item.declined)
    matcher_.choose_members(*item.body, found);
  else
    matcher_.rematch(*item.body, *item.declined->share, item.declined->declined_by->id(), found);
  matcher_.known(nullptr, false);
  item.members = nullptr;
  item.chosen = true;
  if (found.empty() && !handed) return false;
  auto members = std::make_unique<std::vector<storage::chosen_member>>();
  // Also those that are gone with their sessions: it is for nobody in their place.
  if (handed) *members = entry->members;
  bool changed = false;
  for (const auto& r : found) {
    std::erase_if(*members, [&](const auto& each) { return each.share == *r.share; });
    members->push_back({*r.share, r.who->id(), r.who->kept()});
    if (r.level != mqtt::qos::exactly_once) continue;  // it may come twice
    if (entry == nullptr) entry = &all.make(by, item.from);
    const auto before = std::find_if(entry->members.begin(), entry->members.end(),
                                     [&](const auto& each) { return each.share == *r.share; });
    if (before == entry->members.end()) {
      entry->members.push_back(members->back());
    } else if (before->member != members->back().member) {
      *before = members->back();
      entry->again = entry->again || entry->handed;
    } else {
      continue;
    }
    changed = true;
  }
  item.members = std::move(members);
  if (entry == nullptr) return false;
  item.chosen = !entry->again;
  if (entry->stored && !changed) return false;
  entry->stored = false;
  entry->seen = loop().wall();
  writes.put_choice(shard_, {session_id(by), item.from, entry->members, entry->again, entry->seen});
  return true;
}

/// What was chosen is in the log, or could not be written.
void topic_shard::recorded(const commit_done& done) {
  const auto it = std::find_if(waiting_.begin(), waiting_.end(), [&](const waiting_batch& each) {
    return each.recording == done.number;
  });
  if (it == waiting_.end()) return;
  // All of it goes to the new owner, as soon as that is known here.
  if (done.not_owner) return;
  it->recording = 0;
  it->failed = !done.ok;
  if (auto* known = done.ok ? known_of(shard_) : nullptr)
    for (const auto& item : it->batch->items)
      if (auto* entry = counts_once(item) ? known->chosen().find(item.counted_by(), item.from)
                                          : nullptr)
        entry->stored = true;
  give_out_waiting();
}

void topic_shard::give_out_waiting() {
  while (!waiting_.empty() && waiting_.front().recording == 0) {
    auto& first = waiting_.front();
    // Somebody may have left its group meanwhile.
    if (!first.failed) first.recording = choose_members(*first.batch);
    if (first.recording != 0) return;
    const auto next = std::move(first);
    waiting_.pop_front();
    if (next.failed)
      refuse(*next.batch);
    else
      give_out(next.batch);
  }
}

/// Matched now they would miss sessions whose shard has just moved.
void topic_shard::hold_waiting() {
  std::vector<std::shared_ptr<publish_batch>> batches;
  for (auto& each : std::exchange(waiting_, {})) batches.push_back(std::move(each.batch));
  role_->hold(std::move(batches));
}

/// Nothing of it was given to anybody.
void topic_shard::refuse(const publish_batch& batch) {
  publish_outcomes outcomes;
  for (const auto& item : batch.items)
    if (item.token != 0) outcomes.emplace_back(item.token, mqtt::reason_code::quota_exceeded);
  context_.count(observe::counter::messages_dropped_store_error, batch.items.size());
  if (!outcomes.empty()) topic_role::answer(context_, shard_, batch, std::move(outcomes));
}

/// Nobody waits for an owner without limit. With the first goes all that is behind it.
void topic_shard::expire_waiting(unsigned patience) {
  for (auto& each : waiting_) ++each.age;
  if (waiting_.empty() || waiting_.front().age <= patience) return;
  for (const auto& each : std::exchange(waiting_, {})) refuse(*each.batch);
}

void topic_shard::handed_out(const publish_batch& batch) {
  for (const auto& item : batch.items) {
    if (!item.members) continue;
    auto* known = known_of(shard_);
    auto* entry = known != nullptr ? known->chosen().find(item.counted_by(), item.from) : nullptr;
    if (entry != nullptr) entry->handed = true;
  }
}

void topic_shard::forget_choices() {
  auto* known = role_->is_owner() ? known_of(shard_) : nullptr;
  if (known == nullptr || known->chosen().size() == 0) return;
  auto& all = known->chosen();
  storage::transaction writes;
  all.forget_old(loop().wall() - (all.size() > many_known ? known_for_when_many : known_for),
                 forgotten_at_once, [&](std::uint64_t publisher, const auto& of) {
                   writes.erase_choice(shard_, session_id(publisher), of);
                 });
  if (writes.empty()) return;
  writes.epoch(role_->view().owner(shard_).epoch);
  context_.store.commit(std::move(writes), nullptr);
}

}  // namespace troupe::broker
