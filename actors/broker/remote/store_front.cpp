#include "actors/broker/remote/store_front.hpp"

#include <algorithm>

#include "actors/broker/remote/store_pages.hpp"
#include "cluster/shard_hash.hpp"
#include "protocol/topics/names.hpp"
#include "storage/replication/transaction_codec.hpp"

namespace troupe::broker {

namespace {

// Ticks, of about a second: longer than a change of an owner takes.
constexpr unsigned patience_for_store = 15;
// Given to other nodes and not answered; more is refused.
constexpr std::uint64_t most_waiting = 256ULL << 20;

void count_down(std::atomic<std::uint64_t>& sum, std::size_t bytes) noexcept {
  sum.fetch_sub(bytes, std::memory_order_relaxed);
}

}  // namespace

store_front::store_front(storage::store& own, storage::shard_replicas& replicas, peers& net)
    : own_(own),
      replicas_(replicas),
      net_(net),
      next_request_(net.first_request()),
      attempts_(net.shards()),
      commits_waiting_(net.shards()) {}

// --- questions to other nodes ------------------------------------------------------

void store_front::ask(question wanted) {
  std::unique_lock lock(mutex_);
  if (closed_ || waiting_bytes_.load(std::memory_order_relaxed) > most_waiting) {
    lock.unlock();
    if (wanted.answered) wanted.answered(nullptr);
    if (wanted.page) wanted.page(nullptr);
    return;
  }
  waiting_bytes_.fetch_add(wanted.bytes, std::memory_order_relaxed);
  const auto request = next_request_++;
  auto& kept = questions_.emplace(request, std::move(wanted)).first->second;
  if (kept.kind != frame_kind::store_commit) return post(request, kept);
  commits_waiting_[number(kept.shard)].fetch_add(1, std::memory_order_relaxed);
  // Nothing goes before what was refused.
  const bool behind = std::any_of(questions_.begin(), questions_.find(request), [&](auto& each) {
    return each.second.kind == frame_kind::store_commit && each.second.shard == kept.shard &&
           !each.second.sent;
  });
  if (!behind) post(request, kept);
}

/// With the lock.
void store_front::begin_again(shard_id shard) {
  ++attempts_[number(shard)];
  for (auto& [request, q] : questions_)
    if (q.kind == frame_kind::store_commit && q.shard == shard) q.sent = false;
}

/// With the lock: what is asked of a node arrives in the order of the requests.
void store_front::post(std::uint64_t request, question& q) {
  const auto to = q.to != cluster::no_node ? q.to : net_.owner(q.shard).node;
  if (to == cluster::no_node || (to == net_.self() && q.kind == frame_kind::store_read)) return;
  if (to == net_.self()) return;
  q.commit.set_request(request);
  q.commit.set_attempt(attempts_[number(q.shard)]);
  if (q.kind == frame_kind::store_commit) {
    // The network may be ahead of what was told here: then it is sent at peer_up().
    const auto pairing = pairings_.find(to);
    if (pairing == pairings_.end()) return;
    q.commit.set_pairing(pairing->second);
  }
  q.read.set_request(request);
  q.sent = q.kind == frame_kind::store_commit
               ? net_.send(to, q.kind, number(q.shard), q.commit)
               : net_.send(to, q.kind, number(q.shard), q.read);
}

void store_front::resend(const std::function<bool(const question&)>& which) {
  std::vector<question> here;
  {
    std::lock_guard lock(mutex_);
    for (auto it = questions_.begin(); it != questions_.end();) {
      auto& q = it->second;
      if (!which(q)) {
        ++it;
        continue;
      }
      // What sessions write waits until it is known which lives of them count.
      if (q.to == cluster::no_node && net_.owns(q.shard) &&
          (q.kind != frame_kind::store_commit || net_.serves(q.shard))) {
        count_down(waiting_bytes_, q.bytes);
        here.push_back(std::move(q));
        it = questions_.erase(it);
        continue;
      }
      post(it->first, q);
      ++it;
    }
  }
  for (auto& q : here) serve_own(std::move(q));
}

/// The shard has come to this node.
void store_front::serve_own(question asked) {
  if (asked.kind == frame_kind::store_commit &&
      goes_on_elsewhere(session_id(asked.commit.session()), asked.commit.life())) {
    asked.answered(nullptr);
    commits_waiting_[number(asked.shard)].fetch_sub(1, std::memory_order_relaxed);
  } else if (asked.kind == frame_kind::store_commit) {
    auto decoded = storage::transaction_codec::decode(asked.commit.transaction());
    own_.commit(std::move(decoded.value),
                [answered = asked.answered](const storage::commit_result& result) {
                  peer::StoreAnswer answer;
                  answer.set_ok(result.ok);
                  answer.set_error(result.error);
                  answer.set_first_order(result.first_order);
                  answered(&answer);
                });
    commits_waiting_[number(asked.shard)].fetch_sub(1, std::memory_order_relaxed);
  } else {
    answer_read(own_, asked.read, [page = asked.page](peer::StorePage& made) { page(&made); });
  }
}

void store_front::peer_up(cluster::node_id node, std::uint64_t pairing) {
  {
    std::lock_guard lock(mutex_);
    pairings_[node] = pairing;
  }
  resend([&](const question& q) {
    return !q.sent && (q.to == node || net_.owner(q.shard).node == node);
  });
}

void store_front::peer_down(cluster::node_id node) {
  std::vector<question> lost;
  {
    std::lock_guard lock(mutex_);
    for (auto it = questions_.begin(); it != questions_.end();) {
      auto& q = it->second;
      if (q.to == node) {
        count_down(waiting_bytes_, q.bytes);
        lost.push_back(std::move(q));
        it = questions_.erase(it);
        continue;
      }
      if (net_.owner(q.shard).node == node && std::exchange(q.sent, false) &&
          q.kind == frame_kind::store_commit)
        begin_again(q.shard);
      ++it;
    }
    pairings_.erase(node);
    std::erase_if(streams_, [&](const auto& each) { return each.first.first == node; });
    std::erase_if(claims_, [&](const auto& each) { return each.first.first == node; });
  }
  for (auto& q : lost) q.page(nullptr);
}

void store_front::owner_changed(shard_id shard) {
  {
    std::lock_guard lock(mutex_);
    begin_again(shard);
  }
  resend([&](const question& q) { return q.to == cluster::no_node && q.shard == shard; });
}

void store_front::serves_now(shard_id shard) {
  resend([&](const question& q) { return q.to == cluster::no_node && q.shard == shard; });
}

/// This node owns the shard, and knows of a later life of the session.
bool store_front::goes_on_elsewhere(session_id session, std::uint64_t life) const {
  if (session == session_id{}) return false;
  const auto who = net_.sessions().find(session);
  return who && who->life() > life;
}

void store_front::tick() {
  std::vector<question> late;
  {
    std::lock_guard lock(mutex_);
    for (auto it = questions_.begin(); it != questions_.end();) {
      if (++it->second.age <= patience_for_store) {
        ++it;
        continue;
      }
      count_down(waiting_bytes_, it->second.bytes);
      if (it->second.kind == frame_kind::store_commit)
        commits_waiting_[number(it->second.shard)].fetch_sub(1, std::memory_order_relaxed);
      late.push_back(std::move(it->second));
      it = questions_.erase(it);
    }
  }
  for (auto& q : late) {
    if (q.answered) q.answered(nullptr);
    if (q.page) q.page(nullptr);
  }
  resend([](const question& q) { return !q.sent; });
}

void store_front::received(cluster::node_id from, const frame_head& head,
                           const std::string& bytes) {
  if (head.shard >= net_.shards()) return;
  const auto shard = static_cast<shard_id>(head.shard);
  const auto take = [&](std::uint64_t request, bool not_owner, std::uint64_t attempt) {
    std::lock_guard lock(mutex_);
    auto it = questions_.find(request);
    question found;
    if (it == questions_.end()) return found;
    auto& q = it->second;
    const bool commit = q.kind == frame_kind::store_commit;
    // Of an earlier attempt: an answer before it may have got lost with the link, and sessions
    // are to hear of their commits in their order. All of them come again.
    if (commit && attempt != attempts_[number(q.shard)]) return found;
    if (not_owner) {  // again when the owner is known
      if (commit)
        begin_again(q.shard);
      else
        q.sent = false;
      return found;
    }
    count_down(waiting_bytes_, q.bytes);
    if (commit) commits_waiting_[number(q.shard)].fetch_sub(1, std::memory_order_relaxed);
    found = std::move(q);
    questions_.erase(it);
    return found;
  };
  switch (head.kind) {
    case frame_kind::store_commit: {
      peer::StoreCommit frame;
      if (frame.ParseFromString(bytes)) serve(from, shard, frame);
      return;
    }
    case frame_kind::store_read: {
      peer::StoreRead frame;
      if (frame.ParseFromString(bytes)) serve(from, shard, frame);
      return;
    }
    case frame_kind::store_answer: {
      peer::StoreAnswer frame;
      if (!frame.ParseFromString(bytes)) return;
      if (auto q = take(frame.request(), frame.not_owner(), frame.attempt());
          q.answered) q.answered(&frame);
      return;
    }
    case frame_kind::store_page: {
      peer::StorePage frame;
      if (!frame.ParseFromString(bytes)) return;
      if (auto q = take(frame.request(), frame.not_owner(), 0); q.page) q.page(&frame);
      return;
    }
    default:
      return;
  }
}

// --- storage::store ----------------------------------------------------------------

void store_front::commit(storage::transaction writes, committed done) {
  const auto shard = writes.shard();
  // Of an owner, with what only an owner gives out: nobody else is to write it.
  if (writes.epoch() != 0) return own_.commit(std::move(writes), std::move(done));
  if (!shard) return own_.commit(std::move(writes), std::move(done));
  const bool by_session = writes.session() != session_id{};
  if (net_.owns(*shard) && (!by_session || net_.serves(*shard)) &&
      commits_waiting_[number(*shard)].load(std::memory_order_relaxed) == 0) {
    if (!by_session || !goes_on_elsewhere(writes.session(), writes.life()))
      return own_.commit(std::move(writes), std::move(done));
    if (done) done({false, "The session goes on elsewhere", 0});
    return;
  }
  question q;
  q.shard = *shard;
  q.kind = frame_kind::store_commit;
  q.commit.set_transaction(storage::transaction_codec::encode(writes));
  q.commit.set_session(writes.session().value);
  q.commit.set_life(writes.life());
  q.bytes = q.commit.transaction().size();
  q.answered = [done = std::move(done)](const peer::StoreAnswer* answer) {
    if (!done) return;
    if (answer == nullptr)
      done({false, "Nobody serves the shard of the session", 0});
    else
      done({answer->ok(), answer->error(), answer->first_order()});
  };
  ask(std::move(q));
}

void store_front::read_owed(session_id id, storage::order_no after, std::uint32_t max_count,
                            std::uint64_t max_bytes,
                            std::function<void(storage::owed_page)> done) {
  if (net_.owns(id.shard()))
    return own_.read_owed(id, after, max_count, max_bytes, std::move(done));
  question q;
  q.shard = id.shard();
  q.kind = frame_kind::store_read;
  q.read.set_what(read_owed_page);
  q.read.set_session(id.value);
  q.read.set_after(after);
  q.read.set_max_count(max_count);
  q.read.set_max_bytes(max_bytes);
  q.page = [done = std::move(done)](const peer::StorePage* page) { done(owed_of(page)); };
  ask(std::move(q));
}

void store_front::read_contents(session_id id,
                                std::function<void(storage::session_contents)> done) {
  if (net_.owns(id.shard())) return own_.read_contents(id, std::move(done));
  question q;
  q.shard = id.shard();
  q.kind = frame_kind::store_read;
  q.read.set_what(read_whole_contents);
  q.read.set_session(id.value);
  q.page = [done = std::move(done)](const peer::StorePage* page) { done(contents_of(page)); };
  ask(std::move(q));
}

void store_front::read_contents(session_id id, storage::order_no through,
                                std::function<void(storage::session_contents)> done) {
  own_.read_contents(id, through, std::move(done));
}

void store_front::read_one(session_id id, storage::order_no order,
                           std::function<void(std::optional<storage::owed_message>)> done) {
  own_.read_one(id, order, std::move(done));
}

void store_front::read_retained(std::string filter, std::string cursor, std::uint32_t max_count,
                                std::int64_t now_ms,
                                std::function<void(storage::retained_page)> done) {
  // The cursor begins with the node that is asked.
  const bool one = !topics::has_wildcard(filter);
  const auto shard = cluster::shard_of(filter, net_.shards());
  auto nodes = net_.up();
  std::sort(nodes.begin(), nodes.end());
  auto node = net_.self();
  if (one) node = net_.owner(shard).node;
  if (!cursor.empty()) node = cluster::node_id{std::stoull(cursor)};
  const auto inner = cursor.empty() ? std::string{} : cursor.substr(cursor.find('|') + 1);
  const auto next = [self = net_.self(), nodes, one](cluster::node_id after) {
    if (one) return cluster::no_node;
    const auto it = after == self ? nodes.begin()
                                  : std::upper_bound(nodes.begin(), nodes.end(), after);
    return it == nodes.end() ? cluster::no_node : *it;
  };
  auto finish = [done = std::move(done), node, next](storage::retained_page page) {
    const auto at = page.next.empty() ? next(node) : node;
    if (!page.failed)
      page.next = at == cluster::no_node ? std::string{}
                                         : std::to_string(number(at)) + "|" + page.next;
    done(std::move(page));
  };
  if (node == net_.self())
    return read_own_retained(std::move(filter), inner, max_count, now_ms, std::move(finish));
  if (node == cluster::no_node || !net_.is_up(node)) {
    // A node that left meanwhile has nothing more to say; an owner will be there again.
    storage::retained_page none;
    none.failed = one;
    return finish(std::move(none));
  }
  question q;
  q.shard = shard;
  q.to = node;
  q.kind = frame_kind::store_read;
  q.read.set_what(read_retained_page);
  q.read.set_filter(filter);
  q.read.set_cursor(inner);
  q.read.set_max_count(max_count);
  q.read.set_now_ms(now_ms);
  q.page = [finish = std::move(finish)](const peer::StorePage* page) {
    finish(retained_of(page));
  };
  ask(std::move(q));
}

void store_front::read_directory(shard_id shard, std::string cursor,
                                 std::function<void(storage::directory_page)> done) {
  replicas_.read_directory(shard, std::move(cursor), 1024, std::move(done));
}

void store_front::read_session(session_id id, std::function<void(stored_session)> done) {
  std::string cursor;  // a page begins with the session that it names
  for (int shift = 56; shift >= 0; shift -= 8)
    cursor.push_back(static_cast<char>(id.value >> shift & 0xFF));
  more_of(std::move(cursor), std::make_shared<stored_session>(), id, std::move(done));
}

void store_front::more_of(std::string cursor, std::shared_ptr<stored_session> found, session_id id,
                          std::function<void(stored_session)> done) {
  replicas_.read_directory(
      id.shard(), std::move(cursor), 1,
      [this, found, id, done = std::move(done)](storage::directory_page page) mutable {
        found->failed = page.failed;
        if (page.failed || page.sessions.empty() || page.sessions.front().session.id != id)
          return done(std::move(*found));
        auto& part = page.sessions.front();
        const bool more = part.goes_on;
        if (!found->entry) {
          found->entry = std::move(part);
        } else {
          auto& all = found->entry->subscriptions;
          all.insert(all.end(), std::make_move_iterator(part.subscriptions.begin()),
                     std::make_move_iterator(part.subscriptions.end()));
        }
        if (!more) return done(std::move(*found));
        more_of(std::move(page.next), found, id, std::move(done));
      });
}

void store_front::each_session(shard_id shard,
                               const std::function<void(storage::session_record)>& visit) {
  own_.each_session(shard, visit);
}
void store_front::each_subscription(
    shard_id shard,
    const std::function<void(session_id, storage::subscription_record)>& visit) {
  own_.each_subscription(shard, visit);
}
std::uint64_t store_front::next_offset(shard_id shard) { return own_.next_offset(shard); }
std::uint64_t store_front::next_session_count(shard_id shard) {
  return own_.next_session_count(shard);
}
std::uint16_t store_front::shards() const { return own_.shards(); }
storage::store::figures store_front::current() const { return own_.current(); }
std::uint64_t store_front::backlog_bytes() const noexcept {
  return own_.backlog_bytes() + waiting_bytes_.load(std::memory_order_relaxed);
}

void store_front::close() {
  std::map<std::uint64_t, question> left;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    left.swap(questions_);
  }
  for (auto& [request, q] : left) {
    if (q.answered) q.answered(nullptr);
    if (q.page) q.page(nullptr);
  }
  own_.close();
}

}  // namespace troupe::broker
