#include "storage/records/body_counts.hpp"

#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"

namespace troupe::storage {
namespace {

constexpr std::size_t remembered = 16384;

}  // namespace

void body_counts::change(const log_position& at, count& entry, std::uint32_t left) {
  entry.left = left;
  if (entry.changed) return;
  entry.changed = true;
  changed_.push_back(at);
}

void body_counts::set(const log_position& at, std::uint32_t receivers) {
  change(at, recent_[at], receivers);
}

bool body_counts::release(const log_position& at) {
  if (const auto found = recent_.find(at); found != recent_.end()) {
    change(at, found->second, found->second.left > 0 ? found->second.left - 1 : 0);
    return true;
  }
  rocksdb::PinnableSlice value;
  const auto status =
      db_.get(family::log_refs, keys::body(number(at.shard), at.offset).view(), value);
  std::uint64_t left = 1;  // no count is kept for a single receiver
  if (status.ok()) {
    const auto stored = record::decode_number(view(value));
    if (!stored) return false;
    left = *stored;
  } else if (!status.IsNotFound()) {
    return false;
  }
  change(at, recent_[at], left > 0 ? static_cast<std::uint32_t>(left - 1) : 0);
  return true;
}

void body_counts::finish(rocksdb::WriteBatch& batch) {
  std::string bytes;
  for (const auto& at : changed_) {
    auto& entry = recent_[at];
    entry.changed = false;
    const auto key = keys::body(number(at.shard), at.offset);
    if (entry.left > 0) {
      bytes.clear();
      record::encode_number(entry.left, bytes);
      batch.Put(db_.handle(family::log_refs), slice(key.view()), bytes);
    } else {
      batch.Delete(db_.handle(family::log_refs), slice(key.view()));
      batch.SingleDelete(db_.handle(family::log), slice(key.view()));
      recent_.erase(at);
    }
  }
  changed_.clear();
}

void body_counts::written(bool ok) {
  if (!ok || recent_.size() > remembered) recent_.clear();
}

}  // namespace troupe::storage
