#include "storage/store_writer.hpp"

#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/records/run_codec.hpp"

#include <algorithm>

namespace troupe::storage {
namespace {

constexpr std::size_t kept_batch_bytes = std::size_t{8} << 20;

session_id after(session_id id) {
  return session_id{id.value + 1};
}

}  // namespace

store_writer::store_writer(const database& db, const store_options& options)
    : db_(db),
      report_(options.report),
      marks_(options.shards),
      counts_(db),
      runs_(db),
      erased_(!options.replicated),
      replicated_(options.replicated),
      states_(options.replicated ? options.shards : std::uint16_t{0}),
      gone_(options.replicated ? options.shards : std::uint16_t{0}),
      retained_(db, batch_, options) {}

std::string store_writer::load() {
  if (auto error = marks_.load(db_); !error.empty()) return error;
  last_order_ = order_at_open_ = marks_.last_order();
  auto error = reload();
  return error.empty() && replicated_ ? empty_incomplete() : error;
}

std::string store_writer::reload() {
  if (auto error = retained_.load(); !error.empty()) return error;
  return replicated_ ? load_shards() : load_erased();
}

std::string store_writer::load_shards() {
  if (auto error = states_.load(db_, marks_); !error.empty()) return error;
  std::vector<std::uint64_t> retained;
  for (std::uint16_t shard = 0; shard < states_.count(); ++shard)
    retained.push_back(states_.of(shard).retained);
  retained_.counts_of_shards(std::move(retained));
  erased_ = erased_sessions(false);
  sweep_from_.clear();
  auto error = gone_.load(db_, [this](session_id id) { erased_.load_remembered(id); });
  return error.empty() ? load_erased() : error;
}

std::string store_writer::load_erased() {
  database::range erased(db_, family::meta, meta::erased_session,
                         after_prefix(meta::erased_session));
  for (; erased.valid(); erased.next()) {
    if (const auto id = keys::session_of(erased.key().substr(meta::erased_session.size()))) {
      erased_.load(*id);
      if (replicated_) gone_.unclean(*id);
    }
  }
  return erased.status().ok()
             ? std::string{}
             : "The erased sessions cannot be read: " + erased.status().ToString() + ".";
}

order_no store_writer::apply(const write_operations& from) {
  apply_list(from);
  std::uint64_t owed = 0;
  for (const auto& run : from.runs) owed += run.count;
  const auto first = marks_.take_orders(owed, db_, batch_);
  apply_runs(from, first);
  return first;
}

order_no store_writer::apply_entry(const write_operations& from, std::string& refused) {
  const auto& head = *from.entry;
  const auto shard = static_cast<std::uint16_t>(head.shard);
  if (head.index <= states_.of(shard).marks.index) return head.first_order;
  if (!states_.admits(head, refused)) return 0;
  auto& state = states_.change(shard);
  state.marks.index = head.index;
  state.marks.term = head.term;
  gone_.trim(shard, db_, batch_, [this](session_id id) { erased_.forget(id); });
  const auto first = head.first_order != 0 ? head.first_order : state.marks.next_order;
  if (first < state.marks.next_order) {
    refused = "Order numbers of shard " + std::to_string(shard) + " were given before.";
    return 0;
  }
  apply_list(from);
  std::uint64_t owed = 0;
  for (const auto& run : from.runs) {
    owed += run.count;
    if (run.count == 1 && !run.counted) runs_.begun_lone(run.to, first + owed - 1);
  }
  apply_runs(from, first);
  if (owed > 0) state.marks.next_order = first + owed;
  state.retained = retained_.count_of(shard);
  return first;
}

void store_writer::apply_list(const write_operations& from) {
  const std::string_view bytes = from.bytes;
  for (const auto& operation : from.list) {
    const auto name = bytes.substr(operation.at, operation.name_size);
    const auto value = bytes.substr(operation.at + operation.name_size, operation.value_size);
    if (operation.kind == write_kind::put_retained) {
      retained_.put(operation, from.retained[operation.offset], value);
    } else {
      apply_one(operation, name, value);
    }
  }
}

void store_writer::apply_runs(const write_operations& from, order_no first) {
  for (const auto& run : from.runs) {
    owe(run, first, from);
    first += run.count;
  }
}

void store_writer::apply_one(const write_operation& op, std::string_view name,
                             std::string_view value) {
  using enum write_kind;
  const auto packet = static_cast<mqtt::packet_id>(op.number);
  switch (op.kind) {
    case append:
      return this->append(op, value);
    case settle:
      return this->settle(op);
    case erase_retained:
    case expire_retained:
      return retained_.erase(op, name);
    case erase_session:
      return this->erase_session(op.session);
    case put_origin:
      return put(family::qos2, keys::origin(op.shard, op.index, op.number).view(), value);
    case erase_origin:
      return erase(family::qos2, keys::origin(op.shard, op.index, op.number).view());
    case put_choice:
      return put(family::qos2, keys::choice(op.shard, op.number, name).view(), value);
    case erase_choice:
      return erase(family::qos2, keys::choice(op.shard, op.number, name).view());
    default:
      break;
  }
  if (erased_.contains(op.session)) return;
  switch (op.kind) {
    case put_session:
      if (replicated_) {
        states_.saw_session(op.session);
      } else {
        marks_.saw_session(op.session, db_, batch_);
      }
      return put(family::sessions, keys::session(op.session).view(), value);
    case put_subscription:
    case erase_subscription: {
      std::string key(keys::session(op.session).view());
      key.append(name);
      return op.kind == put_subscription ? put(family::subscriptions, key, value)
                                         : erase(family::subscriptions, key);
    }
    case put_received:
      return put(family::qos2, keys::qos2(op.session, keys::direction::received, packet).view(),
                 value);
    case erase_received:
      return erase(family::qos2, keys::qos2(op.session, keys::direction::received, packet).view());
    case put_outgoing:
      return put(family::qos2, keys::qos2(op.session, keys::direction::outgoing, packet).view(),
                 value);
    case erase_outgoing:
      return erase(family::qos2, keys::qos2(op.session, keys::direction::outgoing, packet).view());
    default:
      return;
  }
}

void store_writer::append(const write_operation& op, std::string_view value) {
  if (op.count == 0) return;
  if (replicated_) {
    states_.saw_offset(op.shard, op.offset);
  } else {
    marks_.saw_offset(op.shard, op.offset, db_, batch_);
  }
  put(family::log, keys::body(op.shard, op.offset).view(), value);
  if (op.count > 1) counts_.set({static_cast<shard_id>(op.shard), op.offset}, op.count);
}

void store_writer::owe(const owed_run& run, order_no first, const write_operations& from) {
  parts_.clear();
  for (auto at = run.first_piece; at != run_piece::none; at = from.pieces[at].next) {
    const auto& piece = from.pieces[at];
    parts_.emplace_back(from.bytes.data() + piece.at, piece.size);
  }
  if (erased_.contains(run.to)) {
    std::string value;
    for (const auto& part : parts_) value.append(part.data(), part.size());
    release_unsettled(value, {});
    return;
  }
  const auto key = keys::owed(run.to, first);
  const auto key_part = slice(key.view());
  batch_.Put(db_.handle(family::queue), rocksdb::SliceParts(&key_part, 1),
             rocksdb::SliceParts(parts_.data(), static_cast<int>(parts_.size())));
  if (run.count > 1 || run.counted) runs_.begun(run.to, first, run.count);
}

void store_writer::release(const log_position& body, session::body_place where) {
  using enum session::body_place;
  if (where == inside) return;
  if (where == sole) {
    return erase_single(family::log, keys::body(number(body.shard), body.offset).view());
  }
  if (!counts_.release(body) && report_) {
    report_("The receivers of a stored message cannot be counted (shard " +
            std::to_string(number(body.shard)) + ", offset " + std::to_string(body.offset) +
            "): it is kept.");
  }
}

std::size_t store_writer::release_unsettled(std::string_view run, const settled_items& settled) {
  record::run_reader items(run);
  record::run_item item;
  std::size_t released = 0;
  for (std::size_t index = 0; items.next(item); ++index) {
    if (settled.contains(index) || item.where == session::body_place::inside) continue;
    release(item.at, item.where);
    ++released;
  }
  if (items.damaged() && report_) {
    report_("What is owed to an erased session cannot be read: its messages are kept.");
  }
  return released;
}

void store_writer::settle(const write_operation& op) {
  const log_position body{static_cast<shard_id>(op.shard), op.offset};
  if (op.lone && op.body != session::body_place::shared) {
    // Nothing is counted: a repetition does no harm.
    erase_single(family::queue, keys::owed(op.session, op.number).view());
    return release(body, op.body);
  }
  // What is left of an erased session is up to its sweep.
  if (erased_.contains(op.session)) return;
  if (runs_.settle(op.session, op.number, op.index, op.count) > 0) release(body, op.body);
}

void store_writer::erase_session(session_id id) {
  if (!erased_.add(id)) return;
  if (replicated_) gone_.add(id, db_, batch_);
  erase(family::sessions, keys::session(id).view());
  std::string bytes;
  record::encode_number(id.value, bytes);
  put(family::meta, meta::erased(id), bytes);
}

std::string store_writer::write(bool sync) {
  runs_.finish(batch_);
  counts_.finish(batch_);
  retained_.finish();
  if (replicated_) states_.finish(db_, batch_);
  if (batch_.Count() == 0) {
    reset_batch(true);
    return {};
  }
  rocksdb::WriteOptions options;
  options.sync = sync;
  const auto status = db_.db().Write(options, &batch_);
  reset_batch(status.ok());
  if (status.ok()) return {};
  return "The store cannot write: " + status.ToString() + ".";
}

void store_writer::reset_batch(bool ok) {
  if (batch_.GetDataSize() > kept_batch_bytes) {
    batch_ = rocksdb::WriteBatch();
  } else {
    batch_.Clear();
  }
  runs_.written(ok);
  counts_.written(ok);
  erased_.written(ok);
  retained_.written(ok);
  if (replicated_) states_.written(ok);
  if (ok) {
    last_order_.store(marks_.last_order(), std::memory_order_release);
  } else {
    marks_.forget_reservations();
    sweep_from_.clear();
  }
}

bool store_writer::sweep(std::size_t limit) {
  if (!erased_.sweep_pending()) return true;
  const auto id = erased_.sweep_first();
  auto status = sweep_queue(id, limit);
  if (status.ok()) status = sweep_rest(id, family::subscriptions, limit);
  if (status.ok()) status = sweep_rest(id, family::qos2, limit);
  const bool clean = status.ok() && limit > 0;
  if (clean) {
    erase(family::meta, meta::erased(id));
    erased_.sweep_finished();
    sweep_from_.clear();
  }
  // A tombstone in meta repeats what a crash undoes: no need to wait for the disk.
  auto error = write(false);
  if (error.empty() && clean && replicated_) gone_.clean(id);
  if (error.empty() && !status.ok()) {
    error = "The records of an erased session cannot be read: " + status.ToString() + ".";
  }
  if (!error.empty() && report_) report_(error);
  return error.empty();
}

rocksdb::Status store_writer::sweep_queue(session_id id, std::size_t& left) {
  const auto first = keys::session(id);
  const auto end = keys::session(after(id));
  const auto from = sweep_from_.empty() ? std::string(first.view()) : sweep_from_;
  database::range entries(db_, family::queue, from, end.view());
  for (; entries.valid() && left > 0; entries.next(), --left) {
    sweep_from_ = entries.key();
    if (keys::is_progress(sweep_from_)) {
      erase(family::queue, sweep_from_);
      continue;
    }
    const auto released =
        release_unsettled(entries.value(), runs_.take(id, keys::number_at(sweep_from_, 8, 8)));
    erase_single(family::queue, sweep_from_);
    left -= std::min(left - 1, released);
  }
  return entries.status();
}

rocksdb::Status store_writer::sweep_rest(session_id id, family which, std::size_t& left) {
  const auto first = keys::session(id);
  const auto end = keys::session(after(id));
  database::range records(db_, which, first.view(), end.view());
  for (; records.valid() && left > 0; records.next(), --left) erase(which, records.key());
  return records.status();
}

bool store_writer::heal() {
  if (!db_.is_open() || !db_.db().Resume().ok()) return false;
  std::string bytes;
  record::encode_number(1, bytes);
  rocksdb::WriteOptions options;
  options.sync = true;
  if (!db_.db().Put(options, db_.handle(family::meta), slice(meta::probe), bytes).ok()) return false;
  // What was remembered of entries that were not written.
  imports_.clear();
  return !replicated_ || load_shards().empty();
}

void store_writer::save_marks() {
  if (const auto error = retained_.fold_all(); !error.empty() && report_) report_(error);
  if (!replicated_) marks_.save_exact(db_, batch_);
  (void)write(true);
}

}  // namespace troupe::storage
