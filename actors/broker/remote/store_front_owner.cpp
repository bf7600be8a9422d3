// What other nodes ask of the store of a shard that this node owns.

#include <algorithm>
#include <utility>

#include "actors/broker/remote/store_front.hpp"
#include "actors/broker/remote/store_pages.hpp"
#include "cluster/shard_hash.hpp"
#include "storage/replication/transaction_codec.hpp"

namespace troupe::broker {

void store_front::serve(cluster::node_id from, shard_id shard, const peer::StoreCommit& frame) {
  const auto attempt = frame.attempt();
  const auto reply = [this, from, shard, attempt,
                      request = frame.request()](const storage::commit_result& result) {
    peer::StoreAnswer answer;
    answer.set_request(request);
    answer.set_ok(result.ok);
    answer.set_error(result.error);
    answer.set_first_order(result.first_order);
    answer.set_not_owner(result.not_owner);
    answer.set_attempt(attempt);
    net_.send(from, frame_kind::store_answer, number(shard), answer);
  };
  const auto owner = net_.owner(shard);
  {
    // All of an attempt is for one epoch: what was lost with an earlier one must not come behind.
    std::lock_guard lock(mutex_);
    const auto pairing = pairings_.find(from);
    if (pairing == pairings_.end() || pairing->second != frame.pairing()) return;
    const auto [it, fresh] = streams_.try_emplace({from, shard});
    auto& s = it->second;
    if (fresh || attempt != s.attempt) s = {attempt, owner.epoch, false};
    s.refused = s.refused || owner.node != net_.self() || owner.epoch != s.epoch;
    if (!s.refused && frame.session() != 0) {
      const auto who = net_.sessions().find(session_id(frame.session()));
      const auto life = who ? who->life() : 0;
      if (life < frame.life()) {
        // One that an earlier owner has granted, and of which nothing was kept, must not hold up
        // all that waits behind it.
        const auto told = claims_.find({from, shard});
        if (told != claims_.end() && told->second.epoch == owner.epoch &&
            told->second.pairing == frame.pairing())
          return reply({false, "The session is not known any more", 0, false});
        s.refused = true;  // this node has still to hear of it
      }
      if (life > frame.life()) return reply({false, "The session goes on elsewhere", 0, false});
    }
    if (s.refused) return reply({false, {}, 0, true});
  }
  auto decoded = storage::transaction_codec::decode(frame.transaction());
  if (!decoded.error.empty() || decoded.value.shard() != shard)
    return reply({false, "The transaction cannot be read", 0});
  decoded.value.epoch(owner.epoch);
  own_.commit(std::move(decoded.value), reply);
}

void store_front::claimed(shard_id shard, std::uint64_t epoch, cluster::node_id by,
                          std::uint64_t pairing) {
  std::lock_guard lock(mutex_);
  claims_[{by, shard}] = {epoch, pairing};
}

void store_front::serve(cluster::node_id from, shard_id shard, const peer::StoreRead& frame) {
  const auto reply = [this, from, shard, request = frame.request()](peer::StorePage& page) {
    page.set_request(request);
    net_.send(from, frame_kind::store_page, number(shard), page);
  };
  if (frame.what() == read_retained_page) {
    return read_own_retained(frame.filter(), frame.cursor(),
                             std::min<std::uint32_t>(frame.max_count(), 1024), frame.now_ms(),
                             [reply](const storage::retained_page& found) {
                               peer::StorePage page;
                               put_retained(found, page);
                               reply(page);
                             });
  }
  if (!net_.owns(shard) || session_id(frame.session()).shard() != shard) {
    peer::StorePage page;
    page.set_not_owner(true);
    return reply(page);
  }
  answer_read(own_, frame, reply);
}

/// Replicas hold what other nodes own as well: left out, or it would come twice.
void store_front::read_own_retained(std::string filter, std::string cursor,
                                    std::uint32_t max_count, std::int64_t now_ms,
                                    std::function<void(storage::retained_page)> done) {
  own_.read_retained(std::move(filter), std::move(cursor), max_count, now_ms,
                     [this, done = std::move(done)](storage::retained_page page) {
                       std::erase_if(page.messages, [&](const storage::retained_message& m) {
                         return !net_.owns(cluster::shard_of(m.body->topic(), net_.shards()));
                       });
                       done(std::move(page));
                     });
}

}  // namespace troupe::broker
