#include "actors/broker/remote/store_pages.hpp"

#include <algorithm>

#include "actors/broker/remote/peer_frame.hpp"

namespace troupe::broker {

namespace {

constexpr std::uint32_t most_messages = 4096;
constexpr std::uint64_t most_bytes = 4ULL << 20;

void put_owed(const storage::owed_page& from, peer::StorePage& to) {
  to.set_failed(from.failed);
  to.set_end(from.end);
  to.set_through(from.through);
  for (const auto& m : from.messages) {
    troupe::session::delivery d;
    d.body = m.body;
    d.level = m.entry.level;
    d.retain = m.entry.retain;
    d.subscription_ids = m.entry.subscription_ids;
    d.stored = m.place;
    if (!m.entry.share.empty()) d.share = std::make_shared<const std::string>(m.entry.share);
    auto& item = *to.add_owed();
    put_forward(d, session_id{}, item);
    item.set_size(m.entry.size);
  }
}

}  // namespace

storage::owed_page owed_of(const peer::StorePage* from) {
  storage::owed_page page;
  if (from == nullptr || from->failed()) {
    page.failed = true;
    page.end = false;
    return page;
  }
  page.end = from->end();
  page.through = from->through();
  for (const auto& item : from->owed()) {
    auto d = delivery_of(item);
    if (!d.body) continue;
    storage::owed_message m;
    m.place = d.stored;
    m.entry.level = d.level;
    m.entry.retain = d.retain;
    m.entry.subscription_ids = std::move(d.subscription_ids);
    if (d.share) m.entry.share = *d.share;
    m.entry.size = item.size();
    m.body = std::move(d.body);
    page.messages.push_back(std::move(m));
  }
  return page;
}

storage::session_contents contents_of(const peer::StorePage* from) {
  storage::session_contents contents;
  if (from == nullptr || from->failed()) {
    contents.failed = true;
    return contents;
  }
  for (const auto& x : from->received())
    contents.received.push_back(
        {static_cast<mqtt::packet_id>(x.id()), {x.life(), x.number()}, x.taken()});
  for (const auto& x : from->outgoing())
    contents.outgoing.push_back(
        {static_cast<mqtt::packet_id>(x.id()), x.order(), x.released()});
  contents.queued = from->queued();
  contents.queued_bytes = from->queued_bytes();
  return contents;
}

storage::retained_page retained_of(const peer::StorePage* from) {
  storage::retained_page page;
  if (from == nullptr || from->failed()) {
    page.failed = true;
    return page;
  }
  for (const auto& item : from->retained())
    if (auto body = body_of(item.body()))
      page.messages.push_back({std::move(body), {item.run(), item.version()}});
  page.next = from->next();
  return page;
}

void put_retained(const storage::retained_page& from, peer::StorePage& to) {
  to.set_failed(from.failed);
  to.set_next(from.next);
  for (const auto& m : from.messages) {
    auto& item = *to.add_retained();
    put_body(*m.body, *item.mutable_body());
    item.set_run(m.matched.run);
    item.set_version(m.matched.number);
  }
}

void answer_read(storage::store& store, const peer::StoreRead& wanted,
                 std::function<void(peer::StorePage&)> done) {
  const session_id id(wanted.session());
  if (wanted.what() == read_owed_page) {
    return store.read_owed(id, wanted.after(), std::min(wanted.max_count(), most_messages),
                           std::min(wanted.max_bytes(), most_bytes),
                           [done = std::move(done)](const storage::owed_page& found) {
                             peer::StorePage page;
                             put_owed(found, page);
                             done(page);
                           });
  }
  store.read_contents(id, [done = std::move(done)](const storage::session_contents& found) {
    peer::StorePage page;
    page.set_failed(found.failed);
    for (const auto& x : found.received) {
      auto& added = *page.add_received();
      added.set_id(x.id);
      added.set_life(x.from.life);
      added.set_number(x.from.number);
      added.set_taken(x.taken);
    }
    for (const auto& x : found.outgoing) {
      auto& added = *page.add_outgoing();
      added.set_id(x.id);
      added.set_order(x.order);
      added.set_released(x.released);
    }
    page.set_queued(found.queued);
    page.set_queued_bytes(found.queued_bytes);
    done(page);
  });
}

}  // namespace troupe::broker
