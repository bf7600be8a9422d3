#pragma once

#include "tests/unit/replication/replica_rig.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace troupe::replication::test {

/// What a broker would do, and what it was told: messages owed and settled, sessions written. Checks
/// while it goes on that reads wait for commits, and at the end that nothing is lost.
class history {
 public:
  explicit history(replica_rig& rig) : rig_(rig) {}

  /// A transaction by whoever thinks that he owns the shard.
  void act() {
    auto& random = rig_.random;
    const auto shard = static_cast<std::uint16_t>(random() % replica_rig::shards);
    std::vector<std::size_t> owners;
    for (std::size_t i = 0; i < rig_.nodes(); ++i) {
      if (rig_.up(i) && rig_.at(i).epochs[shard] != 0) owners.push_back(i);
    }
    if (owners.empty() || waiting_ > 100) return;
    const auto at = owners[random() % owners.size()];
    const auto what = random() % 10;
    if (what < 5) return owe(at, shard);
    if (what < 8) return settle(at, shard);
    put_session(at, shard);
  }

  bool refused_since_settled = false;

  std::uint64_t acknowledged() const { return acknowledged_; }

  /// The rig is settled.
  void check() {
    for (std::uint16_t shard = 0; shard < replica_rig::shards; ++shard) {
      const auto owner = rig_.owner(shard);
      if (!owner) return rig_.violate("nobody owns a shard");
      for (std::uint64_t count = 1; count <= 2; ++count) check_queue(*owner, session(shard, count));
      check_sessions(*owner, shard);
    }
  }

 private:
  enum class state { waiting, acknowledged, unknown };
  struct message {
    std::string payload;
    session_id to;
    storage::stored_place place;
    state owed = state::waiting;
    bool settling = false;
    bool settled = false;
  };

  static session_id session(std::uint16_t shard, std::uint64_t count) {
    return {static_cast<shard_id>(shard), count};
  }

