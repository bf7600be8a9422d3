#include "storage/records/run_ledger.hpp"

#include "storage/records/record_keys.hpp"
#include "storage/records/run_codec.hpp"

#include <algorithm>

namespace troupe::storage {
namespace {

constexpr std::size_t remembered = 32768;

}  // namespace

void run_ledger::begun(session_id id, order_no run, std::uint32_t count) {
  runs_[{id, run}].count = count;
}

bool run_ledger::read_progress(const run_key& key, state& into) {
  rocksdb::PinnableSlice value;
  const auto status = db_.get(family::queue, keys::progress(key.id, key.run).view(), value);
  if (status.IsNotFound()) return true;
  auto settled = status.ok() ? settled_items::decode(view(value)) : std::nullopt;
  if (!settled) return false;
  into.settled = std::move(*settled);
  into.stored = true;
  return true;
}

run_ledger::state* run_ledger::load(const run_key& key) {
  rocksdb::PinnableSlice value;
  state found;
  if (std::find(lone_.begin(), lone_.end(), key) != lone_.end()) {
    found.count = 1;
  } else if (db_.get(family::queue, keys::owed(key.id, key.run).view(), value).ok()) {
    found.count = record::count_items(view(value));
  }
  if (found.count == 0 || !read_progress(key, found)) return nullptr;
  latest_ = &*runs_.emplace(key, std::move(found)).first;
  return &latest_->second;
}

run_ledger::state* run_ledger::find(const run_key& key) {
  if (latest_ && latest_->first == key) return &latest_->second;
  if (const auto found = runs_.find(key); found != runs_.end()) {
    latest_ = &*found;
    return &latest_->second;
  }
  return load(key);
}

std::uint32_t run_ledger::settle(session_id id, order_no run, std::uint32_t index,
                                 std::uint32_t count) {
  auto* found = find({id, run});
  if (!found) return 0;
  const auto before = found->settled.count();
  for (; count > 0 && index < found->count; --count, ++index) found->settled.settle(index);
  const auto settled = static_cast<std::uint32_t>(found->settled.count() - before);
  if (settled > 0 && !found->changed) {
    found->changed = true;
    changed_.push_back(latest_);
  }
  return settled;
}

settled_items run_ledger::take(session_id id, order_no run) {
  const run_key key{id, run};
  latest_ = nullptr;
  if (auto node = runs_.extract(key); !node.empty()) return std::move(node.mapped().settled);
  state found;
  (void)read_progress(key, found);
  return std::move(found.settled);
}

void run_ledger::finish(rocksdb::WriteBatch& batch) {
  auto* const queue = db_.handle(family::queue);
  for (auto* entry : changed_) {
    auto& [key, run] = *entry;
    run.changed = false;
    const auto progress = keys::progress(key.id, key.run);
    if (run.settled.count() < run.count) {
      bytes_.clear();
      run.settled.encode(bytes_);
      batch.Put(queue, slice(progress.view()), bytes_);
      run.stored = true;
      continue;
    }
    batch.SingleDelete(queue, slice(keys::owed(key.id, key.run).view()));
    if (run.stored) batch.Delete(queue, slice(progress.view()));
    // After the write it is not found on the disk either.
    if (latest_ == entry) latest_ = nullptr;
    runs_.erase(runs_.find(key));
  }
  changed_.clear();
}

void run_ledger::written(bool ok) {
  lone_.clear();
  if (ok && runs_.size() <= remembered) return;
  runs_.clear();
  latest_ = nullptr;
}

}  // namespace troupe::storage
