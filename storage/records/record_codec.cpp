#include "storage/records/record_codec.hpp"

#include "protocol/schema/stored.pb.h"

namespace troupe::storage::record {
namespace {

template <class Record>
void append_record(Record& record, std::string& out) {
  record.set_version(record_version);
  record.AppendToString(&out);
}

template <class Record>
bool parse(std::string_view bytes, Record& record) {
  return record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
         record.version() >= 1 && record.version() <= record_version;
}

bool valid_qos(std::uint32_t level) {
  return level <= 2;
}

mqtt::message_ptr message_of(const stored::message_record& record) {
  if (record.topic().empty() || record.topic().size() > 65535 ||
      record.properties().size() > UINT32_MAX || !valid_qos(record.level())) {
    return nullptr;
  }
  mqtt::message::fields fields;
  fields.topic = record.topic();
  fields.payload = record.payload();
  fields.properties = record.properties();
  fields.level = static_cast<mqtt::qos>(record.level());
  fields.retain = record.retain();
  fields.expires_at = record.expires_at();
  fields.received_at = record.received_at();
  fields.publisher = record.publisher();
  fields.trace = record.trace();
  return mqtt::message::make(fields);
}

}  // namespace

void encode(const session_record& from, std::string& out) {
  stored::session_state record;
  record.set_client_id(from.client_id);
  record.set_username(from.username);
  record.set_protocol(static_cast<std::uint32_t>(from.version));
  record.set_expiry(from.expiry);
  record.set_disconnected_at(from.disconnected_at);
  if (from.life != 0) record.set_life(from.life);
  if (from.will) {
    auto& will = *record.mutable_will();
    will.set_topic(from.will->topic);
    will.set_payload(from.will->payload);
    will.set_level(static_cast<std::uint32_t>(from.will->level));
    will.set_retain(from.will->retain);
    will.set_delay(from.will->delay);
    if (from.will->expiry) will.set_expiry(*from.will->expiry);
    will.set_properties(from.will->properties);
  }
  append_record(record, out);
}

void encode(const subscription_record& from, std::string& out) {
  stored::subscription_state record;
  record.set_maximum_qos(static_cast<std::uint32_t>(from.options.maximum_qos));
  record.set_no_local(from.options.no_local);
  record.set_retain_as_published(from.options.retain_as_published);
  record.set_retain_handling(static_cast<std::uint32_t>(from.options.retain));
  record.set_subscription_id(from.subscription_id);
  append_record(record, out);
}

void encode(const outgoing_record& from, std::string& out) {
  stored::outgoing_state record;
  record.set_order(from.order);
  record.set_released(from.released);
  append_record(record, out);
}

void encode(const received_record& from, std::string& out) {
  stored::received_state record;
  if (from.from) {
    record.set_life(from.from.life);
    record.set_number(from.from.number);
    record.set_taken(from.taken);
  }
  append_record(record, out);
}

void encode(const origin_record& from, std::string& out) {
  stored::origin_state record;
  record.set_life(from.latest.life);
  record.set_number(from.latest.number);
  record.set_seen(from.seen);
  append_record(record, out);
}

void encode(const choice_record& from, std::string& out) {
  stored::choice_state record;
  for (const auto& each : from.members) {
    auto& member = *record.add_members();
    member.set_share(each.share);
    member.set_session(each.member.value);
    member.set_kept(each.kept);
  }
  record.set_again(from.again);
  record.set_seen(from.seen);
  append_record(record, out);
}

void encode_number(std::uint64_t value, std::string& out) {
  stored::number_record record;
  record.set_value(value);
  append_record(record, out);
}

void encode_directory(std::uint16_t shards, std::uint32_t layout, std::string& out) {
  stored::directory_record record;
  record.set_shards(shards);
  record.set_version(layout);
  record.AppendToString(&out);
}

retained_message decode_retained(std::string_view bytes) {
  stored::message_record record;
  if (!parse(bytes, record)) return {};
  return {message_of(record), {record.routes_run(), record.routes_version()}};
}

std::optional<std::int64_t> decode_expiry(std::string_view bytes) {
  stored::message_record record;
  if (!parse(bytes, record)) return std::nullopt;
  return record.expires_at();
}

std::optional<session_record> decode_session(session_id id, std::string_view bytes) {
  stored::session_state record;
  if (!parse(bytes, record) || record.protocol() < 3 || record.protocol() > 5) return std::nullopt;
  session_record session;
  session.id = id;
  session.client_id = record.client_id();
  session.username = record.username();
  session.version = static_cast<mqtt::protocol_version>(record.protocol());
  session.expiry = record.expiry();
  session.disconnected_at = record.disconnected_at();
  session.life = record.life();
  if (record.has_will()) {
    const auto& from = record.will();
    if (!valid_qos(from.level())) return std::nullopt;
    auto& will = session.will.emplace();
    will.topic = from.topic();
    will.payload = from.payload();
    will.level = static_cast<mqtt::qos>(from.level());
    will.retain = from.retain();
    will.delay = from.delay();
    if (from.has_expiry()) will.expiry = from.expiry();
    will.properties = from.properties();
  }
  return session;
}

std::optional<subscription_record> decode_subscription(std::string_view filter,
                                                       std::string_view bytes) {
  stored::subscription_state record;
  if (!parse(bytes, record) || !valid_qos(record.maximum_qos()) || record.retain_handling() > 2) {
    return std::nullopt;
  }
  subscription_record subscription;
  subscription.filter = filter;
  subscription.options.maximum_qos = static_cast<mqtt::qos>(record.maximum_qos());
  subscription.options.no_local = record.no_local();
  subscription.options.retain_as_published = record.retain_as_published();
  subscription.options.retain = static_cast<mqtt::retain_handling>(record.retain_handling());
  subscription.subscription_id = record.subscription_id();
  return subscription;
}

std::optional<outgoing_record> decode_outgoing(mqtt::packet_id id, std::string_view bytes) {
  stored::outgoing_state record;
  if (!parse(bytes, record)) return std::nullopt;
  return outgoing_record{id, record.order(), record.released()};
}

std::optional<received_record> decode_received(mqtt::packet_id id, std::string_view bytes) {
  stored::received_state record;
  if (!parse(bytes, record)) return std::nullopt;
  const session::origin from{record.life(), record.number()};
  return received_record{id, from, record.taken() || !from};
}

std::optional<origin_record> decode_origin(session_id publisher, shard_id topics,
                                           std::string_view bytes) {
  stored::origin_state record;
  if (!parse(bytes, record)) return std::nullopt;
  return origin_record{publisher, topics, {record.life(), record.number()}, record.seen()};
}

std::optional<choice_record> decode_choice(session_id publisher, const session::origin& of,
                                           std::string_view bytes) {
  stored::choice_state record;
  if (!parse(bytes, record)) return std::nullopt;
  choice_record out{publisher, of, {}, record.again(), record.seen()};
  for (const auto& each : record.members())
    out.members.push_back({each.share(), session_id(each.session()), each.kept()});
  return out;
}

std::optional<std::uint64_t> decode_number(std::string_view bytes) {
  stored::number_record record;
  if (!parse(bytes, record)) return std::nullopt;
  return record.value();
}

std::optional<directory> decode_directory(std::string_view bytes) {
  stored::directory_record record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      record.version() == 0 || record.shards() == 0 || record.shards() > UINT16_MAX) {
    return std::nullopt;
  }
  return directory{record.version(), static_cast<std::uint16_t>(record.shards())};
}

}  // namespace troupe::storage::record
