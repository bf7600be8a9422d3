#include "storage/store_engine.hpp"

#include <algorithm>
#include <pthread.h>
#include <sched.h>
#include <shared_mutex>
#include <utility>

namespace troupe::storage {
namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

constexpr std::size_t group_bytes = std::size_t{4} << 20;
constexpr auto retry_after = std::chrono::seconds(1);
constexpr auto idle_wait = std::chrono::seconds(60);
/// So long nothing must come before changes of retained messages go to their table.
constexpr auto rest_before_folding = std::chrono::seconds(1);
constexpr std::size_t busy_slice = 128;  // records of a sweep between two groups
constexpr std::size_t idle_slice = 1024;

void name_thread(const char* name) {
  (void)pthread_setname_np(pthread_self(), name);
}

/// The writer does not interrupt a run loop that shares its core at each
/// transaction: it takes what the loop's turn has given as one group.
void yield_to_loops() {
  const sched_param none{};
  (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}

}  // namespace

rocks_store::engine::engine(store_options options, std::unique_ptr<database> db)
    : options_(std::move(options)),
      db_(std::move(db)),
      writer_(*db_, options_),
      reader_(*db_, writer_, options_.shards, options_.shard_of, options_.report),
      commits_(options_.backlog_limit) {}

rocks_store::engine::~engine() {
  close();
}

std::string rocks_store::engine::start() {
  if (auto error = writer_.load(); !error.empty()) return options_.directory + ": " + error;
  for (std::uint16_t shard = 0; shard < options_.shards; ++shard) {
    first_offsets_.push_back(writer_.marks().next_offset(shard));
    first_session_counts_.push_back(writer_.marks().next_session_count(shard));
  }
  started_ = true;
  if (!options_.threads) return {};
  writer_thread_ = std::thread([this] { run_writer(); });
  for (std::uint32_t i = 0; i < std::max(options_.readers, 1U); ++i) {
    reader_threads_.emplace_back([this] { run_reader(); });
  }
  return {};
}

std::uint64_t rocks_store::engine::first_offset(shard_id shard) const {
  return first_offsets_.at(number(shard));
}

std::uint64_t rocks_store::engine::first_session_count(shard_id shard) const {
  return first_session_counts_.at(number(shard));
}

void rocks_store::engine::report(std::string_view sentence) const {
  if (options_.report) options_.report(sentence);
}

void rocks_store::engine::commit(write_operations operations, committed done) {
  pending_commit pending{std::move(operations), std::move(done), {}};
  if (options_.replicated || pending.operations.entry) [[unlikely]] {
    pending.refused = misplaced(pending.operations);
    if (!pending.refused.empty()) pending.operations = {};
  }
  if (commits_.give(pending)) return;
  if (pending.done) pending.done({false, "The store is closed.", 0});
}

std::string rocks_store::engine::misplaced(const write_operations& operations) const {
  const auto* entry = operations.entry.get();
  if (!options_.replicated) return "The shards of the store are not replicated.";
  if (!entry || (entry->task == shard_task::none && entry->index == 0))
    return "The shards of the store are replicated: only entries of their logs are written.";
  if (entry->shard >= options_.shards)
    return "An entry concerns several shards of the store, or one that it has not.";
  return {};
}

void rocks_store::engine::read(read_queue::job job) {
  if (!reads_.give(job, commits_.given())) return job(false);
  commits_.hurry();
}

void rocks_store::engine::expire(
    const std::vector<retained_answer::topic_of_shard>& topics, std::int64_t now_ms) {
  // Only tidying: when the writer is busy, a later read meets them again.
  if (options_.replicated || topics.empty() || commits_.backlog() > options_.backlog_limit / 8)
    return;
  write_operations operations;
  for (const auto& [shard, topic] : topics) {
    auto& operation = operations.list.emplace_back();
    operation.kind = write_kind::expire_retained;
    operation.shard = number(shard);
    operation.number = static_cast<std::uint64_t>(now_ms);
    operation.at = static_cast<std::uint32_t>(operations.bytes.size());
    operation.name_size = static_cast<std::uint32_t>(topic.size());
    operations.bytes.append(topic);
  }
  commit(std::move(operations), nullptr);
}

void rocks_store::engine::run_writer() {
  name_thread("store-writer");
  yield_to_loops();
  std::vector<pending_commit> batch;
  for (;;) {
    auto wait = std::chrono::duration_cast<milliseconds>(idle_wait);
    if (!writable_) {
      wait = std::chrono::duration_cast<milliseconds>(retry_after);
    } else if (background_pending(false)) {
      const auto left = std::chrono::ceil<milliseconds>(sweep_at_ - clock::now());
      wait = std::max(milliseconds(0), left);
    } else if (background_pending(true)) {
      wait = std::chrono::duration_cast<milliseconds>(rest_before_folding);
    }
    commits_.take(batch, wait);
    const bool idle = batch.empty();
    write_all(batch);
    if (idle && commits_.closed()) return;
    background(idle ? idle_slice : busy_slice, idle);
  }
}

bool rocks_store::engine::background_pending(bool idle) const {
  const auto& retained = writer_.retained();
  return writer_.sweep_pending() || (idle ? retained.idle_work_due() : retained.work_due());
}

bool rocks_store::engine::background_due(bool idle) const {
  const auto now = clock::now();
  return writable_ ? background_pending(idle) && now >= sweep_at_ : now >= retry_at_;
}

bool rocks_store::engine::background(std::size_t slice, bool idle) {
  if (!background_due(idle)) return false;
  if (!writable_) {
    retry_at_ = clock::now() + retry_after;
    if (!heal()) return true;
    disk_error_.clear();
    writable_ = true;
    report("The store in " + options_.directory + " takes writes again.");
    return true;
  }
  bool done = !writer_.sweep_pending() || writer_.sweep(slice);
  auto& retained = writer_.retained();
  if (idle ? retained.idle_work_due() : retained.work_due()) {
    const auto error = retained.work(slice);
    if (!error.empty()) report(error);
    done = done && error.empty();
  }
  if (!done) sweep_at_ = clock::now() + retry_after;
  return true;
}

bool rocks_store::engine::heal() {
  if (writer_.heal()) return true;
  // After some errors RocksDB wants to be opened anew.
  return db_->reopen().empty() && writer_.reload().empty() && writer_.heal();
}

void rocks_store::engine::write_all(std::vector<pending_commit>& batch) {
  for (std::size_t at = 0; at < batch.size();) at = write_group(batch, at);
  batch.clear();
  if (batch.capacity() > 65536) std::vector<pending_commit>().swap(batch);
}

std::size_t rocks_store::engine::write_group(std::vector<pending_commit>& batch, std::size_t from) {
  first_orders_.clear();
  std::uint64_t bytes = 0;
  auto to = from;
  if (options_.replicated) make_room(batch[from]);
  for (; to < batch.size() && writer_.batch_bytes() < group_bytes; ++to) {
    auto& pending = batch[to];
    if (pending.operations.entry) [[unlikely]] {
      if (to > from && ends_group(pending)) break;
      bytes += pending.operations.size();
      first_orders_.push_back(apply_entry(pending));
      if (pending.operations.entry->task == shard_task::none) continue;
      ++to;
      break;
    }
    bytes += pending.operations.size();
    const bool take = writable_ && pending.refused.empty();
    first_orders_.push_back(take ? writer_.apply(pending.operations) : 0);
  }
  std::string error = disk_error_;
  if (writable_) {
    error = writer_.write(options_.durability == durability::fsync);
    if (!error.empty()) fail(error);
  }
  if (!error.empty() && options_.replicated) {
    for (auto at = from; at < to; ++at) {
      if (const auto* entry = batch[at].operations.entry.get()) writer_.states().refuse(*entry);
    }
  }
  commits_.written(bytes);
  written_ += to - from;
  commits_done_.fetch_add(to - from, std::memory_order_relaxed);
  groups_done_.fetch_add(1, std::memory_order_relaxed);
  reads_.written(written_);
  answer_group(batch, from, to, error);
  return to;
}

bool rocks_store::engine::ends_group(const pending_commit& pending) const {
  const auto& entry = *pending.operations.entry;
  return entry.task != shard_task::none ||
         writer_.must_sweep(static_cast<std::uint16_t>(entry.shard));
}

void rocks_store::engine::make_room(const pending_commit& pending) {
  const auto* entry = pending.operations.entry.get();
  while (writable_ && entry && writer_.must_sweep(static_cast<std::uint16_t>(entry->shard))) {
    if (!writer_.sweep(idle_slice)) fail("The store cannot clean up after erased sessions.");
  }
}

order_no rocks_store::engine::apply_entry(pending_commit& pending) {
  if (pending.operations.entry->task != shard_task::none) {
    run_task(pending);
    return 0;
  }
  if (writable_ && pending.refused.empty())
    return writer_.apply_entry(pending.operations, pending.refused);
  writer_.states().refuse(*pending.operations.entry);
  return 0;
}

void rocks_store::engine::run_task(pending_commit& pending) {
  if (!writable_ || !pending.refused.empty()) return;
  const auto error = writer_.run_task(pending.operations, options_.durability == durability::fsync,
                                      pending.refused);
  if (!error.empty()) fail(error);
}

void rocks_store::engine::answer_group(std::vector<pending_commit>& batch, std::size_t from,
                                       std::size_t to, const std::string& error) {
  for (auto at = from; at < to; ++at) {
    auto& pending = batch[at];
    if (!pending.done) continue;
    commit_result result;
    result.error = pending.refused.empty() ? error : std::move(pending.refused);
    result.ok = result.error.empty();
    if (result.ok) result.first_order = first_orders_[at - from];
    pending.done(result);
    pending = {};  // what the callback holds is freed with its answer
  }
}

void rocks_store::engine::fail(const std::string& error) {
  disk_error_ = error;
  writable_ = false;
  retry_at_ = clock::now() + retry_after;
  report(error +
         " Nothing durable is accepted until the disk takes writes again; it is tried "
         "every second.");
}

void rocks_store::engine::run_reader() {
  name_thread("store-reader");
  read_queue::job job;
  while (reads_.take(job)) {
    job(true);
    job = nullptr;
  }
}

std::size_t rocks_store::engine::pump() {
  std::vector<pending_commit> batch;
  commits_.take(batch, milliseconds(0));
  auto done = batch.size();
  write_all(batch);
  for (read_queue::job job; reads_.try_take(job); ++done) job(true);
  if (background(idle_slice, false)) ++done;
  return done;
}

store::figures rocks_store::engine::current() const {
  figures out;
  out.retained = writer_.retained().count();
  out.backlog_bytes = commits_.backlog();
  out.retained_refused = writer_.retained().refused();
  out.commits = commits_done_.load(std::memory_order_relaxed);
  out.groups = groups_done_.load(std::memory_order_relaxed);
  out.writable = writable_.load(std::memory_order_relaxed);
  // Run loops ask: they do not wait while the database is opened anew, which takes what the disk takes.
  const std::shared_lock lock(db_->gate(), std::try_to_lock);
  if (lock && db_->is_open()) {
    (void)db_->db().GetIntProperty(db_->handle(family::log),
                                   rocksdb::DB::Properties::kEstimateNumKeys, &out.bodies);
  }
  return out;
}

void rocks_store::engine::close() {
  std::call_once(closed_, [this] {
    commits_.close();
    if (writer_thread_.joinable()) {
      writer_thread_.join();
    } else if (started_) {
      while (pump() > 0) {
      }
    }
    reads_.close();
    for (auto& thread : reader_threads_) thread.join();
    for (read_queue::job job; reads_.try_take(job);) job(true);
    if (started_ && writable_) {
      writer_.save_marks();
      db_->flush();
    }
    const std::unique_lock lock(db_->gate());
    db_->close();
  });
}

}  // namespace troupe::storage