  void owe(std::size_t at, std::uint16_t shard) {
    auto& random = rig_.random;
    auto& node = rig_.at(at);
    storage::transaction writes;
    auto made = std::make_shared<std::vector<std::shared_ptr<message>>>();
    const auto add = [&](session_id to, storage::stored_place place, std::string payload) {
      auto one = std::make_shared<message>();
      one->payload = std::move(payload);
      one->to = to;
      one->place = place;
      messages_.push_back(one);
      made->push_back(one);
    };
    if (random() % 4 == 0) {
      const storage::log_position place{static_cast<shard_id>(shard), node.offsets[shard]++};
      const auto payload = "m" + std::to_string(++number_);
      const auto body = storage::test::text("t", payload);
      writes.append(place, *body, 2);
      for (std::uint64_t count = 1; count <= 2; ++count)
        add(session(shard, count), writes.owe(session(shard, count), storage::test::terms_of(), place),
            payload + "/" + std::to_string(count));
    } else {
      const auto to = session(shard, 1 + random() % 2);
      for (auto left = 1 + random() % 3; left > 0; --left) {
        auto payload = "m" + std::to_string(++number_);
        if (random() % 20 == 0) payload += std::string(9000, 'x');
        const storage::log_position place{static_cast<shard_id>(shard), node.offsets[shard]++};
        const auto owed = writes.owe(to, storage::test::terms_of(),
                                     *storage::test::text("t", payload), place);
        add(to, owed, payload);
      }
    }
    const auto orders = std::make_shared<storage::owed_orders>(writes.orders());
    ++waiting_;
    auto answered = std::make_shared<bool>(false);
    const auto* alive = &node;
    node.parts->store().commit(
        std::move(writes), [this, made, orders, answered, alive](const storage::commit_result& result) {
          --waiting_;
          *answered = true;
          if (!result.ok) refused_since_settled = true;
          for (const auto& one : *made) {
            one->owed = result.ok && !alive->dead ? state::acknowledged : state::unknown;
            if (result.ok) orders->resolve(one->place, result.first_order);
          }
          if (result.ok && !alive->dead) {
            ++acknowledged_;
            if (result.first_order == 0) rig_.violate("no order numbers were given");
          }
        });
    if (random() % 4 != 0) return;
    node.parts->store().read_owed(
        made->front()->to, 0, 100'000, 1 << 30, [this, made, answered, alive](storage::owed_page page) {
          if (alive->dead || page.failed) return;
          if (!*answered) return rig_.violate("a read overtook a commit");
          const auto& one = *made->front();
          if (one.owed != state::acknowledged || one.settling) return;
          if (std::none_of(page.messages.begin(), page.messages.end(), [&](const auto& m) {
                return m.place.order == one.place.order;
              })) {
            rig_.violate("a read does not see a commit: " + one.payload.substr(0, 20));
          }
        });
  }

  void settle(std::size_t at, std::uint16_t shard) {
    std::shared_ptr<message> found;
    for (unsigned i = 0; i < 20 && !messages_.empty() && !found; ++i) {
      const auto& one = messages_[rig_.random() % messages_.size()];
      if (number(one->to.shard()) == shard && one->owed == state::acknowledged && !one->settling)
        found = one;
    }
    if (!found) return;
    found->settling = true;
    storage::transaction writes;
    writes.settle(found->to, found->place);
    if (rig_.random() % 2 == 0) return rig_.at(at).parts->store().commit(std::move(writes), nullptr);
    ++waiting_;
    const auto* alive = &rig_.at(at);
    rig_.at(at).parts->store().commit(std::move(writes),
                                      [this, found, alive](const storage::commit_result& result) {
                                        --waiting_;
                                        if (result.ok && !alive->dead) found->settled = true;
                                      });
  }

  void put_session(std::size_t at, std::uint16_t shard) {
    const auto value = ++number_;
    storage::session_record record;
    record.id = session(shard, 1);
    record.client_id = "c" + std::to_string(value);
    storage::transaction writes;
    writes.put_session(record);
    ++waiting_;
    const auto* alive = &rig_.at(at);
    rig_.at(at).parts->store().commit(
        std::move(writes), [this, value, shard, alive](const storage::commit_result& result) {
          --waiting_;
          if (!result.ok || alive->dead) return;
          auto& last = sessions_[shard];
          last = std::max(last, value);
          ++acknowledged_;
        });
  }

  void check_queue(std::size_t owner, session_id id) {
    std::map<std::string, storage::order_no> there;
    std::optional<storage::owed_page> page;
    rig_.at(owner).store->read_owed(id, 0, 100'000, 1 << 30,
                                    [&](storage::owed_page got) { page = std::move(got); });
    while (!page && rig_.at(owner).store->pump() > 0) {
    }
    if (!page || page->failed) return rig_.violate("a queue cannot be read");
    for (const auto& one : page->messages) {
      auto payload = std::string(one.body->payload());
      if (one.place.body == storage::body_place::shared && payload.size() < 9000)
        payload += "/" + std::to_string(id.count());
      if (!there.emplace(payload, one.place.order).second)
        rig_.violate("a message is there twice: " + payload.substr(0, 20));
    }
    for (const auto& one : messages_) {
      if (one->to != id || one->owed != state::acknowledged) continue;
      const auto at = there.find(one->payload);
      if (at == there.end()) {
        if (!one->settling)
          rig_.violate("an acknowledged message is lost: " + one->payload.substr(0, 20));
      } else if (one->settled) {
        rig_.violate("a settled message is there again: " + one->payload.substr(0, 20));
      } else if (at->second != one->place.order) {
        rig_.violate("a message has another number: " + one->payload.substr(0, 20));
      }
    }
  }

  void check_sessions(std::size_t owner, std::uint16_t shard) {
    std::uint64_t found = 0;
    rig_.at(owner).store->each_session(
        static_cast<shard_id>(shard), [&](const storage::session_record& record) {
          if (record.id == session(shard, 1)) found = std::stoull(record.client_id.substr(1));
        });
    if (found < sessions_[shard]) rig_.violate("a session is older than was acknowledged");
  }

  replica_rig& rig_;
  std::vector<std::shared_ptr<message>> messages_;
  std::map<std::uint16_t, std::uint64_t> sessions_;  // last value that was acknowledged
  std::uint64_t number_ = 0;
  std::uint64_t waiting_ = 0;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace troupe::replication::test
