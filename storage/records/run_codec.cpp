#include "storage/records/run_codec.hpp"

namespace troupe::storage::record {
namespace {

using wire::type;

constexpr std::uint64_t single_version = 1;
constexpr std::uint64_t run_version = 2;
constexpr std::uint64_t shared_heads_version = 3;
constexpr std::uint64_t message_version = 1;
constexpr std::uint32_t version_field = 1;
constexpr std::uint32_t items_field = 2;

/// Fields of stored.message_record.
struct message_field {
  static constexpr std::uint32_t topic = 2, payload = 3, properties = 4, level = 5, retain = 6,
                                 expires_at = 7, received_at = 8, publisher = 9,
                                 trace = 12;
};
/// Fields of stored.owed_record.
struct owed_field {
  static constexpr std::uint32_t shard = 2, offset = 3, level = 4, retain = 5, sole = 6,
                                 subscription_ids = 7, share = 8, size = 9, body = 10;
};

std::size_t optional_bytes_size(std::string_view bytes) {
  return bytes.empty() ? 0 : wire::bytes_size(bytes.size());
}
char* put_optional_bytes(char* out, std::uint32_t field, std::string_view bytes) {
  return bytes.empty() ? out : wire::put_bytes(out, field, bytes);
}
std::uint64_t raw(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}
std::uint64_t raw(mqtt::qos level) {
  return static_cast<std::uint64_t>(level);
}

/// Without the version; of a body without a head, payload and trace alone.
std::size_t message_size(const mqtt::message& m, bool head = true) {
  const auto rest = optional_bytes_size(m.payload()) + (m.trace() != 0 ? 9 : 0);
  if (!head) return rest;
  return rest + wire::bytes_size(m.topic().size()) + optional_bytes_size(m.properties()) +
         wire::number_size(raw(m.level())) + wire::number_size(m.retain() ? 1 : 0) +
         wire::number_size(raw(m.expires_at())) + wire::number_size(raw(m.received_at())) +
         (m.publisher() != 0 ? 9 : 0);
}

char* put_message(char* out, const mqtt::message& m, bool head = true) {
  if (head) out = wire::put_bytes(out, message_field::topic, m.topic());
  out = put_optional_bytes(out, message_field::payload, m.payload());
  if (head) {
    out = put_optional_bytes(out, message_field::properties, m.properties());
    out = wire::put_number(out, message_field::level, raw(m.level()));
    out = wire::put_number(out, message_field::retain, m.retain() ? 1 : 0);
    out = wire::put_number(out, message_field::expires_at, raw(m.expires_at()));
    out = wire::put_number(out, message_field::received_at, raw(m.received_at()));
    if (m.publisher() != 0) out = wire::put_fixed64(out, message_field::publisher, m.publisher());
  }
  return m.trace() == 0 ? out : wire::put_fixed64(out, message_field::trace, m.trace());
}

/// The topic comes first.
bool has_head(std::string_view body) {
  wire::fields fields(body);
  return fields.next() && fields.is(message_field::topic, type::bytes);
}

/// Adds what the bytes say to `into`; false if they are damaged.
bool parse_fields(std::string_view bytes, mqtt::message::fields& into, std::uint64_t& version) {
  wire::fields fields(bytes);
  std::uint64_t level = static_cast<std::uint64_t>(into.level);
  while (fields.next()) {
    if (fields.kind() == type::bytes) {
      if (fields.number() == message_field::topic) into.topic = fields.bytes();
      if (fields.number() == message_field::payload) into.payload = fields.bytes();
      if (fields.number() == message_field::properties) into.properties = fields.bytes();
    } else if (fields.kind() == type::varint) {
      const auto value = fields.value();
      if (fields.number() == version_field) version = value;
      if (fields.number() == message_field::level) level = value;
      if (fields.number() == message_field::retain) into.retain = value != 0;
      if (fields.number() == message_field::expires_at)
        into.expires_at = static_cast<std::int64_t>(value);
      if (fields.number() == message_field::received_at)
        into.received_at = static_cast<std::int64_t>(value);
    } else if (fields.is(message_field::publisher, type::fixed64)) {
      into.publisher = fields.value();
    } else if (fields.is(message_field::trace, type::fixed64)) {
      into.trace = fields.value();
    }
  }
  if (fields.damaged() || level > 2) return false;
  into.level = static_cast<mqtt::qos>(level);
  return true;
}

/// False for bytes that are no message.
bool parse_message(std::string_view bytes, mqtt::message::fields& into, std::uint64_t& version) {
  return parse_fields(bytes, into, version) && !into.topic.empty() && into.topic.size() <= 65535 &&
         into.payload.size() <= UINT32_MAX && into.properties.size() <= UINT32_MAX;
}

/// The body of an item that is inside, with the head that it shares.
bool parse_body(const run_item& item, mqtt::message::fields& into) {
  std::uint64_t version = 0;
  if (!item.head.empty()) {
    if (!parse_fields(item.head, into, version)) return false;
    into.payload = {};
    into.trace = 0;
  }
  return parse_message(item.body, into, version);
}

struct terms_sizes {
  std::size_t subscription_ids = 0;  // packed, without tag and length
  std::size_t all = 0;
};

terms_sizes measure(const owed_terms& terms) {
  terms_sizes sizes;
  for (const auto id : terms.subscription_ids) sizes.subscription_ids += wire::varint_size(id);
  sizes.all = wire::number_size(raw(terms.level)) + wire::number_size(terms.retain ? 1 : 0) +
              (sizes.subscription_ids == 0 ? 0 : wire::bytes_size(sizes.subscription_ids)) +
              optional_bytes_size(terms.share) + wire::number_size(terms.size);
  return sizes;
}

char* put_level(char* out, const owed_terms& terms) {
  out = wire::put_number(out, owed_field::level, raw(terms.level));
  return wire::put_number(out, owed_field::retain, terms.retain ? 1 : 0);
}
char* put_rest(char* out, const owed_terms& terms, const terms_sizes& sizes) {
  if (sizes.subscription_ids != 0) {
    out = wire::put_tag(out, owed_field::subscription_ids, type::bytes);
    out = wire::put_varint(out, sizes.subscription_ids);
    for (const auto id : terms.subscription_ids) out = wire::put_varint(out, id);
  }
  out = put_optional_bytes(out, owed_field::share, terms.share);
  return wire::put_number(out, owed_field::size, terms.size);
}

/// Room for an item of `size` bytes, behind its tag and length.
char* item_room(std::string& out, std::size_t size) {
  const auto before = out.size();
  out.resize(before + wire::bytes_size(size));
  auto* at = wire::put_tag(out.data() + before, items_field, type::bytes);
  return wire::put_varint(at, size);
}

bool read_packed(std::string_view bytes, std::vector<std::uint32_t>& into) {
  for (std::size_t at = 0; at < bytes.size();) {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (at == bytes.size() || shift > 63) return false;
      const auto byte = static_cast<unsigned char>(bytes[at++]);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) break;
    }
    into.push_back(static_cast<std::uint32_t>(value));
  }
  return true;
}

}  // namespace

