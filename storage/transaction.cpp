#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/transaction_content.hpp"

namespace troupe::storage {

namespace {

/// Up to so many runs are looked through; more are indexed.
constexpr std::uint32_t few_runs = 16;

/// Adds an operation with its name and whatever `encode` appends as its value.
template <class Encode>
write_operation& add(write_operations& to, write_kind kind, std::string_view name, Encode encode) {
  auto& operation = to.list.emplace_back();
  operation.kind = kind;
  operation.at = static_cast<std::uint32_t>(to.bytes.size());
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

// --- runs ---

std::uint32_t transaction::content::find_run(session_id to) {
  const auto count = static_cast<std::uint32_t>(runs.size());
  // Messages of one topic have the same receivers in the same order.
  for (const auto guess : {latest_, latest_ + 1, 0U}) {
    if (guess < count && runs[guess].to == to && !runs[guess].closed) return guess;
  }
  if (count <= few_runs) {
    for (auto i = count; i-- > 0;) {
      if (runs[i].to == to && !runs[i].closed) return i;
    }
    return count;
  }
  for (; indexed_ < count; ++indexed_) {
    if (!runs[indexed_].closed) index_.insert_or_assign(runs[indexed_].to, indexed_);
  }
  const auto found = index_.find(to);
  return found != index_.end() && !runs[found->second].closed ? found->second : count;
}

std::uint32_t transaction::content::run_of(session_id to) {
  const auto found = find_run(to);
  if (found < runs.size()) {
    auto& run = runs[found];
    if (run.count < record::run_messages && run.size < record::run_bytes) return latest_ = found;
    run.closed = true;
  }
  auto& run = runs.emplace_back();
  run.to = to;
  run.first_piece = run.last_piece = static_cast<std::uint32_t>(pieces.size());
  pieces.push_back({static_cast<std::uint32_t>(bytes.size()), 0, run_piece::none});
  record::begin_run(heads, bytes);
  run.size = pieces.back().size = static_cast<std::uint32_t>(bytes.size()) - pieces.back().at;
  return latest_ = static_cast<std::uint32_t>(runs.size() - 1);
}

template <class Encode>
stored_place transaction::content::add_to_run(session_id to, Encode encode) {
  const auto number = run_of(to);
  auto& run = runs[number];
  const auto at = static_cast<std::uint32_t>(bytes.size());
  encode(bytes, number);
  const auto added = static_cast<std::uint32_t>(bytes.size()) - at;
  run.size += added;
  if (auto& last = pieces[run.last_piece]; last.at + last.size == at) {
    last.size += added;
  } else {
    last.next = static_cast<std::uint32_t>(pieces.size());
    run.last_piece = last.next;
    pieces.push_back({at, added, run_piece::none});
  }
  stored_place place;
  place.order = number;
  place.index = static_cast<std::uint16_t>(run.count++);
  return place;
}

bool transaction::content::has_head(std::uint32_t run, const mqtt::message& of) {
  if (heads == record::heads::each) return false;
  if (heads_.size() <= run) heads_.resize(run + 1);
  auto& head = heads_[run];
  if (head && record::same_head(*head, of)) return true;
  head = mqtt::message_ptr(&of);
  return false;
}

stored_place transaction::content::add_inside(session_id to, const owed_terms& terms,
                                              const mqtt::message& body) {
  return add_to_run(to, [&](std::string& out, std::uint32_t run) {
    record::append_item(terms, body, out, !has_head(run, body));
  });
}

stored_place transaction::content::add_in_log(session_id to, const owed_terms& terms,
                                              const log_position& at, bool sole) {
  return add_to_run(to, [&](std::string& out, std::uint32_t /*run*/) {
    record::append_item(terms, at, sole, out);
  });
}

// --- transaction ---

transaction::transaction() noexcept = default;
transaction::transaction(transaction&&) noexcept = default;
transaction& transaction::operator=(transaction&&) noexcept = default;
transaction::~transaction() = default;

transaction::content& transaction::own() {
  if (!content_) content_ = std::make_unique<content>();
  return *content_;
}

bool transaction::empty() const noexcept {
  return !content_ || (content_->list.empty() && content_->runs.empty());
}

std::size_t transaction::size() const noexcept {
  return content_ ? content_->size() : 0;
}

// --- in a replicated store ---

std::optional<shard_id> transaction::content::shard() const noexcept {
  std::uint32_t found = entry ? entry->shard : entry_head::mixed;
  bool several = false;
  const auto concerns = [&](std::uint16_t one) {
    several = several || (found != entry_head::mixed && found != one);
    found = one;
  };
  for (const auto& operation : list) {
    using enum write_kind;
    const bool of_session = operation.session != session_id{};
    if (of_session) concerns(number(operation.session.shard()));
    // A body that is inside has no place in a log.
    if (operation.kind == settle && operation.body == body_place::inside) continue;
    if (!of_session || operation.kind == settle) concerns(operation.shard);
  }
  for (const auto& run : runs) concerns(number(run.to.shard()));
  if (several || found == entry_head::mixed) return std::nullopt;
  return static_cast<shard_id>(static_cast<std::uint16_t>(found));
}

entry_head& transaction::content::head() {
  if (!entry) entry = std::make_unique<entry_head>();
  return *entry;
}

std::optional<shard_id> transaction::shard() const noexcept {
  return content_ ? content_->shard() : std::nullopt;
}

std::uint64_t transaction::owed() const noexcept {
  std::uint64_t count = 0;
  if (content_) {
    for (const auto& run : content_->runs) count += run.count;
  }
  return count;
}

void transaction::first_order(order_no first) {
  own().head().first_order = first;
}

void transaction::applied(shard_id shard, std::uint64_t index, std::uint64_t term) {
  auto& head = own().head();
  head.shard = number(shard);
  head.index = index;
  head.term = term;
}

// --- operations ---

void transaction::share_heads() {
  // A run that has begun says that each has its own.
  if (own().runs.empty()) own().heads = record::heads::shared;
}

void transaction::expect(std::size_t bytes) {
  auto& to = own().bytes;
  to.reserve(to.size() + bytes);
}

void transaction::append(log_position at, const mqtt::message& body, std::uint32_t receivers) {
  auto& operation = add(own(), write_kind::append, {}, encoded(body));
  operation.shard = number(at.shard);
  operation.offset = at.offset;
  operation.count = receivers;
}

stored_place transaction::owe(session_id to, const owed_terms& terms, const mqtt::message& body,
                              log_position at) {
  if (body.footprint() <= record::inside_limit) return own().add_inside(to, terms, body);
  append(at, body, 1);
  auto place = own().add_in_log(to, terms, at, true);
  place.body = body_place::sole;
  place.body_shard = at.shard;
  place.body_offset = at.offset;
  return place;
}

stored_place transaction::owe(session_id to, const owed_terms& terms, log_position at) {
  auto place = own().add_in_log(to, terms, at, false);
  content_->runs[place.order].counted = true;
  place.body = body_place::shared;
  place.body_shard = at.shard;
  place.body_offset = at.offset;
  return place;
}

owed_orders transaction::orders() const {
  owed_orders out;
  if (!content_) return out;
  std::uint32_t start = 0;
  out.starts_.reserve(content_->runs.size() + 1);
  for (const auto& run : content_->runs) {
    out.starts_.push_back(start);
    start += run.count;
  }
  out.starts_.push_back(start);
  return out;
}

void transaction::put_retained(shard_id shard, const mqtt::message& message, std::uint64_t limit,
                               const routes_version& matched) {
  const retained_message kept{mqtt::message_ptr(&message), matched};
  auto& operation = add(own(), write_kind::put_retained, {}, encoded(kept));
  operation.shard = number(shard);
  operation.number = limit;
  operation.offset = content_->retained.size();
  content_->retained.push_back(kept);
}

void transaction::erase_retained(shard_id shard, std::string_view topic) {
  add(own(), write_kind::erase_retained, topic).shard = number(shard);
}

void transaction::expire_retained(shard_id shard, std::string_view topic, std::int64_t now_ms) {
  auto& operation = add(own(), write_kind::expire_retained, topic);
  operation.shard = number(shard);
  operation.number = static_cast<std::uint64_t>(now_ms);
}

void transaction::put_received(session_id from, const received_record& record) {
  auto& operation = add(own(), write_kind::put_received, {}, encoded(record));
  operation.session = from;
  operation.number = record.id;
}

void transaction::put_origin(shard_id shard, const origin_record& record) {
  auto& operation = add(own(), write_kind::put_origin, {}, encoded(record));
  operation.shard = number(shard);
  operation.index = number(record.topics);
  operation.number = record.publisher.value;
}

void transaction::erase_origin(shard_id shard, const origin_record& record) {
  auto& operation = add(own(), write_kind::erase_origin);
  operation.shard = number(shard);
  operation.index = number(record.topics);
  operation.number = record.publisher.value;
}

void transaction::put_choice(shard_id shard, const choice_record& record) {
  const auto name = keys::choice_name(record.of);
  auto& operation = add(own(), write_kind::put_choice, name.view(), encoded(record));
  operation.shard = number(shard);
  operation.number = record.publisher.value;
}

void transaction::erase_choice(shard_id shard, session_id publisher, const session::origin& of) {
  const auto name = keys::choice_name(of);
  auto& operation = add(own(), write_kind::erase_choice, name.view());
  operation.shard = number(shard);
  operation.number = publisher.value;
}

void transaction::erase_received(session_id from, mqtt::packet_id id) {
  auto& operation = add(own(), write_kind::erase_received);
  operation.session = from;
  operation.number = id;
}

void transaction::put_session(const session_record& record) {
  add(own(), write_kind::put_session, {}, encoded(record)).session = record.id;
}

void transaction::erase_session(session_id id, std::string_view /*client_id*/) {
  add(own(), write_kind::erase_session).session = id;
}

void transaction::put_subscription(session_id id, const subscription_record& subscription) {
  add(own(), write_kind::put_subscription, subscription.filter, encoded(subscription)).session = id;
}

void transaction::erase_subscription(session_id id, std::string_view filter) {
  add(own(), write_kind::erase_subscription, filter).session = id;
}

void transaction::settle(session_id id, const stored_place& place) {
  auto& list = own().list;
  // Clients acknowledge in order: one operation for many.
  if (!list.empty() && place.body == body_place::inside) {
    auto& last = list.back();
    if (last.kind == write_kind::settle && last.session == id && last.number == place.run() &&
        last.body == body_place::inside && last.index + last.count == place.index) {
      ++last.count;
      return;
    }
  }
  auto& operation = list.emplace_back();
  operation.kind = write_kind::settle;
  operation.session = id;
  operation.number = place.run();
  operation.index = place.index;
  operation.count = 1;
  operation.body = place.body;
  operation.lone = place.lone;
  operation.shard = number(place.body_shard);
  operation.offset = place.body_offset;
}

void transaction::put_outgoing(session_id id, const outgoing_record& record) {
  auto& operation = add(own(), write_kind::put_outgoing, {}, encoded(record));
  operation.session = id;
  operation.number = record.id;
}

void transaction::erase_outgoing(session_id id, mqtt::packet_id packet) {
  auto& operation = add(own(), write_kind::erase_outgoing);
  operation.session = id;
  operation.number = packet;
}

}  // namespace troupe::storage
