#include "storage/replication/shard_states.hpp"

#include "storage/records/meta_keys.hpp"
#include "storage/records/wire_format.hpp"

#include <algorithm>

namespace troupe::storage {
namespace {

constexpr std::uint64_t state_version = 1;

/// Fields of stored.shard_state_record.
enum field : std::uint32_t {
  version = 1,
  index_of = 2,
  term_of = 3,
  next_order = 4,
  next_offset = 5,
  next_session_count = 6,
  retained = 7,
  incomplete = 8,
};

}  // namespace

void shard_states::encode(const state& from, std::string& out) {
  const auto& m = from.marks;
  const std::uint64_t values[] = {state_version, m.index,
                                  m.term,        m.next_order,
                                  m.next_offset, m.next_session_count,
                                  from.retained, m.incomplete ? 1U : 0U};
  char bytes[8 * 11];
  char* at = bytes;
  std::uint32_t number = 0;
  for (const auto value : values) at = wire::put_number(at, ++number, value);
  out.append(bytes, static_cast<std::size_t>(at - bytes));
}

std::optional<shard_states::state> shard_states::decode(std::string_view bytes) {
  state out;
  auto& m = out.marks;
  std::uint64_t found = 0;
  wire::fields fields(bytes);
  while (fields.next()) {
    if (fields.kind() != wire::type::varint) continue;
    const auto value = fields.value();
    switch (fields.number()) {
      case version:
        found = value;
        break;
      case index_of:
        m.index = value;
        break;
      case term_of:
        m.term = value;
        break;
      case next_order:
        m.next_order = value;
        break;
      case next_offset:
        m.next_offset = value;
        break;
      case next_session_count:
        m.next_session_count = value;
        break;
      case retained:
        out.retained = value;
        break;
      case incomplete:
        m.incomplete = value != 0;
        break;
      default:
        break;
    }
  }
  if (fields.damaged() || found == 0 || found > state_version) return std::nullopt;
  return out;
}

std::string shard_states::load(const database& from, const high_water_marks& before) {
  changed_.clear();
  for (std::uint16_t shard = 0; shard < count(); ++shard) {
    if (auto error = load_one(from, before, shard); !error.empty()) return error;
    states_[shard].changed = false;
  }
  const std::lock_guard lock(mutex_);
  for (std::uint16_t shard = 0; shard < count(); ++shard)
    published_[shard] = states_[shard].now.marks;
  return {};
}

std::string shard_states::load_one(const database& from, const high_water_marks& before,
                                   std::uint16_t shard) {
  auto& now = states_[shard].now;
  rocksdb::PinnableSlice value;
  const auto status = from.get(family::meta, meta::of_shard(meta::shard_state, shard), value);
  if (status.ok()) {
    const auto found = decode(view(value));
    if (!found) {
      return "The state of shard " + std::to_string(shard) + " is damaged or of a newer version.";
    }
    now = *found;
    return {};
  }
  if (!status.IsNotFound()) {
    return "The state of shard " + std::to_string(shard) + " cannot be read: " + status.ToString() +
           ".";
  }
  now = {};
  now.marks.next_order = before.last_order() + 1;
  now.marks.next_offset = before.next_offset(shard);
  now.marks.next_session_count = before.next_session_count(shard);
  const auto prefix = keys::shard(shard);
  database::range kept(from, family::retained, prefix.view(), after_prefix(prefix.view()));
  for (; kept.valid(); kept.next()) ++now.retained;
  return kept.status().ok() ? std::string{}
                            : "The retained messages of shard " + std::to_string(shard) +
                                  " cannot be read: " + kept.status().ToString() + ".";
}

shard_states::state& shard_states::change(std::uint16_t shard) {
  auto& one = states_[shard];
  if (!one.changed) {
    one.changed = true;
    changed_.push_back(shard);
  }
  return one.now;
}

bool shard_states::admits(const entry_head& head, std::string& refused) {
  auto& one = states_[head.shard];
  if (one.now.marks.incomplete) {
    refused = "Shard " + std::to_string(head.shard) + " of the store is not complete.";
    return false;
  }
  if (one.refused_from <= one.now.marks.index || head.index <= one.refused_from) {
    one.refused_from = 0;
    return true;
  }
  refused =
      "An entry before it in the log of shard " + std::to_string(head.shard) + " was not written.";
  return false;
}

void shard_states::refuse(const entry_head& head) {
  if (head.task != shard_task::none) return;
  auto& from = states_[head.shard].refused_from;
  from = from == 0 ? head.index : std::min(from, head.index);
}

void shard_states::saw_offset(std::uint16_t shard, std::uint64_t offset) {
  auto& marks = states_[shard].now.marks;
  marks.next_offset = std::max(marks.next_offset, offset + 1);
}

void shard_states::saw_session(session_id id) {
  auto& marks = states_[number(id.shard())].now.marks;
  marks.next_session_count = std::max(marks.next_session_count, id.count() + 1);
}

void shard_states::finish(const database& db, rocksdb::WriteBatch& batch) {
  std::string bytes;
  for (const auto shard : changed_) {
    bytes.clear();
    encode(states_[shard].now, bytes);
    batch.Put(db.handle(family::meta), slice(meta::of_shard(meta::shard_state, shard)), bytes);
  }
}

void shard_states::written(bool ok) {
  if (changed_.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const auto shard : changed_) {
    states_[shard].changed = false;
    if (ok) published_[shard] = states_[shard].now.marks;
  }
  changed_.clear();
}

shard_marks shard_states::published(std::uint16_t shard) const {
  if (shard >= count()) return {};
  const std::lock_guard lock(mutex_);
  return published_[shard];
}

}  // namespace troupe::storage