void encode(const mqtt::message& from, std::string& out) {
  const auto before = out.size();
  out.resize(before + wire::number_size(message_version) + message_size(from));
  put_message(wire::put_number(out.data() + before, version_field, message_version), from);
}

mqtt::message_ptr decode_message(std::string_view bytes) {
  mqtt::message::fields fields;
  std::uint64_t version = 0;
  if (!parse_message(bytes, fields, version) || version == 0 || version > message_version)
    return nullptr;
  return mqtt::message::make(fields);
}

bool is_message(std::string_view bytes) {
  mqtt::message::fields fields;
  std::uint64_t version = 0;
  return parse_message(bytes, fields, version) && version != 0 && version <= message_version;
}

void begin_run(heads kept, std::string& out) {
  char version[2];
  wire::put_number(version, version_field,
                   kept == heads::shared ? shared_heads_version : run_version);
  out.append(version, sizeof version);
}

bool same_head(const mqtt::message& a, const mqtt::message& b) {
  return a.received_at() == b.received_at() && a.publisher() == b.publisher() &&
         a.level() == b.level() && a.retain() == b.retain() && a.expires_at() == b.expires_at() &&
         a.topic() == b.topic() && a.properties() == b.properties();
}

void append_item(const owed_terms& terms, const mqtt::message& inside, std::string& out,
                 bool head) {
  const auto sizes = measure(terms);
  const auto body = message_size(inside, head);
  auto* at = item_room(out, sizes.all + wire::bytes_size(body));
  at = put_rest(put_level(at, terms), terms, sizes);
  at = wire::put_varint(wire::put_tag(at, owed_field::body, type::bytes), body);
  put_message(at, inside, head);
}

