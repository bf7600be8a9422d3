#pragma once

#include "storage/replication/transaction_codec.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace troupe::storage::test {

/// A log of a shard as its leader would write it: encoded transactions, entry i at index i + 1.
class shard_log {
 public:
  static constexpr auto shard = static_cast<shard_id>(1);

  explicit shard_log(unsigned seed) : random_(seed) {}

  const std::vector<std::string>& entries() const { return entries_; }

  void grow(std::size_t count) {
    for (; count > 0; --count) {
      transaction writes;
      for (auto operations = random_() % 4; operations > 0; --operations) add(writes);
      owe_numbers(writes);
      entries_.push_back(transaction_codec::encode(writes));
    }
  }

  /// The entry of an index, as a transaction to commit.
  transaction entry(std::uint64_t index) const {
    auto decoded = transaction_codec::decode(entries_.at(index - 1));
    REQUIRE(decoded.error.empty());
    decoded.value.applied(shard, index, 1 + index / 500);
    return std::move(decoded.value);
  }

 private:
  struct owed {
    session_id to;
    stored_place place;
  };

  session_id some_session() { return session(1, 1 + random_() % (next_session_ + 1)); }
  std::string topic() { return "t/" + std::to_string(random_() % 40); }

  void add(transaction& w) {
    switch (random_() % 16) {
      case 0:
        return create(w);
      case 1:
        return subscribe(w);
      case 2:
        return retain(w);
      case 3:
        return exchange(w);
      case 4:
        if (random_() % 4 == 0) w.erase_session(some_session(), "c");
        return;
      case 5:
      case 6:
      case 7:
      case 8:
      case 9:
        return settle(w);
      default:
        return owe(w);
    }
  }

  void create(transaction& w) {
    session_record record;
    record.id =
        session(1, random_() % 3 == 0 ? 1 + random_() % (next_session_ + 1) : ++next_session_);
    record.client_id = "client " + std::to_string(record.id.count());
    record.disconnected_at = static_cast<std::int64_t>(random_() % 100);
    w.put_session(record);
  }

  void subscribe(transaction& w) {
    const auto who = some_session();
    if (random_() % 3 == 0) return w.erase_subscription(who, topic());
    subscription_record subscription;
    subscription.filter = topic();
    subscription.subscription_id = static_cast<std::uint32_t>(random_() % 5);
    w.put_subscription(who, subscription);
  }

  void retain(transaction& w) {
    for (auto count = 1 + random_() % 12; count > 0; --count) {
      const auto what = topic();
      const auto kind = random_() % 6;
      if (kind == 0) {
        w.erase_retained(shard, what);
      } else if (kind == 1) {
        w.expire_retained(shard, what, static_cast<std::int64_t>(random_() % 1000));
      } else {
        w.put_retained(shard, *text(what, std::to_string(random_()), random_() % 1000), 30);
      }
    }
  }

  void exchange(transaction& w) {
    const auto packet = static_cast<mqtt::packet_id>(1 + random_() % 20);
    const origin_record from{session(3, 1 + random_() % 5),
                             static_cast<shard_id>(random_() % 4),
                             {random_() % 3, 1 + random_() % 50},
                             static_cast<std::int64_t>(random_() % 1000)};
    switch (random_() % 9) {
      case 7:
        return w.put_choice(shard, {from.publisher, from.latest,
                                    {{"$share/g/t", some_session(), random_() % 2 == 0}},
                                    random_() % 2 == 0, from.seen});
      case 8:
        return w.erase_choice(shard, from.publisher, from.latest);
      case 4:
        return w.put_received(some_session(), {packet, from.latest, random_() % 2 == 0});
      case 5:
        return w.put_origin(shard, from);
      case 6:
        return w.erase_origin(shard, from);
      case 0:
        return w.put_received(some_session(), {packet});
      case 1:
        return w.erase_received(some_session(), packet);
      case 2:
        return w.put_outgoing(some_session(), {packet, random_() % 100, random_() % 2 == 0});
      default:
        return w.erase_outgoing(some_session(), packet);
    }
  }

  void owe(transaction& w) {
    for (auto count = 1 + random_() % 3; count > 0; --count) {
      const bool large = random_() % 8 == 0;
      const auto body = text(
          topic(), std::to_string(random_()) + std::string(large ? 9000 : random_() % 50, 'x'));
      const log_position at{shard, next_offset_++};
      auto receivers = 1 + random_() % 3;
      auto terms = terms_of(static_cast<std::uint32_t>(body->footprint()));
      const std::uint32_t ids[] = {static_cast<std::uint32_t>(1 + random_() % 200)};
      if (random_() % 2 == 0) terms.subscription_ids = ids;
      if (receivers > 1) w.append(at, *body, static_cast<std::uint32_t>(receivers));
      const auto shared = receivers > 1;
      for (; receivers > 0; --receivers) {
        const auto to = some_session();
        new_.push_back({to, shared ? w.owe(to, terms, at) : w.owe(to, terms, *body, at)});
      }
    }
  }

