#include "storage/replication/shard_view.hpp"

#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"
#include "storage/retained/retained_journal.hpp"

namespace troupe::storage {

shard_part shard_part::at(std::size_t number, std::uint16_t shard) {
  static constexpr family families[count] = {
      family::meta, family::meta,     family::sessions, family::subscriptions, family::qos2,
      family::log,  family::log_refs, family::queue,    family::retained};
  const auto which = families[number];
  if (which != family::meta) return {which, std::string(keys::shard(shard).view())};
  // A session id begins with its shard.
  return {which, meta::of_shard(number == 0 ? meta::gone_session : meta::erased_session, shard)};
}

shard_view::shard_view(const database& of, std::uint16_t shard) : db_(of), at_(of), shard_(shard) {}

std::string shard_view::begin() {
  rocksdb::PinnableSlice value;
  const auto status = get(family::meta, meta::of_shard(meta::shard_state, shard_), value);
  if (status.ok()) {
    const auto found = shard_states::decode(view(value));
    if (!found) return "The state of a shard is damaged or of a newer version.";
    state_ = *found;
  } else if (!status.IsNotFound()) {
    return "The state of a shard cannot be read: " + status.ToString() + ".";
  }
  if (state_.marks.incomplete) return "The shard is not complete.";
  return read_journal();
}

std::string shard_view::read_journal() {
  database::range records(db_, family::retained_journal, {}, {}, at_.get());
  for (; records.valid(); records.next()) {
    std::string_view rest = records.value();
    while (!rest.empty()) {
      const auto item = journal::take(rest);
      if (!item) break;  // what follows a damaged one is lost to a restart as well
      if (item->shard != shard_) continue;
      std::string key(keys::shard(shard_).view());
      if (item->what == journal::kind::erase) {
        journal_.insert_or_assign(key.append(item->bytes), std::nullopt);
        continue;
      }
      const auto message = record::decode_retained(item->bytes);
      if (!message.body) continue;
      journal_.insert_or_assign(key.append(message.body->topic()), std::string(item->bytes));
    }
  }
  return records.status().ok()
             ? std::string{}
             : "The changes of retained messages cannot be read: " + records.status().ToString() +
                   ".";
}

shard_view::progress shard_view::next(const std::function<bool(const row&)>& visit) {
  if (!at_.get()) return progress::failed;
  for (; part_ < shard_part::count; ++part_, from_.clear()) {
    const auto part = shard_part::at(part_, shard_);
    const auto done =
        part.which == family::retained ? visit_retained(part, visit) : visit_part(part, visit);
    if (done != progress::end) return done;
  }
  return progress::end;
}

shard_view::progress shard_view::visit_part(const shard_part& part,
                                            const std::function<bool(const row&)>& visit) {
  const auto begin = from_.empty() ? part.prefix : from_;
  database::range records(db_, part.which, begin, after_prefix(part.prefix), at_.get());
  for (; records.valid(); records.next()) {
    if (visit({part.which, records.key(), records.value()})) continue;
    from_.assign(records.key()).push_back('\0');
    return progress::more;
  }
  return records.status().ok() ? progress::end : progress::failed;
}

shard_view::progress shard_view::visit_retained(const shard_part& part,
                                                const std::function<bool(const row&)>& visit) {
  const auto begin = from_.empty() ? part.prefix : from_;
  database::range table(db_, part.which, begin, after_prefix(part.prefix), at_.get());
  auto change = journal_.lower_bound(begin);
  while (table.valid() || change != journal_.end()) {
    const bool changed =
        change != journal_.end() && (!table.valid() || change->first <= table.key());
    const bool both = changed && table.valid() && change->first == table.key();
    bool enough = false;
    std::string key;
    if (!changed || change->second) {
      key = changed ? change->first : std::string(table.key());
      enough =
          !visit({part.which, key, changed ? std::string_view(*change->second) : table.value()});
    }
    if (changed) ++change;
    if (!changed || both) table.next();
    if (!enough) continue;
    from_ = key.append(1, '\0');
    return progress::more;
  }
  return table.status().ok() ? progress::end : progress::failed;
}

}  // namespace troupe::storage
