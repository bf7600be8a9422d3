#include "actors/replication/replicated_store.hpp"

#include "cluster/shard_hash.hpp"
#include "protocol/topics/names.hpp"
#include "storage/replication/transaction_codec.hpp"

#include <atomic>
#include <utility>

namespace troupe::replication {
namespace {

/// Answers a transaction that does not come into a log.
void refuse(const storage::store::committed& done, std::string sentence) {
  if (done) done({false, std::move(sentence), 0});
}

}  // namespace

replicated_store::replicated_store(std::shared_ptr<replication_context> context)
    : context_(std::move(context)) {}

void replicated_store::commit(storage::transaction writes, committed done) {
  auto& context = *context_;
  if (writes.empty()) {
    if (done) done({});
    return;
  }
  const auto shard = writes.shard();
  if (!shard || number(*shard) >= context.gates.size())
    return refuse(done, "A transaction concerns several shards, or one that there is not.");
  if (context.closed) return refuse(done, "The store is closed.");
  waiting_commit commit;
  commit.owed = writes.owed();
  commit.bytes = storage::transaction_codec::encode(writes);
  commit.epoch = writes.epoch();
  commit.done = std::move(done);
  const auto size = commit.bytes.size();
  if (context.pending_bytes.fetch_add(size, std::memory_order_relaxed) + size >
      context.settings.pending_bytes) {
    context.pending_bytes.fetch_sub(size, std::memory_order_relaxed);
    return refuse(commit.done,
                  "The cluster has too much to write: it is slower than what arrives.");
  }
  const auto call = context.gate(*shard).give(std::move(commit));
  if (call != shard_gate::call::no)
    context.inbox(*shard).commits_wait(number(*shard), call == shard_gate::call::now);
}

void replicated_store::after_commits(shard_id shard, std::function<void(bool run)> read) {
  auto& context = *context_;
  if (number(shard) >= context.gates.size()) return read(false);
  auto& gate = context.gate(shard);
  if (context.waiting_reads.fetch_add(1, std::memory_order_relaxed) >=
      context.settings.waiting_reads) {
    context.waiting_reads.fetch_sub(1, std::memory_order_relaxed);
    return read(false);
  }
  const bool tell = gate.after_commits([context = context_, read = std::move(read)](bool run) {
    context->waiting_reads.fetch_sub(1, std::memory_order_relaxed);
    read(run);
  });
  if (tell) context.inbox(shard).commits_wait(number(shard), true);
}

void replicated_store::read_owed(session_id id, storage::order_no after, std::uint32_t max_count,
                                 std::uint64_t max_bytes,
                                 std::function<void(storage::owed_page)> done) {
  after_commits(id.shard(), [this, id, after, max_count, max_bytes, done = std::move(done)](
                                bool run) mutable {
    if (run) return context_->store.read_owed(id, after, max_count, max_bytes, std::move(done));
    storage::owed_page page;
    page.end = false;
    page.failed = true;
    done(std::move(page));
  });
}

void replicated_store::read_contents(session_id id,
                                     std::function<void(storage::session_contents)> done) {
  after_commits(id.shard(), [this, id, done = std::move(done)](bool run) mutable {
    if (run) return context_->store.read_contents(id, std::move(done));
    storage::session_contents contents;
    contents.failed = true;
    done(std::move(contents));
  });
}

void replicated_store::read_contents(session_id id, storage::order_no through,
                                     std::function<void(storage::session_contents)> done) {
  after_commits(id.shard(), [this, id, through, done = std::move(done)](bool run) mutable {
    if (run) return context_->store.read_contents(id, through, std::move(done));
    storage::session_contents contents;
    contents.failed = true;
    done(std::move(contents));
  });
}

void replicated_store::read_one(session_id id, storage::order_no order,
                                std::function<void(std::optional<storage::owed_message>)> done) {
  after_commits(id.shard(), [this, id, order, done = std::move(done)](bool run) mutable {
    if (run) return context_->store.read_one(id, order, std::move(done));
    done(std::nullopt);
  });
}

void replicated_store::read_retained(std::string filter, std::string cursor,
                                     std::uint32_t max_count, std::int64_t now_ms,
                                     std::function<void(storage::retained_page)> done) {
  std::vector<shard_id> concerned;
  if (!topics::has_wildcard(filter)) {
    concerned.push_back(cluster::shard_of(filter, shards()));
  } else {
    for (std::uint16_t shard = 0; shard < shards(); ++shard) {
      if (!context_->gates[shard].quiet()) concerned.push_back(static_cast<shard_id>(shard));
    }
  }
  struct waiting {
    std::atomic<std::size_t> left;
    std::atomic<bool> run{true};
    std::function<void(bool)> then;
  };
  auto all = std::make_shared<waiting>();
  all->left = concerned.size() + 1;
  all->then = [this, filter = std::move(filter), cursor = std::move(cursor), max_count, now_ms,
               done = std::move(done)](bool run) mutable {
    if (run) {
      return context_->store.read_retained(std::move(filter), std::move(cursor), max_count, now_ms,
                                           std::move(done));
    }
    storage::retained_page page;
    page.failed = true;
    done(std::move(page));
  };
  const auto one = [all](bool run) {
    if (!run) all->run = false;
    if (all->left.fetch_sub(1) == 1) all->then(all->run);
  };
  for (const auto shard : concerned) after_commits(shard, one);
  one(true);
}

void replicated_store::each_session(shard_id shard,
                                    const std::function<void(storage::session_record)>& visit) {
  context_->store.each_session(shard, visit);
}
void replicated_store::each_subscription(
    shard_id shard,
    const std::function<void(session_id, storage::subscription_record)>& visit) {
  context_->store.each_subscription(shard, visit);
}
std::uint64_t replicated_store::next_offset(shard_id shard) {
  return context_->store.next_offset(shard);
}
std::uint64_t replicated_store::next_session_count(shard_id shard) {
  return context_->store.next_session_count(shard);
}
std::uint16_t replicated_store::shards() const { return context_->store.shards(); }

storage::store::figures replicated_store::current() const {
  auto out = context_->store.current();
  out.backlog_bytes = backlog_bytes();
  return out;
}

std::uint64_t replicated_store::backlog_bytes() const noexcept {
  return context_->pending_bytes.load(std::memory_order_relaxed);
}

void replicated_store::close() { context_->closed = true; }

storage::shard_marks replicated_store::marks(shard_id shard) const {
  return context_->shards_of_store.marks(shard);
}

void replicated_store::read_directory(shard_id shard, std::string cursor, std::uint32_t max_count,
                                      std::function<void(storage::directory_page)> done) {
  after_commits(shard, [this, shard, cursor = std::move(cursor), max_count,
                        done = std::move(done)](bool run) mutable {
    if (run) {
      return context_->shards_of_store.read_directory(shard, std::move(cursor), max_count,
                                                      std::move(done));
    }
    storage::directory_page page;
    page.failed = true;
    done(std::move(page));
  });
}
void replicated_store::export_shard(shard_id shard, exporting done) {
  context_->shards_of_store.export_shard(shard, std::move(done));
}
void replicated_store::import_chunk(shard_id shard, std::string bytes, committed done) {
  context_->shards_of_store.import_chunk(shard, std::move(bytes), std::move(done));
}
void replicated_store::drop_shard(shard_id shard, committed done) {
  context_->shards_of_store.drop_shard(shard, std::move(done));
}
void replicated_store::read_checksum(shard_id shard,
                                     std::function<void(storage::shard_checksum)> done) {
  context_->shards_of_store.read_checksum(shard, std::move(done));
}

}  // namespace troupe::replication