  void settle(transaction& w) {
    for (auto count = random_() % 6; count > 0 && !owed_.empty(); --count) {
      const auto at = random_() % 3 == 0 ? random_() % owed_.size() : 0;
      w.settle(owed_[at].to, owed_[at].place);
      if (random_() % 10 == 0) continue;  // again later
      owed_.erase(owed_.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }

  void owe_numbers(transaction& w) {
    const auto first = next_order_;
    next_order_ += w.owed();
    if (w.owed() > 0 && random_() % 2 == 0) w.first_order(first);
    const auto orders = w.orders();
    for (auto& each : new_) {
      orders.resolve(each.place, first);
      owed_.push_back(each);
    }
    new_.clear();
  }

  std::mt19937 random_;
  std::vector<std::string> entries_;
  std::vector<owed> owed_;
  std::vector<owed> new_;  // of the transaction at hand
  std::uint64_t next_session_ = 0;
  std::uint64_t next_offset_ = 1;
  order_no next_order_ = 1;
};

/// What a shard looks like to its readers.
inline std::string description(rocks_store& store, shard_id shard, std::uint64_t sessions) {
  const auto drain = [&] {
    while (store.pump() > 0) {
    }
  };
  std::string out;
  for (std::string cursor;;) {
    std::optional<directory_page> page;
    store.read_directory(shard, cursor, 3, [&](directory_page got) { page = std::move(got); });
    drain();
    REQUIRE(page);
    REQUIRE_FALSE(page->failed);
    for (const auto& each : page->sessions) {
      out += "session " + std::to_string(each.session.id.count()) + " at " +
             std::to_string(each.session.disconnected_at) + ":";
      for (const auto& s : each.subscriptions) out += " " + s.filter;
      out += "\n";
    }
    for (const auto& o : page->origins)
      out += "origin " + std::to_string(o.publisher.count()) + " by " +
             std::to_string(number(o.topics)) + ": " + std::to_string(o.latest.life) + "." +
             std::to_string(o.latest.number) + " at " + std::to_string(o.seen) + "\n";
    for (const auto& c : page->choices)
      out += "choice " + std::to_string(c.publisher.count()) + ": " + std::to_string(c.of.life) +
             "." + std::to_string(c.of.number) + " to " +
             std::to_string(c.members.at(0).member.count()) + (c.members.at(0).kept ? " kept" : "") +
             (c.again ? " again" : "") + " at " + std::to_string(c.seen) + "\n";
    cursor = page->next;
    if (cursor.empty()) break;
  }
  for (std::uint64_t count = 1; count <= sessions; ++count) {
    const session_id id(shard, count);
    std::optional<session_contents> contents;
    store.read_contents(id, [&](session_contents got) { contents = std::move(got); });
    order_no after = 0;
    for (bool end = false; !end;) {
      std::optional<owed_page> page;
      store.read_owed(id, after, 50, 1 << 20, [&](owed_page got) { page = std::move(got); });
      drain();
      REQUIRE(page);
      REQUIRE_FALSE(page->failed);
      for (const auto& m : page->messages) {
        out += std::to_string(count) + "/" + std::to_string(m.place.order) + "/" +
               std::to_string(m.entry.subscription_ids.size()) + " " +
               std::string(m.body->payload().substr(0, 12)) + "\n";
        after = m.place.order;
      }
      end = page->end;
    }
    REQUIRE(contents);
    for (const auto& r : contents->received)
      out += " r" + std::to_string(r.id) + ":" + std::to_string(r.from.number) +
             (r.taken ? "t" : "");
    for (const auto& x : contents->outgoing) out += " o" + std::to_string(x.id);
  }
  std::vector<std::string> retained;
  std::string cursor;
  do {
    std::optional<retained_page> page;
    store.read_retained("#", cursor, 10, 0, [&](retained_page got) { page = std::move(got); });
    drain();
    REQUIRE(page);
    if (page->failed) {
      retained.clear();
      cursor.clear();
      continue;
    }
    for (const auto& m : page->messages)
      retained.push_back(std::string(m.body->topic()) + "=" + std::string(m.body->payload()));
    cursor = page->next;
  } while (!cursor.empty());
  std::sort(retained.begin(), retained.end());
  for (const auto& each : retained) out += each + "\n";
  return out;
}

}  // namespace troupe::storage::test
