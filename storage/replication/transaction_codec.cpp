#include "storage/replication/transaction_codec.hpp"

#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/records/run_codec.hpp"
#include "storage/records/wire_format.hpp"
#include "storage/transaction_content.hpp"

#include <optional>

namespace troupe::storage {
namespace {

using wire::type;

constexpr std::uint64_t transaction_version = 1;
/// Places in a transaction have 32 bits.
constexpr std::size_t most_bytes = std::size_t{1} << 30;
constexpr std::size_t most_text = 65535;  // of a topic or filter, and "$share/group/" before it
constexpr std::size_t most_share = 65535 * 2;

/// Fields of stored.transaction_record.
struct transaction_field {
  static constexpr std::uint32_t version = 1, first_order = 2, writes = 3, runs = 4;
};
/// Fields of stored.write_record.
struct write_field {
  static constexpr std::uint32_t kind = 1, shard = 2, session = 3, number = 4, offset = 5,
                                 count = 6, index = 7, body = 8, lone = 9, name = 10, value = 11;
};
/// Fields of stored.owed_run_record.
struct run_field {
  static constexpr std::uint32_t session = 1, run = 2;
};

constexpr std::size_t fixed64_size = 9;
constexpr std::size_t choice_name_size = 16;

std::uint64_t raw(write_kind kind) {
  return static_cast<std::uint64_t>(kind);
}
std::uint64_t raw(session::body_place body) {
  return static_cast<std::uint64_t>(body);
}

/// Of put_retained it is a place in memory.
std::uint64_t offset_of(const write_operation& op) {
  return op.kind == write_kind::put_retained ? 0 : op.offset;
}

std::size_t optional_bytes_size(std::size_t size) {
  return size == 0 ? 0 : wire::bytes_size(size);
}

std::size_t measure(const write_operation& op) {
  return wire::number_size(raw(op.kind)) + wire::number_size(op.shard) +
         (op.session == session_id{} ? 0 : fixed64_size) + wire::number_size(op.number) +
         wire::number_size(offset_of(op)) + wire::number_size(op.count) +
         wire::number_size(op.index) + wire::number_size(raw(op.body)) +
         wire::number_size(op.lone ? 1 : 0) + optional_bytes_size(op.name_size) +
         optional_bytes_size(op.value_size);
}

char* put(char* out, const write_operation& op, std::string_view bytes) {
  out = wire::put_number(out, write_field::kind, raw(op.kind));
  out = wire::put_number(out, write_field::shard, op.shard);
  if (op.session != session_id{})
    out = wire::put_fixed64(out, write_field::session, op.session.value);
  out = wire::put_number(out, write_field::number, op.number);
  out = wire::put_number(out, write_field::offset, offset_of(op));
  out = wire::put_number(out, write_field::count, op.count);
  out = wire::put_number(out, write_field::index, op.index);
  out = wire::put_number(out, write_field::body, raw(op.body));
  out = wire::put_number(out, write_field::lone, op.lone ? 1 : 0);
  const auto name = bytes.substr(op.at, op.name_size);
  const auto value = bytes.substr(op.at + op.name_size, op.value_size);
  if (!name.empty()) out = wire::put_bytes(out, write_field::name, name);
  if (!value.empty()) out = wire::put_bytes(out, write_field::value, value);
  return out;
}

/// A write as it came, before it is believed.
struct raw_write {
  std::uint64_t kind = 0, shard = 0, session = 0, number = 0, offset = 0, count = 0, index = 0,
                body = 0, lone = 0;
  std::string_view name, value;
};

std::optional<raw_write> parse_write(std::string_view bytes) {
  raw_write out;
  wire::fields fields(bytes);
  while (fields.next()) {
    if (fields.kind() == type::bytes) {
      if (fields.number() == write_field::name) out.name = fields.bytes();
      if (fields.number() == write_field::value) out.value = fields.bytes();
    } else if (fields.is(write_field::session, type::fixed64)) {
      out.session = fields.value();
    } else if (fields.kind() == type::varint) {
      std::uint64_t* const targets[] = {nullptr,     &out.kind,  &out.shard, nullptr,   &out.number,
                                        &out.offset, &out.count, &out.index, &out.body, &out.lone};
      if (fields.number() < std::size(targets) && targets[fields.number()])
        *targets[fields.number()] = fields.value();
    }
  }
  const bool sound = !fields.damaged() && out.shard <= UINT16_MAX && out.count <= UINT32_MAX &&
                     out.index <= UINT16_MAX && out.body <= raw(session::body_place::shared) &&
                     out.lone <= 1;
  return sound ? std::optional(out) : std::nullopt;
}

bool is_topic(std::string_view name) {
  return !name.empty() && name.size() <= most_text;
}
bool is_filter(std::string_view name) {
  return !name.empty() && name.size() <= most_share;
}
bool is_packet(std::uint64_t number) {
  return number >= 1 && number <= UINT16_MAX;
}

bool is_settle(const raw_write& w) {
  const bool inside = w.body == raw(session::body_place::inside);
  return w.count >= 1 && w.index + w.count <= record::run_messages && (inside || w.count == 1) &&
         w.number != 0 && w.number <= UINT64_MAX - record::run_messages;
}

/// Whether the operation makes sense; `retained` gets the message of put_retained.
bool valid(const raw_write& w, retained_message& retained) {
  using enum write_kind;
  const session_id session(w.session);
  const bool of_session = session != session_id{};
  const auto packet = static_cast<mqtt::packet_id>(w.number);
  switch (static_cast<write_kind>(w.kind)) {
    case append:
      return !of_session && w.offset != UINT64_MAX && record::is_message(w.value);
    case put_retained:
      retained = record::decode_retained(w.value);
      return !of_session && retained.body;
    case erase_retained:
    case expire_retained:
      return !of_session && is_topic(w.name);
    case put_origin:
      return !of_session && w.number != 0 &&
             record::decode_origin(session_id(w.number),
                                   static_cast<shard_id>(static_cast<std::uint16_t>(w.index)),
                                   w.value);
    case erase_origin:
      return !of_session && w.number != 0;
    case put_choice:
      return !of_session && w.number != 0 && w.name.size() == choice_name_size &&
             record::decode_choice(session_id(w.number), keys::origin_at(w.name, 0), w.value);
    case erase_choice:
      return !of_session && w.number != 0 && w.name.size() == choice_name_size;
    case put_received:
      return of_session && is_packet(w.number) && record::decode_received(packet, w.value);
    case erase_received:
    case erase_outgoing:
      return of_session && is_packet(w.number);
    case put_outgoing:
      return of_session && is_packet(w.number) && record::decode_outgoing(packet, w.value);
    case put_session:
      return of_session && record::decode_session(session, w.value);
    case erase_session:
      return of_session;
    case put_subscription:
      return of_session && is_filter(w.name) && record::decode_subscription(w.name, w.value);
    case erase_subscription:
      return of_session && is_filter(w.name);
    case settle:
      return of_session && is_settle(w);
  }
  return false;
}

bool add_write(std::string_view bytes, write_operations& to) {
  const auto w = parse_write(bytes);
  retained_message retained;
  if (!w || !valid(*w, retained)) return false;
  auto& op = to.list.emplace_back();
  op.kind = static_cast<write_kind>(w->kind);
  op.body = static_cast<session::body_place>(w->body);
  op.lone = w->lone != 0;
  op.shard = static_cast<std::uint16_t>(w->shard);
  op.index = static_cast<std::uint16_t>(w->index);
  op.count = static_cast<std::uint32_t>(w->count);
  op.at = static_cast<std::uint32_t>(to.bytes.size());
  op.name_size = static_cast<std::uint32_t>(w->name.size());
  op.value_size = static_cast<std::uint32_t>(w->value.size());
  op.session = session_id(w->session);
  op.number = w->number;
  op.offset = w->offset;
  to.bytes.append(w->name).append(w->value);
  if (op.kind == write_kind::put_retained) {
    op.offset = to.retained.size();
    to.retained.push_back(std::move(retained));
  }
  return true;
}

bool add_run(std::string_view bytes, write_operations& to) {
  std::uint64_t session = 0;
  std::string_view items;
  wire::fields fields(bytes);
  while (fields.next()) {
    if (fields.is(run_field::session, type::fixed64)) session = fields.value();
    if (fields.is(run_field::run, type::bytes)) items = fields.bytes();
  }
  if (fields.damaged() || session == 0) return false;
  auto& run = to.runs.emplace_back();
  run.to = session_id(session);
  run.count = record::check_run(items, run.to.shard(), run.counted);
  if (run.count == 0) return false;
  run.size = static_cast<std::uint32_t>(items.size());
  run.first_piece = run.last_piece = static_cast<std::uint32_t>(to.pieces.size());
  run.closed = true;
  to.pieces.push_back({static_cast<std::uint32_t>(to.bytes.size()), run.size, run_piece::none});
  to.bytes.append(items);
  return true;
}

decoded_transaction refuse(std::string sentence) {
  return {{}, std::move(sentence)};
}

}  // namespace

std::string transaction_codec::encode(const transaction& from) {
  static const transaction::content nothing;
  const auto& content = from.content_ ? *from.content_ : nothing;
  const auto first_order = content.entry ? content.entry->first_order : 0;
  auto size = wire::number_size(transaction_version) + wire::number_size(first_order);
  for (const auto& op : content.list) size += wire::bytes_size(measure(op));
  for (const auto& run : content.runs)
    size += wire::bytes_size(fixed64_size + wire::bytes_size(run.size));
  std::string out(size, '\0');
  auto* at = wire::put_number(out.data(), transaction_field::version, transaction_version);
  at = wire::put_number(at, transaction_field::first_order, first_order);
  for (const auto& op : content.list) {
    at = wire::put_tag(at, transaction_field::writes, type::bytes);
    at = put(wire::put_varint(at, measure(op)), op, content.bytes);
  }
  for (const auto& run : content.runs) {
    at = wire::put_tag(at, transaction_field::runs, type::bytes);
    at = wire::put_varint(at, fixed64_size + wire::bytes_size(run.size));
    at = wire::put_fixed64(at, run_field::session, run.to.value);
    at = wire::put_varint(wire::put_tag(at, run_field::run, type::bytes), run.size);
    for (auto piece = run.first_piece; piece != run_piece::none;
         piece = content.pieces[piece].next) {
      const auto& part = content.pieces[piece];
      at = wire::put_raw(at, std::string_view(content.bytes).substr(part.at, part.size));
    }
  }
  return out;
}

decoded_transaction transaction_codec::decode(std::string_view bytes) {
  if (bytes.size() > most_bytes) return refuse("A transaction has more than a gigabyte.");
  decoded_transaction out;
  auto& content = out.value.own();
  content.bytes.reserve(bytes.size());
  std::uint64_t version = 0;
  std::uint64_t first_order = 0;
  bool sound = true;
  wire::fields fields(bytes);
  while (sound && fields.next()) {
    if (fields.is(transaction_field::version, type::varint)) {
      version = fields.value();
      if (version > transaction_version)
        return refuse("A transaction was written by a newer version of Troupe.");
    }
    if (fields.is(transaction_field::first_order, type::varint)) first_order = fields.value();
    if (fields.is(transaction_field::writes, type::bytes))
      sound = add_write(fields.bytes(), content);
    if (fields.is(transaction_field::runs, type::bytes)) sound = add_run(fields.bytes(), content);
  }
  if (!sound || fields.damaged() || version == 0 || first_order > UINT64_MAX / 2)
    return refuse("A transaction cannot be read: its bytes are damaged.");
  if (first_order != 0) out.value.first_order(first_order);
  if (!out.value.empty() && !out.value.shard())
    return refuse("A transaction concerns several shards.");
  return out;
}

}  // namespace troupe::storage
