#include "actors/broker/remote/delivery_outbox.hpp"

#include <algorithm>
#include <array>

namespace troupe::broker {

namespace {

template <class Shards>
bool concerns(const peer::Deliver& content, const Shards& shards) {
  for (const auto& item : content.items())
    for (const auto& r : item.receivers())
      if (std::find(shards.begin(), shards.end(), number(session_id(r.session()).shard())) !=
          shards.end())
        return true;
  return false;
}

bool share_a_shard(const peer::Deliver& a, const peer::Deliver& b) {
  std::vector<std::uint32_t> shards;
  for (const auto& item : a.items())
    for (const auto& r : item.receivers()) shards.push_back(number(session_id(r.session()).shard()));
  return concerns(b, shards);
}

}  // namespace

delivery_outbox::delivery_outbox(peers& net, shard_id shard, const topic_view& view,
                                 deliver_here here, report tell)
    : net_(net), shard_(shard), view_(view), here_(std::move(here)), report_(std::move(tell)) {}

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
  }
  put_receiver(who, *into.content.mutable_items()->rbegin()->add_receivers());
}

std::uint32_t delivery_outbox::flush(std::uint64_t commitment,
                                     const std::shared_ptr<const void>& hold) {
  std::uint32_t answers = 0;
  item_ = nullptr;
  for (auto& each : letters_) {
    each.content.set_epoch(view_.owner(shard_).epoch);
    if (each.wanted) {
      const auto request = next_request_++;
      auto& w = pending_[request];
      w.what = std::move(each);
      w.commitment = commitment;
      ++answers;
      // To this node itself: not from within a publish.
      if (w.what.to == view_.self)
        for_here_ = true;
      else if (!held_back(w.what.content))
        post(request, w, false);
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

/// Something before it for the same session shard was not taken, or not sent.
bool delivery_outbox::held_back(const peer::Deliver& content) const {
  for (const auto& [request, w] : pending_) {
    if (w.sent || &w.what.content == &content) continue;
    if (share_a_shard(w.what.content, content)) return true;
  }
  return false;
}

bool delivery_outbox::holds_back(shard_id session_shard) const {
  const std::array<std::uint32_t, 1> wanted{number(session_shard)};
  return std::any_of(pending_.begin(), pending_.end(), [&](const auto& each) {
    return !each.second.sent && concerns(each.second.what.content, wanted);
  });
}

bool delivery_outbox::post(std::uint64_t request, waiting& w, bool again) {
  w.what.content.set_again(again);
  if (w.what.to == cluster::no_node || !view_.is_up(w.what.to)) return false;
  w.what.content.set_request(request);
  w.sent = net_.send(w.what.to, frame_kind::deliver, number(shard_), w.what.content);
  return w.sent;
}

void delivery_outbox::answered(cluster::node_id from, const peer::DeliverAnswer& answer) {
  auto it = pending_.find(answer.request());
  if (it == pending_.end() || it->second.what.to != from) return;
  auto done = std::move(it->second);
  pending_.erase(it);
  if (answer.elsewhere().empty() || answer.failed())
    return report_({done.commitment, -1, answer.failed()});
  // Some of the sessions have another owner: they are still to be served, and what was sent
  // behind is refused as well.
  for (auto later = pending_.lower_bound(answer.request()); later != pending_.end(); ++later)
    if (later->second.what.to == from && concerns(later->second.what.content, answer.elsewhere()))
      later->second.sent = false;
  peer::Deliver left;
  left.set_epoch(done.what.content.epoch());
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
    kept.set_replayed(item.replayed());
    *left.add_items() = std::move(kept);
  }
  if (left.items().empty()) return report_({done.commitment, -1, false});
  auto& again = pending_[answer.request()];
  again.commitment = done.commitment;
  again.what.content = std::move(left);
  again.what.wanted = true;  // to nobody yet: see retry()
}

void delivery_outbox::lost(cluster::node_id node) {
  for (auto& [request, w] : pending_)
    if (w.what.to == node) w.sent = false;
}

void delivery_outbox::adopt(std::uint64_t commitment, peer::Deliver content) {
  auto& w = pending_[next_request_++];
  w.commitment = commitment;
  w.what.content = std::move(content);
  w.what.wanted = true;  // to nobody yet: see retry()
}

void delivery_outbox::serve_here() {
  if (std::exchange(for_here_, false)) retry();
}

void delivery_outbox::retry() {
  std::vector<std::uint64_t> unsent;
  for (const auto& [request, w] : pending_) {
    // A shard that has another owner: what its last one has not answered goes there.
    const bool moved = std::any_of(
        w.what.content.items().begin(), w.what.content.items().end(), [&](const auto& item) {
          return std::any_of(item.receivers().begin(), item.receivers().end(), [&](const auto& r) {
            return view_.owner(session_id(r.session()).shard()).node != w.what.to;
          });
        });
    if (!w.sent || moved) unsent.push_back(request);
  }
  for (const auto request : unsent) {
    auto node = pending_.extract(request);
    if (!node.empty()) split(std::move(node.mapped()));
  }
}

/// By the owners as they are now.
void delivery_outbox::split(waiting w) {
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
        it->content.set_epoch(w.what.content.epoch());
      }
      if (it->last != index) {
        it->last = index;
        auto& added = *it->content.add_items();
        *added.mutable_body() = item.body();
        added.set_replayed(item.replayed());
      }
      *it->content.mutable_items()->rbegin()->add_receivers() = r;
    }
  }
  if (parts.size() != 1)
    report_({w.commitment, static_cast<int>(parts.size()) - 1, false});
  for (auto& part : parts) {
    const auto request = next_request_++;
    auto& again = pending_[request];
    again.what = std::move(part);
    again.commitment = w.commitment;
    if (again.what.to == view_.self) {
      again.what.content.set_request(request);
      again.what.content.set_again(true);
      again.sent = true;
      const auto content = again.what.content;  // it may be answered at once
      here_(content);
    } else {
      post(request, again, true);
    }
  }
}

}  // namespace troupe::broker
