#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/store_reader.hpp"

#include <algorithm>
#include <shared_mutex>

namespace troupe::storage {
namespace {

constexpr std::size_t page_bytes = std::size_t{1} << 20;
constexpr std::size_t id_size = 8;

}  // namespace

directory_page store_reader::read_directory(shard_id shard, std::string_view cursor,
                                            std::uint32_t max_count) const {
  directory_page page;
  const std::shared_lock lock(db_.gate());
  page.failed = !db_.is_open() || number(shard) >= shards_ || marks(shard).incomplete;
  if (page.failed) return page;
  const database::snapshot now(db_);
  page_room room{std::max(max_count, 1U), page_bytes};
  if (keys::is_origin(cursor) || keys::is_choice(cursor)) {
    read_origins(shard, cursor, now, room, page);
    return page;
  }
  const auto prefix = keys::shard(number(shard));
  const auto begin = cursor.empty() ? prefix.view() : cursor.substr(0, id_size);
  database::range sessions(db_, family::sessions, begin, after_prefix(prefix.view()), now.get());
  for (; sessions.valid(); sessions.next()) {
    const auto id = keys::session_of(sessions.key());
    if (!id) continue;
    if (page.sessions.size() >= room.count || room.used >= room.bytes) {
      page.next.assign(sessions.key().substr(0, id_size));
      return page;
    }
    room.used += sessions.value().size();
    auto session = record::decode_session(*id, sessions.value());
    if (!session) {
      report("The record", *id);
      ++page.damaged;
      continue;
    }
    page.sessions.push_back({std::move(*session), {}, false});
    // Of a session that is gone the cursor means nothing.
    const bool same = cursor.size() > id_size && sessions.key() == cursor.substr(0, id_size);
    if (!read_subscriptions(*id, same ? cursor : sessions.key(), now, room, page)) return page;
  }
  page.failed = !sessions.status().ok();
  if (page.failed) return page;
  if (page.sessions.size() < room.count)
    read_origins(shard, {}, now, room, page);
  else
    page.next.assign(keys::origin(number(shard), 0, 0).view());
  return page;
}

void store_reader::read_origins(shard_id shard, std::string_view from,
                                const database::snapshot& now, page_room& room,
                                directory_page& page) const {
  const auto first = keys::session(session_id{std::uint64_t{number(shard)} << 48});
  const auto end = keys::session(session_id{(std::uint64_t{number(shard)} << 48) + 1});
  database::range records(db_, family::qos2, from.empty() ? first.view() : from, end.view(),
                          now.get());
  for (; records.valid(); records.next()) {
    const auto key = records.key();
    const bool choice = keys::is_choice(key);
    if (!choice && !keys::is_origin(key)) continue;
    const bool none = page.sessions.empty() && page.origins.empty() && page.choices.empty();
    if (room.used >= room.bytes && !none) {
      page.next.assign(key);
      return;
    }
    room.used += key.size() + records.value().size();
    const session_id publisher(keys::number_at(key, choice ? 9 : 11, 8));
    if (choice) {
      const auto of = keys::origin_at(key, 17);
      if (auto record = record::decode_choice(publisher, of, records.value())) {
        page.choices.push_back(std::move(*record));
      } else {
        report("A choice", publisher);
        ++page.damaged;
      }
      continue;
    }
    const auto topics =
        static_cast<shard_id>(static_cast<std::uint16_t>(keys::number_at(key, 9, 2)));
    if (auto record = record::decode_origin(publisher, topics, records.value())) {
      page.origins.push_back(*record);
    } else {
      report("An origin", publisher);
      ++page.damaged;
    }
  }
  page.failed = !records.status().ok();
}

bool store_reader::read_subscriptions(session_id id, std::string_view from,
                                      const database::snapshot& now, page_room& room,
                                      directory_page& page) const {
  auto& entry = page.sessions.back();
  const auto end = keys::session(session_id{id.value + 1});
  database::range records(db_, family::subscriptions, from, end.view(), now.get());
  for (; records.valid(); records.next()) {
    if (room.used >= room.bytes && !entry.subscriptions.empty()) {
      entry.goes_on = true;
      page.next.assign(records.key());
      return false;
    }
    const auto filter = records.key().substr(id_size);
    room.used += filter.size() + records.value().size() + sizeof(subscription_record);
    if (auto record = record::decode_subscription(filter, records.value())) {
      entry.subscriptions.push_back(std::move(*record));
    } else {
      report("A subscription", id);
      ++page.damaged;
    }
  }
  page.failed = page.failed || !records.status().ok();
  return !page.failed;
}

}  // namespace troupe::storage
