#include "storage/store_reader.hpp"

#include "storage/records/meta_keys.hpp"
#include "storage/records/queue_scan.hpp"
#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/records/run_codec.hpp"

#include <algorithm>
#include <shared_mutex>
#include <stdexcept>

namespace troupe::storage {
namespace {

std::string after(session_id id) {
  return std::string(keys::session(session_id{id.value + 1}).view());
}

}  // namespace

store_reader::store_reader(const database& db, const store_writer& writer, std::uint16_t shards,
                           std::function<shard_id(std::string_view)> shard_of,
                           std::function<void(std::string_view)> report)
    : db_(db),
      writer_(writer),
      shards_(shards),
      shard_of_(std::move(shard_of)),
      report_(std::move(report)) {}

void store_reader::report(std::string_view what, session_id id) const {
  if (!report_) return;
  report_(std::string(what) + " of session " + std::to_string(id.value) +
          " in the store cannot be read: it is left out.");
}

rocksdb::Status store_reader::read_body(const log_position& at, mqtt::message_ptr& body) const {
  rocksdb::PinnableSlice value;
  const auto status = db_.get(family::log, keys::body(number(at.shard), at.offset).view(), value);
  if (status.ok()) body = record::decode_message(view(value));
  return status;
}

owed_page store_reader::read_owed(session_id id, order_no after_order, std::uint32_t max_count,
                                  std::uint64_t max_bytes) const {
  owed_page page;
  const std::shared_lock lock(db_.gate());
  if (!db_.is_open()) {
    page.end = false;
    page.failed = true;
    return page;
  }
  // Before the scan is made: it sees at least what this names.
  page.through = writer_.last_order(id);
  if (after_order == UINT64_MAX) return page;
  page_room room{std::max(max_count, 1U), max_bytes};
  queue_scan scan(db_, id, after_order + 1);
  while (scan.next()) {
    if (scan.progress_damaged()) report("What is settled of the queue", id);
    if (!read_run(scan, id, after_order, room, page)) return page;
  }
  if (!scan.status().ok()) {
    report("The queue", id);
    page.end = false;
    page.failed = true;
  }
  return page;
}

bool store_reader::read_run(const queue_scan& scan, session_id id, order_no after_order,
                            page_room& room, owed_page& page) const {
  record::run_reader items(scan.run());
  record::run_item item;
  for (std::uint16_t index = 0; items.next(item); ++index) {
    const auto order = scan.first() + index;
    if (order <= after_order || scan.settled().contains(index)) continue;
    if (page.messages.size() >= room.count || (!page.messages.empty() && room.used >= room.bytes)) {
      page.end = false;
      return false;
    }
    page.through = std::max(page.through, order);
    mqtt::message_ptr body;
    if (item.where == body_place::inside) {
      body = record::body_of(item);
    } else if (const auto status = read_body(item.at, body);
               !status.ok() && !status.IsNotFound() && !status.IsCorruption()) {
      report("A message for the queue", id);
      page.end = false;
      page.failed = true;
      return false;
    }
    if (!body) {
      // Settled while this page was being read, or damaged.
      if (is_owed(id, scan.first(), index)) report("A queue entry", id);
      continue;
    }
    room.used += body->footprint();
    const bool lone = index == 0 && items.at_end() && item.where != body_place::shared;
    const auto& terms = item.terms;
    page.messages.push_back({{order, item.at.offset, item.at.shard, index, item.where, lone},
                             {terms.level,
                              terms.retain,
                              {terms.subscription_ids.begin(), terms.subscription_ids.end()},
                              std::string(terms.share),
                              terms.size},
                             std::move(body)});
  }
  if (items.damaged()) report("A queue entry", id);
  return true;
}

bool store_reader::is_owed(session_id id, order_no run, std::uint16_t index) const {
  queue_scan scan(db_, id, run);
  return scan.next() && scan.first() == run && !scan.settled().contains(index);
}

session_contents store_reader::read_contents(session_id id, order_no through) const {
  session_contents contents;
  const std::shared_lock lock(db_.gate());
  contents.failed = !db_.is_open();
  if (contents.failed) return contents;
  contents.failed = !read_qos2(id, contents);
  queue_scan scan(db_, id, 0);
  while (scan.next() && scan.first() <= through) {
    record::run_reader items(scan.run());
    record::run_item item;
    for (std::size_t index = 0; items.next(item); ++index) {
      if (scan.settled().contains(index) || scan.first() + index > through) continue;
      ++contents.queued;
      contents.queued_bytes += item.terms.size;
    }
    // A damaged one is reported when the queue is read.
  }
  if (!scan.status().ok()) contents.failed = true;
  if (contents.failed) report("The state", id);
  return contents;
}

bool store_reader::read_qos2(session_id id, session_contents& into) const {
  const auto first = keys::session(id);
  database::range records(db_, family::qos2, first.view(), after(id));
  for (; records.valid(); records.next()) {
    const auto key = records.key();
    if (key.size() != 11) continue;
    const auto packet = static_cast<mqtt::packet_id>(keys::number_at(key, 9, 2));
    if (key[8] == static_cast<char>(keys::direction::received)) {
      if (const auto received = record::decode_received(packet, records.value()))
        into.received.push_back(*received);
      else
        report("A QoS 2 record", id);
    } else if (const auto outgoing = record::decode_outgoing(packet, records.value())) {
      into.outgoing.push_back(*outgoing);
    } else {
      report("A QoS 2 record", id);
    }
  }
  return records.status().ok();
}

std::optional<owed_message> store_reader::read_one(session_id id, order_no order) const {
  if (order == 0) return std::nullopt;
  auto page = read_owed(id, order - 1, 1, 0);
  if (page.messages.empty() || page.messages.front().place.order != order) return std::nullopt;
  return std::move(page.messages.front());
}

void store_reader::refuse(std::string_view what, const std::string& detail) const {
  throw std::runtime_error("A " + std::string(what) + " in the store " + db_.db().GetName() +
                           " cannot be read (" + detail +
                           "): it is damaged or was written by a newer version. Nothing was "
                           "deleted: start the version that wrote it, or restore the directory "
                           "from a backup.");
}

void store_reader::each_session(shard_id shard,
                                const std::function<void(session_record)>& visit) const {
  const auto prefix = keys::shard(number(shard));
  database::range records(db_, family::sessions, prefix.view(), after_prefix(prefix.view()));
  for (; records.valid(); records.next()) {
    const auto id = keys::session_of(records.key());
    auto record = id ? record::decode_session(*id, records.value()) : std::nullopt;
    if (!record) refuse("session", "record of shard " + std::to_string(number(shard)));
    visit(std::move(*record));
  }
  if (!records.status().ok()) refuse("session", records.status().ToString());
}

void store_reader::each_subscription(
    shard_id shard, const std::function<void(session_id, subscription_record)>& visit) const {
  const auto prefix = keys::shard(number(shard));
  database::range records(db_, family::subscriptions, prefix.view(), after_prefix(prefix.view()));
  session_id current;
  bool alive = false;  // false: erased, and not yet swept
  for (; records.valid(); records.next()) {
    const auto id = keys::session_of(records.key());
    if (!id) refuse("subscription", "record of shard " + std::to_string(number(shard)));
    if (*id != current) {
      rocksdb::PinnableSlice tombstone;
      alive = db_.get(family::meta, meta::erased(*id), tombstone).IsNotFound();
      current = *id;
    }
    if (!alive) continue;
    auto record = record::decode_subscription(records.key().substr(8), records.value());
    if (!record) refuse("subscription", "record of shard " + std::to_string(number(shard)));
    visit(*id, std::move(*record));
  }
  if (!records.status().ok()) refuse("subscription", records.status().ToString());
}

}  // namespace troupe::storage
