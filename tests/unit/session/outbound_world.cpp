// The node around the flow: topic shards, store, crashes and sleep.

#include "tests/unit/session/outbound_world.hpp"

#include <algorithm>

namespace troupe::session::test {

namespace {

constexpr std::uint64_t largest_message = 1'000;
const std::string share = "$share/g/t";

std::size_t number_of(const mqtt::message& message) {
  return std::stoul(std::string(message.payload()));
}

}  // namespace

outbound_world::outbound_world(std::uint32_t seed) : random_(seed), durable_(!chance(25)) {
  limits_.max_inflight = static_cast<std::uint16_t>(1 + below(8));
  limits_.cached_messages = 1 + below(8);
  limits_.cached_bytes = 200 + below(4'000);
  limits_.max_queued_messages = 1 + below(10);
  limits_.max_queued_bytes = 500 + below(4'000);
  limits_.full_queue = chance(50) ? queue_policy::drop_newest : queue_policy::drop_oldest;
  restart();
}

void outbound_world::restart() {
  flow_.emplace(limits_, durable_);
  if (!durable_) return;
  std::vector<stored_exchange> exchanges;
  for (const auto& [id, exchange] : store_.outgoing) exchanges.push_back(exchange);
  flow_->restore(std::move(exchanges));
}

void outbound_world::note(std::string line) {
  story_.push_back(std::move(line));
  if (story_.size() > 60) story_.pop_front();
}

std::string outbound_world::story() const {
  std::string all = durable_ ? "durable session" : "clean session";
  for (const auto& line : story_) all += "\n  " + line;
  return all;
}

void outbound_world::step() {
  const auto what = below(1'000);
  if (what < 250) {
    publish();
  } else if (what < 270 && connected_) {
    lose_connection();
  } else if (what < 330 && !connected_) {
    connect(any_terms());
  } else if (what < 370) {
    writable_ = !writable_;
    note(writable_ ? "writable" : "not writable");
    if (writable_ && connected_) turn([&] { flow_->pump(now_, *this); });
  } else if (what < 410) {
    now_ += below(3'000);
  } else if (what < 415 && durable_) {
    crash();
  } else if (what < 440 && durable_) {
    sleep();
  } else if (what < 470 && durable_) {
    trim();
  } else if (what < 480) {
    drop_all();
  } else {
    work();
  }
}

void outbound_world::work() {
  switch (below(5)) {
    case 0:
      return take_offer(below(topics));
    case 1:
      return take_mail();
    case 2:
      return store_.step(chance(50));
    case 3:
      return client_reads();
    default:
      return client_is_heard();
  }
}

bool outbound_world::busy() const {
  return !store_.idle() || !mail_.empty() || !to_client_.empty() || !to_broker_.empty() ||
         std::any_of(offers_.begin(), offers_.end(), [](const auto& o) { return !o.empty(); });
}

void outbound_world::finish() {
  note("-- finish");
  writable_ = true;
  if (!connected_) {
    connect({});
  } else {
    turn([&] { flow_->pump(now_, *this); });
  }
  for (int rounds = 0; busy(); ++rounds) {
    if (rounds > 100'000) fail("never comes to rest");
    work();
  }
  if (flow_->queued() != 0 || flow_->queued_bytes() != 0) fail("messages left in the queue");
  if (flow_->inflight() != 0) fail("exchanges left open");
  if (!flow_->caught_up() || !flow_->settled()) fail("the flow did not catch up with the store");
  if (!store_.owed.empty()) fail("entries left in the store");
  if (!store_.outgoing.empty()) fail("records of exchanges left in the store");
  for (std::size_t n = 0; n < fates_.size(); ++n) {
    const auto& f = fates_[n];
    if (!f.accepted || f.level == mqtt::qos::at_most_once) continue;
    const bool known = f.delivered + f.dropped + f.refused + f.redispatched > 0;
    const bool gone = f.over && (!f.shared || f.level == mqtt::qos::exactly_once);
    if (!known && !gone) fail("message " + std::to_string(n) + " is lost");
  }
}

void outbound_world::publish() {
  const auto number = fates_.size();
  const auto topic = below(topics);
  const auto level = static_cast<mqtt::qos>(chance(10) ? 0 : 1 + below(2));
  std::string payload = std::to_string(number) + " ";
  payload.resize(payload.size() + (chance(10) ? 500 : below(100)), '.');
  mqtt::message::fields fields;
  const auto name = "t" + std::to_string(topic);
  fields.topic = name;
  fields.payload = payload;
  if (chance(10)) fields.expires_at = now_ + 500 + below(10'000);
  delivery d;
  d.body = mqtt::message::make(fields);
  d.level = level;
  if (chance(20)) d.share = std::make_shared<const std::string>(share);
  fates_.push_back({topic, level, d.share != nullptr});
  if (!durable_ || level == mqtt::qos::at_most_once) {
    if (connected_) offers_[topic].push_back(std::move(d));
    return;
  }
  auto order = std::make_shared<std::uint64_t>();
  store_.commit(
      [this, d, order, number] {
        *order = ++store_.last_order;
        store_.owed[*order] = d;
        store_.owed[*order].stored.order = *order;
        fates_[number].accepted = true;
        note("stored " + std::to_string(number) + " as " + std::to_string(*order));
      },
      [this, order, d, topic] {
        offers_[topic].push_back(d);
        offers_[topic].back().stored.order = *order;
      });
}

void outbound_world::take_offer(std::size_t topic) {
  if (offers_[topic].empty()) return;
  auto d = std::move(offers_[topic].front());
  offers_[topic].pop_front();
  const auto number = number_of(*d.body);
  note("offer " + std::to_string(number));
  if (!d.stored && !connected_) return;
  fates_[number].accepted = true;
  turn([&] { flow_->offer(std::move(d), now_, *this); });
}

void outbound_world::take_mail() {
  if (mail_.empty()) return;
  const auto act = std::move(mail_.front());
  mail_.pop_front();
  act();
}

// --- the session actor, in short ---------------------------------------------------

void outbound_world::turn(const std::function<void()>& call) {
  call();
  flush();
  check_bounds();
}

void outbound_world::flush() {
  if (writes_.empty()) return;
  store_.commit(
      [writes = std::exchange(writes_, {})] {
        for (const auto& write : writes) write();
      },
      [this, reports = std::exchange(to_report_, {})] {
        if (reports.empty()) return;
        mail_.push_back([this, reports] {
          turn([&] {
            for (auto [id, released] : reports) flow_->recorded(id, released, now_, *this);
          });
        });
      });
}

void outbound_world::check_bounds() const {
  const bool fits =
      durable_ ? flow_->queued() <= limits_.cached_messages * 2 &&
                     flow_->queued_bytes() <= limits_.cached_bytes * 2 + largest_message
               : flow_->queued() <= limits_.max_queued_messages &&
                     flow_->queued_bytes() <= limits_.max_queued_bytes;
  if (!fits)
    fail("queue above its limits: " + std::to_string(flow_->queued()) + " messages, " +
         std::to_string(flow_->queued_bytes()) + " bytes");
}

void outbound_world::record_outgoing(mqtt::packet_id id, std::uint64_t order, bool released) {
  writes_.push_back([this, id, order, released] { store_.outgoing[id] = {id, order, released}; });
  to_report_.emplace_back(id, released);
}

void outbound_world::erase_outgoing(mqtt::packet_id id) {
  writes_.push_back([this, id] { store_.outgoing.erase(id); });
}

void outbound_world::settle(const stored_place& place, std::size_t) {
  const auto order = place.order;
  note("settle " + std::to_string(order));
  if (!store_.owed.contains(order) || !settled_.insert(order).second)
    fail("entry " + std::to_string(order) + " settled twice");
  if (settled_meanwhile_) settled_meanwhile_->insert(order);
  writes_.push_back([this, order] { store_.owed.erase(order); });
}

void outbound_world::want_page(std::uint64_t after, std::uint32_t count, std::uint64_t bytes) {
  flush();
  store_.read([this, after, count, bytes] {
    auto messages = std::make_shared<std::vector<delivery>>();
    std::uint64_t size = 0;
    auto it = store_.owed.upper_bound(after);
    for (; it != store_.owed.end() && messages->size() < count && size < bytes; ++it) {
      messages->push_back(it->second);
      size += it->second.body->footprint();
    }
    const bool end = it == store_.owed.end();
    mail_.push_back([this, after, messages, end, through = store_.last_order] {
      note("page after " + std::to_string(after) + ": " + std::to_string(messages->size()) +
           (end ? " through " + std::to_string(through) : std::string{}));
      turn([&] { flow_->page(std::move(*messages), end, through, now_, *this); });
    });
  });
}

// --- what may befall a node ----------------------------------------------------------

void outbound_world::crash() {
  note("-- crash");
  if (connected_) lose_connection();
  store_.crash();
  mail_.clear();
  for (auto& o : offers_) o.clear();
  settled_.clear();
  settled_meanwhile_.reset();
  for (const auto& [order, d] : store_.owed) {
    auto& f = fates_[number_of(*d.body)];
    if (std::exchange(f.dropped, 0) != 0) f.revived = true;
  }
  // Of the packet ids only those are known that were written.
  auto before = std::exchange(in_use_, {});
  for (const auto& [id, x] : store_.outgoing) {
    const auto number =
        x.released ? before[id].number : number_of(*store_.owed.at(x.order).body);
    in_use_[id] = {number, true, x.released};
  }
  restart();
}

void outbound_world::sleep() {
  if (connected_ || !store_.idle() || !mail_.empty() || !flow_->settled()) return;
  note("-- sleep");
  for (const auto& x : flow_->unrecorded()) store_.outgoing[x.id] = x;
  restart();
}

void outbound_world::trim() {
  if (limits_.full_queue != queue_policy::drop_oldest || settled_meanwhile_) return;
  settled_meanwhile_.emplace();
  store_.read([this] {
    std::vector<delivery> oldest;
    for (const auto& [order, d] : store_.owed)
      if (oldest.size() < 2) oldest.push_back(d);
    mail_.push_back([this, oldest] {
      const auto settled = *std::exchange(settled_meanwhile_, std::nullopt);
      turn([&] {
        for (const auto& d : oldest)
          if (!settled.contains(d.stored.order) && flow_->drop_stored(d, *this))
            note("trimmed " + std::to_string(d.stored.order));
      });
    });
  });
}

/// By an administrator's order: all that waits, but not what is on its way to the client.
void outbound_world::drop_all() {
  if (!durable_) {
    turn([&] {
      const auto queued = flow_->queued();
      if (flow_->drop_queued(*this, drop_reason::administrator) != queued || flow_->queued() != 0 ||
          flow_->queued_bytes() != 0)
        fail("something is queued still");
    });
    return;
  }
  if (settled_meanwhile_) return;
  settled_meanwhile_.emplace();
  store_.read([this] {
    std::vector<delivery> all;
    for (const auto& [order, d] : store_.owed) all.push_back(d);
    mail_.push_back([this, all] {
      const auto settled = *std::exchange(settled_meanwhile_, std::nullopt);
      turn([&] {
        const auto begun = flow_->orders_under_way();
        for (const auto& d : all) {
          if (settled.contains(d.stored.order)) continue;
          const bool dropped = flow_->drop_stored(d, *this, drop_reason::administrator);
          note((dropped ? "dropped " : "not dropped ") + std::to_string(d.stored.order));
          const bool under_way = std::ranges::find(begun, d.stored.order) != begun.end();
          if (dropped && under_way) fail("dropped what is on its way to the client");
        }
      });
    });
  });
}

}  // namespace troupe::session::test
