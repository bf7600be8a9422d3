#include "storage/retained/retained_writer.hpp"

#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/retained/retained_journal.hpp"

#include <algorithm>
#include <utility>

namespace troupe::storage {
namespace {

/// A group of so few changes goes to the table at once, if nothing is in the
/// journal: little is saved, and no work is left for later.
constexpr std::size_t few_changes = 8;

std::string key_of(std::uint16_t shard, std::string_view topic) {
  std::string key;
  key.reserve(2 + topic.size());
  key.append(keys::shard(shard).view());
  key.append(topic);
  return key;
}

}  // namespace

retained_writer::retained_writer(const database& db, rocksdb::WriteBatch& batch,
                                 const store_options& options)
    : db_(db),
      batch_(batch),
      report_(options.report),
      memory_limit_(options.retained_memory),
      journal_limit_(options.retained_journal) {}

bool retained_writer::admit(const write_operation& op) {
  const auto have = of_shard_.empty() ? count_after_ : of_shard_[op.shard];
  if (op.number != 0 && have >= op.number) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  ++count_after_;
  if (!of_shard_.empty()) ++of_shard_[op.shard];
  return true;
}

void retained_writer::one_less(const write_operation& op) {
  if (count_after_ > 0) --count_after_;
  if (!of_shard_.empty() && of_shard_[op.shard] > 0) --of_shard_[op.shard];
}

void retained_writer::replaced(std::uint16_t shard, std::uint64_t count) {
  count_after_ -= std::min(count_after_, of_shard_[shard]);
  count_after_ += count;
  of_shard_[shard] = count;
}

void retained_writer::put(const write_operation& op, const retained_message& message,
                          std::string_view record) {
  if (state_ == state::complete) {
    put_to_memory(op, message, record);
  } else {
    put_to_table(op, message, record);
  }
}

void retained_writer::erase(const write_operation& op, std::string_view topic) {
  if (state_ == state::complete) {
    erase_from_memory(op, topic);
  } else {
    erase_from_table(op, topic);
  }
}

void retained_writer::put_to_memory(const write_operation& op, const retained_message& message,
                                    std::string_view record) {
  const std::lock_guard lock(memory_.mutex());
  auto& tree = memory_.tree();
  const auto id = tree.add(message.body->topic());
  auto& node = tree.at(id);
  if (!(node.in_batch ? node.held_after : node.held) && !admit(op)) return tree.prune(id);
  journal::append(journal::kind::put, op.shard, record, journal_);
  add_change(id, message, op.shard);
  changes_.back().record_size = static_cast<std::uint32_t>(record.size());
}

void retained_writer::erase_from_memory(const write_operation& op, std::string_view topic) {
  const std::lock_guard lock(memory_.mutex());
  auto& tree = memory_.tree();
  const auto id = tree.find(topic);
  if (id == retained_tree::none) return;
  const auto& node = tree.at(id);
  if (!(node.in_batch ? node.held_after : node.held)) return;
  if (op.kind == write_kind::expire_retained) {
    const auto expiry = expiry_of(id);
    if (expiry == 0 || static_cast<std::int64_t>(op.number) < expiry) return;
  }
  one_less(op);
  journal::append(journal::kind::erase, op.shard, topic, journal_);
  add_change(id, {}, op.shard);
}

/// Of the message that a node has after what is in the batch; 0: never.
std::int64_t retained_writer::expiry_of(node_id id) const {
  const auto& node = memory_.tree().at(id);
  const auto* message = &node.kept;
  if (node.in_batch) {
    const auto last = std::find_if(changes_.rbegin(), changes_.rend(),
                                   [id](const change& each) { return each.node == id; });
    if (last == changes_.rend()) return 0;
    message = &last->message;
  }
  return message->body ? message->body->expires_at() : 0;
}

void retained_writer::add_change(node_id id, retained_message message, std::uint16_t shard) {
  auto& node = memory_.tree().at(id);
  node.in_batch = true;
  node.held_after = message.body != nullptr;
  changes_.push_back({id, std::move(message), shard, journal_.size(), 0});
}

bool retained_writer::held_in_table(const std::string& key) const {
  if (const auto found = in_batch_.find(key); found != in_batch_.end())
    return found->second.held;
  rocksdb::PinnableSlice value;
  return db_.get(family::retained, key, value).ok();
}

void retained_writer::put_to_table(const write_operation& op, const retained_message& message,
                                   std::string_view record) {
  auto key = key_of(op.shard, message.body->topic());
  if (!held_in_table(key) && !admit(op)) return;
  batch_.Put(db_.handle(family::retained), slice(key), slice(record));
  mirror(key, message.body->topic(), message, op.shard);
  in_batch_.insert_or_assign(std::move(key), table_change{true, message.body->expires_at()});
}

void retained_writer::erase_from_table(const write_operation& op, std::string_view topic) {
  auto key = key_of(op.shard, topic);
  if (!held_in_table(key)) return;
  if (op.kind == write_kind::expire_retained) {
    std::optional<std::int64_t> expiry;
    rocksdb::PinnableSlice value;
    if (const auto changed = in_batch_.find(key); changed != in_batch_.end()) {
      expiry = changed->second.expires_at;
    } else if (db_.get(family::retained, key, value).ok()) {
      expiry = record::decode_expiry(view(value));
    }
    if (!expiry || *expiry == 0 || static_cast<std::int64_t>(op.number) < *expiry) return;
  }
  one_less(op);
  batch_.Delete(db_.handle(family::retained), slice(key));
  mirror(key, topic, {}, op.shard);
  in_batch_.insert_or_assign(std::move(key), table_change{});
}

void retained_writer::mirror(const std::string& key, std::string_view topic,
                             retained_message message, std::uint16_t shard) {
  // What has not been loaded yet will be, as it stands in the table then.
  if (state_ != state::loading || key >= load_from_) return;
  add_change(memory_.tree().add(topic), std::move(message), shard);
}

void retained_writer::finish() {
  journaled_ = state_ == state::complete && !changes_.empty() &&
               (changes_.size() > few_changes || journal_next_ != journal_first_);
  if (journaled_) {
    batch_.Put(db_.handle(family::retained_journal), slice(journal::key(journal_next_).view()),
               slice(journal_));
  } else if (state_ == state::complete) {
    for (const auto& each : changes_) write_change(each);
  }
  if (count_after_ == count()) return;
  std::string bytes;
  record::encode_number(count_after_, bytes);
  batch_.Put(db_.handle(family::meta), slice(meta::retained_count), bytes);
}

void retained_writer::write_change(const change& from) {
  auto* const table = db_.handle(family::retained);
  if (!from.message.body) {
    const auto key = key_of(from.shard, memory_.tree().topic(from.node));
    batch_.Delete(table, slice(key));
    return;
  }
  const auto record =
      std::string_view(journal_).substr(from.record_end - from.record_size, from.record_size);
  batch_.Put(table, slice(key_of(from.shard, from.message.body->topic())), slice(record));
}

void retained_writer::written(bool ok) {
  if (!changes_.empty()) {
    const std::lock_guard lock(memory_.mutex());
    auto& tree = memory_.tree();
    for (auto& each : changes_) {
      auto& node = tree.at(each.node);
      node.in_batch = false;
      if (!ok) continue;
      const bool held = each.message.body != nullptr;
      tree.set(each.node, held, std::move(each.message), each.shard);
      if (!journaled_) node.in_table = held;
      if (!journaled_ || node.unfolded) continue;
      node.unfolded = true;
      unfolded_.push_back(each.node);
    }
    for (const auto& each : changes_) tree.prune(each.node);
  }
  if (ok && journaled_) {
    ++journal_next_;
    journal_bytes_ += journal_.size();
  }
  last_changes_ = changes_.size();
  changes_.clear();
  journal_.clear();
  in_batch_.clear();
  journaled_ = false;
  if (ok) {
    count_.store(count_after_, std::memory_order_relaxed);
  } else {
    count_after_ = count();
  }
}

}  // namespace troupe::storage