void append_item(const owed_terms& terms, const log_position& at, bool sole, std::string& out) {
  const auto sizes = measure(terms);
  const auto reference = wire::number_size(number(at.shard)) + wire::number_size(at.offset) +
                         wire::number_size(sole ? 1 : 0);
  auto* to = item_room(out, sizes.all + reference);
  to = wire::put_number(to, owed_field::shard, number(at.shard));
  to = wire::put_number(to, owed_field::offset, at.offset);
  to = put_level(to, terms);
  to = wire::put_number(to, owed_field::sole, sole ? 1 : 0);
  put_rest(to, terms, sizes);
}

run_reader::run_reader(std::string_view value) : fields_(value) {
  std::uint64_t version = 0;
  if (fields_.next() && fields_.is(version_field, type::varint)) version = fields_.value();
  if (version == single_version) {
    single_ = value;
    fields_ = wire::fields({});
  }
  shared_heads_ = version == shared_heads_version;
  damaged_ = version != single_version && version != run_version && version != shared_heads_version;
}

bool run_reader::next(run_item& item) {
  if (damaged_) return false;
  if (!single_.empty()) return read_item(std::exchange(single_, {}), item);
  while (fields_.next()) {
    if (fields_.is(items_field, type::bytes)) return read_item(fields_.bytes(), item);
  }
  return false;
}

bool run_reader::read_item(std::string_view bytes, run_item& item) {
  wire::fields fields(bytes);
  item = {};
  subscription_ids_.clear();
  std::uint64_t shard = 0;
  std::uint64_t level = 0;
  bool sole = false;
  bool sound = true;
  while (fields.next()) {
    if (fields.kind() == type::varint) {
      const auto value = fields.value();
      if (fields.number() == owed_field::shard) shard = value;
      if (fields.number() == owed_field::offset) item.at.offset = value;
      if (fields.number() == owed_field::level) level = value;
      if (fields.number() == owed_field::retain) item.terms.retain = value != 0;
      if (fields.number() == owed_field::sole) sole = value != 0;
      if (fields.number() == owed_field::size) item.terms.size = static_cast<std::uint32_t>(value);
      if (fields.number() == owed_field::subscription_ids)
        subscription_ids_.push_back(static_cast<std::uint32_t>(value));
    } else if (fields.kind() == type::bytes) {
      if (fields.number() == owed_field::subscription_ids)
        sound = read_packed(fields.bytes(), subscription_ids_) && sound;
      if (fields.number() == owed_field::share) item.terms.share = fields.bytes();
      if (fields.number() == owed_field::body) {
        item.where = body_place::inside;
        item.body = fields.bytes();
      }
    }
  }
  if (item.where != body_place::inside) item.where = sole ? body_place::sole : body_place::shared;
  item.at.shard = static_cast<shard_id>(shard);
  item.terms.level = static_cast<mqtt::qos>(level);
  item.terms.subscription_ids = subscription_ids_;
  if (shared_heads_ && item.where == body_place::inside) {
    if (has_head(item.body))
      head_ = item.body;
    else
      item.head = head_;
  }
  damaged_ = fields.damaged() || !sound || shard > UINT16_MAX || level > 2;
  return !damaged_;
}

mqtt::message_ptr body_of(const run_item& item) {
  mqtt::message::fields fields;
  return parse_body(item, fields) ? mqtt::message::make(fields) : nullptr;
}

std::uint32_t check_run(std::string_view run, shard_id shard, bool& counted) {
  wire::fields begin(run);
  if (!begin.next() || !begin.is(version_field, type::varint) ||
      (begin.value() != run_version && begin.value() != shared_heads_version))
    return 0;
  run_reader items(run);
  run_item item;
  std::uint32_t count = 0;
  while (items.next(item)) {
    ++count;
    counted = counted || item.where == body_place::shared;
    mqtt::message::fields fields;
    const bool sound =
        item.where == body_place::inside ? parse_body(item, fields) : item.at.shard == shard;
    if (!sound || count > run_messages) return 0;
  }
  // Unknown fields are passed over by one and not by the other.
  return items.damaged() || count != count_items(run) ? 0 : count;
}

std::uint32_t count_items(std::string_view run) {
  wire::fields fields(run);
  std::uint32_t count = 0;
  if (!fields.next() || !fields.is(version_field, type::varint)) return 0;
  if (fields.value() == single_version) return 1;
  if (fields.value() != run_version && fields.value() != shared_heads_version) return 0;
  while (fields.next()) {
    if (fields.is(items_field, type::bytes)) ++count;
  }
  return fields.damaged() ? 0 : count;
}

}  // namespace troupe::storage::record
