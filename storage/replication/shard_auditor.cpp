#include "storage/replication/shard_auditor.hpp"

#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"
#include "storage/records/run_codec.hpp"

namespace troupe::storage {
namespace {

constexpr std::size_t slice_bytes = std::size_t{1} << 20;

/// Different for each place, so that sums over places tell them apart.
std::uint64_t weight(std::uint64_t offset) {
  return checksum().add(offset).value();
}

}  // namespace

shard_auditor::shard_auditor(const database& db, std::uint16_t shard, std::shared_ptr<void> place)
    : place_(std::move(place)), view_(db, shard) {}

bool shard_auditor::go_on() {
  if (!begun_) {
    begun_ = true;
    result_.failed = !view_.begin().empty();
    result_.marks = view_.state().marks;
  }
  if (result_.failed) return true;
  std::size_t bytes = 0;
  const auto progress = view_.next([&](const shard_view::row& row) {
    add(row);
    bytes += row.key.size() + row.value.size();
    return bytes < slice_bytes;
  });
  result_.failed = progress == shard_view::progress::failed;
  if (progress == shard_view::progress::more) return false;
  finish_run();
  const auto& m = result_.marks;
  sum_.add(m.next_order).add(m.next_offset).add(m.next_session_count).add(result_.retained);
  result_.content = sum_.value();
  result_.bodies_agree = balance_ == 0;
  return true;
}

bool shard_auditor::erased(std::string_view key) const {
  const auto id = keys::session_of(key);
  return id && unswept_.contains(*id);
}

void shard_auditor::add(const shard_view::row& row) {
  switch (row.which) {
    case family::meta:
      if (row.key.substr(0, meta::erased_session.size()) != meta::erased_session) break;
      if (const auto id = keys::session_of(row.key.substr(meta::erased_session.size())))
        unswept_.insert(*id);
      return;
    case family::log:
      if (row.key.size() == 10) balance_ += weight(keys::number_at(row.key, 2, 8));
      return;
    case family::log_refs:
      // A body without such a record is owed once.
      if (const auto left = record::decode_number(row.value); left && row.key.size() == 10)
        balance_ += (*left - 1) * weight(keys::number_at(row.key, 2, 8));
      return;
    case family::queue:
      return add_run(row.key, row.value);
    case family::retained:
      return add_retained(row);
    case family::sessions:
    case family::subscriptions:
    case family::qos2:
    case family::retained_journal:
      break;
  }
  if (row.which != family::meta && erased(row.key)) return;
  if (row.which == family::sessions) ++result_.sessions;
  sum_.add_text(row.key).add_text(row.value);
}

void shard_auditor::add_run(std::string_view key, std::string_view value) {
  if (keys::is_progress(key)) {
    auto settled = settled_items::decode(value);
    if (settled && key.substr(0, 16) == run_key_) settled_ = std::move(*settled);
    return;
  }
  finish_run();
  run_key_ = key;
  run_ = value;
  settled_ = {};
}

void shard_auditor::finish_run() {
  if (run_key_.size() != 16) return;
  const bool counts = !erased(run_key_);
  const auto first = keys::number_at(run_key_, 8, 8);
  record::run_reader items(run_);
  record::run_item item;
  rocksdb::PinnableSlice body;
  for (std::uint64_t index = 0; items.next(item); ++index) {
    if (settled_.contains(index)) continue;
    const bool inside = item.where == body_place::inside;
    if (!inside) balance_ -= weight(item.at.offset);
    if (!counts) continue;
    ++result_.messages;
    sum_.add(keys::number_at(run_key_, 0, 8)).add(first + index);
    sum_.add(static_cast<std::uint64_t>(item.where)).add(inside ? 0 : item.at.offset);
    const auto& terms = item.terms;
    sum_.add(static_cast<std::uint64_t>(terms.level)).add(terms.retain ? 1 : 0).add(terms.size);
    sum_.add(terms.subscription_ids.size());
    for (const auto id : terms.subscription_ids) sum_.add(id);
    sum_.add_text(terms.share);
    if (inside) {
      sum_.add_text(item.body);
      if (!item.head.empty()) sum_.add_text(item.head);
    } else if (view_
                   .get(family::log, keys::body(number(item.at.shard), item.at.offset).view(), body)
                   .ok()) {
      sum_.add_text(view(body));
    }
  }
  run_key_.clear();
}

void shard_auditor::add_retained(const shard_view::row& row) {
  ++result_.retained;
  const auto message = record::decode_retained(row.value);
  std::string bytes;
  if (message.body) record::encode(message, bytes);
  sum_.add_text(row.key).add_text(message.body ? std::string_view(bytes) : row.value);
}

}  // namespace troupe::storage
