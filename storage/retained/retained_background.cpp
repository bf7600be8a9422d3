// What the writer of retained messages does between groups: it loads them into
// memory, folds the journal into the table, and gives memory up.

#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/retained/retained_journal.hpp"
#include "storage/retained/retained_writer.hpp"

#include <algorithm>
#include <utility>

namespace troupe::storage {
namespace {

std::string key_of(std::uint16_t shard, std::string_view topic) {
  return std::string(keys::shard(shard).view()).append(topic);
}

}  // namespace

std::string retained_writer::load() {
  rocksdb::PinnableSlice value;
  const auto status = db_.get(family::meta, meta::retained_count, value);
  if (status.ok()) {
    const auto count = record::decode_number(view(value));
    if (!count) return "The count of retained messages is damaged or of a newer version.";
    count_ = count_after_ = *count;
  } else if (!status.IsNotFound()) {
    return "The count of retained messages cannot be read: " + status.ToString() + ".";
  }
  if (auto error = recover_journal(); !error.empty()) return error;
  set_state(state::loading);
  return {};
}

void retained_writer::set_state(state to) {
  state_ = to;
  if (to == state::complete) return memory_.complete(true);
  unfolded_.clear();
  folding_.clear();
  folded_ = 0;
  journal_first_ = journal_next_;
  journal_bytes_ = fold_bytes_ = 0;
  load_from_.clear();
  memory_.clear();
}

std::string retained_writer::recover_journal() {
  rocksdb::WriteBatch writes;
  auto* const table = db_.handle(family::retained);
  database::range records(db_, family::retained_journal, {}, {});
  for (; records.valid(); records.next()) {
    std::string_view rest = records.value();
    while (!rest.empty()) {
      const auto item = journal::take(rest);
      const auto message = item && item->what == journal::kind::put
                               ? record::decode_retained(item->bytes)
                               : retained_message{};
      if (!item || (item->what == journal::kind::put && !message.body)) {
        if (report_) report_("A change of retained messages cannot be read: it is left out.");
        if (!item) break;
      } else if (message.body) {
        writes.Put(table, slice(key_of(item->shard, message.body->topic())), slice(item->bytes));
      } else {
        writes.Delete(table, slice(key_of(item->shard, item->bytes)));
      }
    }
    writes.Delete(db_.handle(family::retained_journal), slice(records.key()));
    if (records.key().size() == 8) journal_next_ = keys::number_at(records.key(), 0, 8) + 1;
  }
  auto status = records.status();
  if (status.ok() && writes.Count() > 0) status = db_.db().Write(rocksdb::WriteOptions(), &writes);
  if (status.ok()) return {};
  return "The changes of retained messages cannot be taken over: " + status.ToString() + ".";
}

bool retained_writer::work_due() const noexcept {
  switch (state_) {
    case state::loading:
      return true;
    case state::complete:
      return !folding_.empty() || journal_bytes_ > journal_limit_ ||
             memory_.bytes() > memory_limit_;
    case state::table:
      return count() < retry_below_;
  }
  return false;
}

std::string retained_writer::work(std::size_t limit) {
  switch (state_) {
    case state::table:
      if (count() < retry_below_) set_state(state::loading);
      return {};
    case state::loading:
      return load_slice(limit);
    case state::complete:
      if (memory_.bytes() > memory_limit_) return give_up();
      // Faster than what comes, or the journal would grow.
      return fold_slice(std::max(limit, 2 * last_changes_));
  }
  return {};
}

std::string retained_writer::load_slice(std::size_t limit) {
  database::range records(db_, family::retained, load_from_, {});
  for (; records.valid() && limit > 0; records.next(), --limit) {
    if (!load_one(records.key(), records.value())) {
      retry_below_ = 0;  // never again
      set_state(state::table);
      return {};
    }
    load_from_.assign(records.key());
    load_from_.push_back('\0');
  }
  if (!records.status().ok()) {
    return "The retained messages cannot be read: " + records.status().ToString() + ".";
  }
  if (memory_.bytes() > memory_limit_) return give_up();
  if (!records.valid()) set_state(state::complete);
  return {};
}

bool retained_writer::load_one(std::string_view key, std::string_view value) {
  if (key.size() <= 2) return true;
  const auto shard = static_cast<std::uint16_t>(keys::number_at(key, 0, 2));
  auto message = record::decode_retained(value);
  if (!message.body && report_) {
    report_("The retained message of '" + std::string(key.substr(2)) + "' cannot be read.");
  }
  const std::lock_guard lock(memory_.mutex());
  auto& tree = memory_.tree();
  const auto id = tree.add(key.substr(2));
  // A topic has one shard. Where it has not, memory cannot stand for the table.
  if (tree.at(id).held) return false;
  tree.set(id, true, std::move(message), shard);
  tree.at(id).in_table = true;
  return true;
}

std::string retained_writer::fold_slice(std::size_t limit) {
  auto& tree = memory_.tree();
  if (folding_.empty()) {
    folding_.swap(unfolded_);
    folded_ = 0;
    fold_through_ = journal_next_;
    fold_bytes_ = journal_bytes_;
    for (const auto id : folding_) {
      tree.at(id).unfolded = false;
      tree.at(id).folding = true;
    }
  }
  rocksdb::WriteBatch writes;
  std::string bytes;
  const auto end = folded_ + std::min(limit, folding_.size() - folded_);
  for (auto i = folded_; i < end; ++i) {
    const auto& node = tree.at(folding_[i]);
    if (!node.held && !node.in_table) continue;  // came and went
    const auto key = key_of(node.shard, tree.topic(folding_[i]));
    if (node.held && node.kept.body) {
      bytes.clear();
      record::encode(node.kept, bytes);
      writes.Put(db_.handle(family::retained), slice(key), bytes);
    } else {
      writes.Delete(db_.handle(family::retained), slice(key));
    }
  }
  const bool all = end == folding_.size();
  if (all) {
    for (auto number = journal_first_; number < fold_through_; ++number)
      writes.Delete(db_.handle(family::retained_journal), slice(journal::key(number).view()));
  }
  // It repeats what the journal says: no need to wait for the disk.
  const auto status = db_.db().Write(rocksdb::WriteOptions(), &writes);
  if (!status.ok()) return "The store cannot write retained messages: " + status.ToString() + ".";
  const std::lock_guard lock(memory_.mutex());
  for (; folded_ < end; ++folded_) {
    auto& node = tree.at(folding_[folded_]);
    node.folding = false;
    node.in_table = node.held;
    tree.prune(folding_[folded_]);
  }
  if (!all) return {};
  journal_first_ = fold_through_;
  journal_bytes_ -= fold_bytes_;
  folding_.clear();
  return {};
}

std::string retained_writer::fold_all() {
  while (!folding_.empty() || !unfolded_.empty()) {
    if (auto error = fold_slice(SIZE_MAX / 2); !error.empty()) return error;
  }
  return {};
}

std::string retained_writer::give_up() {
  // The table must be all again before a reader relies on it.
  if (auto error = fold_all(); !error.empty()) return error;
  retry_below_ = count() / 2;
  set_state(state::table);
  return {};
}

}  // namespace troupe::storage
