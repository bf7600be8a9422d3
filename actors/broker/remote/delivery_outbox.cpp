#include "actors/broker/remote/delivery_outbox.hpp"

#include <algorithm>

namespace troupe::broker {

namespace {

std::vector<std::uint16_t> shards_of(const peer::Deliver& content) {
  std::vector<std::uint16_t> all;
  for (const auto& item : content.items())
    for (const auto& r : item.receivers()) all.push_back(number(session_id(r.session()).shard()));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

/// All but body and receivers.
void copy_head(const peer::DeliverItem& from, peer::DeliverItem& to) {
  to.set_replayed(from.replayed());
  to.set_life(from.life());
  to.set_number(from.number());
  to.set_by(from.by());
  to.set_chosen(from.chosen());
}

}  // namespace

delivery_outbox::delivery_outbox(peers& net, shard_id shard, const topic_view& view,
                                 deliver_here here, report tell)
    : net_(net),
      shard_(shard),
      view_(view),
      here_(std::move(here)),
      report_(std::move(tell)),
      unsent_(net.shards()),
      attempts_(net.shards()),
      next_posting_(net.first_request()) {}

cluster::node_id delivery_outbox::node_of(session_id id, bool kept,
                                          cluster::node_id announcer) const {
  return kept ? view_.owner(id.shard()).node : announcer;
}

delivery_outbox::letter& delivery_outbox::letter_for(cluster::node_id node, bool wanted) {
  for (auto& each : letters_)
    if (each.to == node && each.wanted == wanted) return each;
  auto& made = letters_.emplace_back();
  made.to = node;
  made.wanted = wanted;
  return made;
}

void delivery_outbox::add(const publish_item& item, const receiver& who) {
  if (&item != item_) {
    item_ = &item;
    ++item_number_;
  }
  const bool owed = who.who->kept() && who.level != mqtt::qos::at_most_once;
  const auto node = node_of(who.who->id(), who.who->kept(), who.who->announcer());
  if (!owed && node == cluster::no_node) return;  // QoS 0 for a session that nobody serves
  auto& into = letter_for(node, owed);
  if (into.last != item_number_) {
    into.last = item_number_;
    auto& added = *into.content.add_items();
    put_body(*item.body, *added.mutable_body());
    added.set_replayed(item.directed != nullptr);
    added.set_life(item.from.life);
    added.set_number(item.from.number);
    added.set_by(item.by);
    added.set_chosen(item.chosen);
  }
  put_receiver(who, *into.content.mutable_items()->rbegin()->add_receivers());
}

std::uint32_t delivery_outbox::flush(std::uint64_t commitment,
                                     const std::shared_ptr<const void>& hold) {
  std::uint32_t answers = 0;
  item_ = nullptr;
  for (auto& each : letters_) {
    each.content.set_epoch(view_.owner(shard_).epoch);
    each.content.set_pairing(view_.pairing(each.to));
    if (each.wanted) {
      const auto at = put(commitment, commitment, std::move(each));
      ++answers;
      // To this node itself: not from within a publish.
      if (at->second.what.to == view_.self)
        for_here_ = true;
      else if (!held_back(at->second))
        post(at);
    } else if (each.to == view_.self) {
      here_(each.content);
    } else {
      const bool droppable = std::all_of(
          each.content.items().begin(), each.content.items().end(), [](const auto& item) {
            return std::all_of(item.receivers().begin(), item.receivers().end(),
                               [](const auto& r) { return r.level() == 0; });
          });
      net_.send(each.to, frame_kind::deliver, number(shard_), each.content, hold, droppable);
    }
  }
  letters_.clear();
  return answers;
}

std::vector<std::uint16_t> delivery_outbox::shards_added() const {
  std::vector<std::uint16_t> all;
  for (const auto& each : letters_)
    if (each.wanted)
      for (const auto shard : shards_of(each.content)) all.push_back(shard);
  return all;
}

// --- the letters that wait ---------------------------------------------------------

/// It was not sent yet.
delivery_outbox::letters::iterator delivery_outbox::put(std::uint64_t place,
                                                        std::uint64_t commitment, letter what) {
  const auto at = pending_.emplace(key(place, next_part_++), waiting{}).first;
  auto& w = at->second;
  w.what = std::move(what);
  w.commitment = commitment;
  w.shards = shards_of(w.what.content);
  for (const auto shard : w.shards) ++unsent_[shard];
  return at;
}

delivery_outbox::waiting delivery_outbox::take(letters::iterator at) {
  auto w = std::move(pending_.extract(at).mapped());
  if (w.posting != 0)
    posted_.erase(w.posting);
  else
    for (const auto shard : w.shards) --unsent_[shard];
  return w;
}

void delivery_outbox::unsend(waiting& w) {
  if (w.posting == 0) return;
  posted_.erase(std::exchange(w.posting, 0));  // an answer to that is of no use any more
  for (const auto shard : w.shards) ++unsent_[shard];
}

void delivery_outbox::begin_again(std::uint16_t session_shard) {
  ++attempts_[session_shard];
  for (auto& [place, w] : pending_)
    if (std::binary_search(w.shards.begin(), w.shards.end(), session_shard)) unsend(w);
}

/// Something before it for the same session shard was not taken, or not sent.
bool delivery_outbox::held_back(const waiting& w) const {
  // It is counted itself.
  return std::any_of(w.shards.begin(), w.shards.end(),
                     [&](std::uint16_t shard) { return unsent_[shard] > 1; });
}

void delivery_outbox::post(letters::iterator at) {
  auto& w = at->second;
  auto& content = w.what.content;
  const bool here = w.what.to == view_.self;
  if (!here && (w.what.to == cluster::no_node || !view_.is_up(w.what.to))) return;
  content.set_epoch(view_.owner(shard_).epoch);
  content.set_pairing(view_.pairing(w.what.to));
  content.clear_attempt_shards();
  content.clear_attempts();
  for (const auto shard : w.shards) {
    if (attempts_[shard] == 0) continue;
    content.add_attempt_shards(shard);
    content.add_attempts(attempts_[shard]);
  }
  const auto posting = next_posting_++;
  content.set_request(posting);
  if (!here && !net_.send(w.what.to, frame_kind::deliver, number(shard_), content)) return;
  w.posting = posting;
  posted_.emplace(posting, at->first);
  for (const auto shard : w.shards) --unsent_[shard];
  if (!here) return;
  const auto copy = content;  // it may be answered at once
  here_(copy);
}

void delivery_outbox::answered(cluster::node_id from, const peer::DeliverAnswer& answer) {
  const auto posted = posted_.find(answer.request());
  if (posted == posted_.end()) return;
  const auto at = pending_.find(posted->second);
  if (at->second.what.to != from) return;
  const auto place = at->first.first;
  auto done = take(at);
  if (answer.elsewhere().empty() || answer.failed())
    return report_({done.commitment, -1, answer.failed()});
  // Some of the sessions have another owner: they are still to be served, and what was sent
  // behind is refused as well.
  letter left;
  left.wanted = true;  // to nobody yet: see retry()
  for (auto& item : *done.what.content.mutable_items()) {
    peer::DeliverItem kept;
    for (auto& r : *item.mutable_receivers()) {
      const auto shard = number(session_id(r.session()).shard());
      if (std::find(answer.elsewhere().begin(), answer.elsewhere().end(), shard) !=
          answer.elsewhere().end())
        *kept.add_receivers() = std::move(r);
    }
    if (kept.receivers().empty()) continue;
    *kept.mutable_body() = std::move(*item.mutable_body());
    copy_head(item, kept);
    *left.content.add_items() = std::move(kept);
  }
  if (left.content.items().empty()) return report_({done.commitment, -1, false});
  const auto again = put(place, done.commitment, std::move(left));
  for (const auto shard : again->second.shards) begin_again(shard);
}

void delivery_outbox::lost(cluster::node_id node) {
  std::vector<std::uint16_t> shards;
  for (const auto& [place, w] : pending_)
    if (w.posting != 0 && w.what.to == node)
      shards.insert(shards.end(), w.shards.begin(), w.shards.end());
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  for (const auto shard : shards) begin_again(shard);
}

void delivery_outbox::adopt(std::uint64_t commitment, peer::Deliver content) {
  letter l;
  l.content = std::move(content);
  l.wanted = true;  // to nobody yet: see retry()
  put(commitment, commitment, std::move(l));
  for_here_ = true;
}

void delivery_outbox::clear() {
  pending_.clear();
  posted_.clear();
  std::fill(unsent_.begin(), unsent_.end(), 0);
}

void delivery_outbox::serve_here() {
  if (std::exchange(for_here_, false)) retry();
}

void delivery_outbox::retry() {
  // A shard that has another owner: what its last one has not answered goes there.
  std::vector<std::uint16_t> moved;
  for (const auto& [place, w] : pending_)
    for (const auto shard : w.shards)
      if (w.posting != 0 && view_.owner(static_cast<shard_id>(shard)).node != w.what.to)
        moved.push_back(shard);
  std::sort(moved.begin(), moved.end());
  moved.erase(std::unique(moved.begin(), moved.end()), moved.end());
  for (const auto shard : moved) begin_again(shard);
  std::vector<std::pair<std::uint64_t, waiting>> unsent;
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto at = it++;
    if (at->second.posting != 0) continue;
    const auto place = at->first.first;
    unsent.emplace_back(place, take(at));
  }
  for (auto& [place, w] : unsent) split(place, std::move(w));
}

/// By the owners as they are now.
void delivery_outbox::split(std::uint64_t place, waiting w) {
  std::vector<letter> parts;
  std::int64_t index = 0;
  for (auto& item : *w.what.content.mutable_items()) {
    ++index;
    for (auto& r : *item.mutable_receivers()) {
      const auto node = view_.owner(session_id(r.session()).shard()).node;
      auto it = std::find_if(parts.begin(), parts.end(),
                             [&](const letter& each) { return each.to == node; });
      if (it == parts.end()) {
        it = parts.emplace(parts.end());
        it->to = node;
        it->wanted = true;
      }
      if (it->last != index) {
        it->last = index;
        auto& added = *it->content.add_items();
        *added.mutable_body() = item.body();
        copy_head(item, added);
      }
      *it->content.mutable_items()->rbegin()->add_receivers() = r;
    }
  }
  if (parts.size() != 1)
    report_({w.commitment, static_cast<int>(parts.size()) - 1, false});
  for (auto& part : parts) {
    const auto at = put(place, w.commitment, std::move(part));
    if (!held_back(at->second)) post(at);
  }
}

}  // namespace troupe::broker
