#include "storage/records/record_codec.hpp"
#include "storage/transaction_content.hpp"

namespace troupe::storage {

namespace {

/// Adds an operation with its name and whatever `encode` appends as its value.
template <class Encode>
write_operation& add(write_operations& to, write_kind kind, std::string_view name, Encode encode) {
  auto& operation = to.list.emplace_back();
  operation.kind = kind;
  operation.name_size = static_cast<std::uint32_t>(name.size());
  to.bytes.append(name);
  const auto before = to.bytes.size();
  encode(to.bytes);
  operation.value_size = static_cast<std::uint32_t>(to.bytes.size() - before);
  return operation;
}

write_operation& add(write_operations& to, write_kind kind, std::string_view name = {}) {
  return add(to, kind, name, [](std::string&) {});
}

template <class Value>
auto encoded(const Value& value) {
  return [&value](std::string& out) { record::encode(value, out); };
}

}  // namespace

transaction::transaction() : content_(std::make_unique<content>()) {}
transaction::transaction(transaction&&) noexcept = default;
transaction& transaction::operator=(transaction&&) noexcept = default;
transaction::~transaction() = default;

bool transaction::empty() const noexcept {
  return !content_ || content_->list.empty();
}

std::size_t transaction::size() const noexcept {
  return content_ ? content_->size() : 0;
}

void transaction::append(log_position at, const mqtt::message& body, std::uint32_t receivers) {
  auto& operation = add(*content_, write_kind::append, {}, encoded(body));
  operation.shard = number(at.shard);
  operation.offset = at.offset;
  operation.receivers = receivers;
}

void transaction::owe(session_id to, const owed_entry& entry) {
  auto& operation = add(*content_, write_kind::owe, {}, encoded(entry));
  operation.session = to;
  operation.shard = number(entry.body.shard);
  operation.offset = entry.body.offset;
  operation.sole = entry.sole;
}

void transaction::put_retained(shard_id shard, const mqtt::message& message, std::uint64_t limit,
                               const routes_version& matched) {
  const retained_message kept{mqtt::message_ptr(&message), matched};
  auto& operation = add(*content_, write_kind::put_retained, message.topic(), encoded(kept));
  operation.shard = number(shard);
  operation.number = limit;
}

void transaction::erase_retained(shard_id shard, std::string_view topic) {
  add(*content_, write_kind::erase_retained, topic).shard = number(shard);
}

void transaction::put_received(session_id from, mqtt::packet_id id) {
  auto& operation = add(*content_, write_kind::put_received, {},
                        [](std::string& out) { record::encode_received(out); });
  operation.session = from;
  operation.number = id;
}

void transaction::erase_received(session_id from, mqtt::packet_id id) {
  auto& operation = add(*content_, write_kind::erase_received);
  operation.session = from;
  operation.number = id;
}

void transaction::put_session(const session_record& record) {
  add(*content_, write_kind::put_session, {}, encoded(record)).session = record.id;
}

void transaction::erase_session(session_id id, std::string_view /*client_id*/) {
  add(*content_, write_kind::erase_session).session = id;
}

void transaction::put_subscription(session_id id, const subscription_record& subscription) {
  add(*content_, write_kind::put_subscription, subscription.filter, encoded(subscription)).session =
      id;
}

void transaction::erase_subscription(session_id id, std::string_view filter) {
  add(*content_, write_kind::erase_subscription, filter).session = id;
}

void transaction::settle(session_id id, order_no order, const log_position& body, bool sole) {
  auto& operation = add(*content_, write_kind::settle);
  operation.session = id;
  operation.number = order;
  operation.shard = number(body.shard);
  operation.offset = body.offset;
  operation.sole = sole;
}

void transaction::put_outgoing(session_id id, const outgoing_record& record) {
  auto& operation = add(*content_, write_kind::put_outgoing, {}, encoded(record));
  operation.session = id;
  operation.number = record.id;
}

void transaction::erase_outgoing(session_id id, mqtt::packet_id packet) {
  auto& operation = add(*content_, write_kind::erase_outgoing);
  operation.session = id;
  operation.number = packet;
}

}  // namespace troupe::storage
