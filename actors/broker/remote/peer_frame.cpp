#include "actors/broker/remote/peer_frame.hpp"

#include "protocol/topics/names.hpp"

namespace troupe::broker {

namespace {

constexpr std::size_t longest_topic = 65'535;

mqtt::qos level_of(std::uint32_t number) {
  return number > 2 ? mqtt::qos::exactly_once : static_cast<mqtt::qos>(number);
}

std::uint32_t options_byte(const mqtt::subscription_options& o) {
  return static_cast<std::uint32_t>(o.maximum_qos) | (o.no_local ? 4U : 0U) |
         (o.retain_as_published ? 8U : 0U) | (static_cast<std::uint32_t>(o.retain) << 4);
}

mqtt::subscription_options options_of(std::uint32_t byte) {
  mqtt::subscription_options o;
  o.maximum_qos = level_of(byte & 3);
  o.no_local = (byte & 4) != 0;
  o.retain_as_published = (byte & 8) != 0;
  o.retain = static_cast<mqtt::retain_handling>(std::min(byte >> 4 & 3U, 2U));
  return o;
}

}  // namespace

std::string encode_frame(frame_kind kind, std::uint16_t shard,
                         const google::protobuf::MessageLite& content) {
  std::string out;
  out.reserve(frame_head_size + content.ByteSizeLong());
  out.push_back(static_cast<char>(kind));
  out.push_back(static_cast<char>(shard & 0xFF));
  out.push_back(static_cast<char>(shard >> 8));
  content.AppendToString(&out);
  return out;
}

std::optional<frame_head> decode_head(std::string_view frame) noexcept {
  if (frame.size() < frame_head_size) return std::nullopt;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(frame[i]); };
  return frame_head{static_cast<frame_kind>(byte(0)),
                    static_cast<std::uint16_t>(byte(1) | byte(2) << 8)};
}

void put_body(const mqtt::message& from, peer::Body& to) {
  to.set_topic(from.topic().data(), from.topic().size());
  to.set_payload(from.payload().data(), from.payload().size());
  if (!from.properties().empty())
    to.set_properties(from.properties().data(), from.properties().size());
  to.set_level(static_cast<std::uint32_t>(from.level()));
  to.set_retain(from.retain());
  to.set_expires_at(from.expires_at());
  to.set_received_at(from.received_at());
  to.set_publisher(from.publisher());
  to.set_trace(from.trace());
  if (from.timed()) to.set_timed_at(from.timed_at());
}

mqtt::message_ptr body_of(const peer::Body& from, bool of_this_node) {
  if (from.topic().empty() || from.topic().size() > longest_topic) return nullptr;
  mqtt::message::fields f;
  f.topic = from.topic();
  f.payload = from.payload();
  f.properties = from.properties();
  f.level = level_of(from.level());
  f.retain = from.retain();
  f.expires_at = from.expires_at();
  f.received_at = from.received_at();
  f.publisher = from.publisher();
  f.trace = from.trace();
  f.timed_at = from.timed_at();
  f.of_another_node = !of_this_node;
  return mqtt::message::make(f);
}

void put_receiver(const receiver& from, peer::Receiver& to) {
  to.set_session(from.who->id().value);
  to.set_level(static_cast<std::uint32_t>(from.level));
  to.set_retain(from.retain);
  for (const auto id : from.subscription_ids) to.add_subscription_ids(id);
  if (from.share) to.set_share(*from.share);
}

void put_route(const route_change& from, peer::Route& to) {
  to.set_add(from.add);
  to.set_filter(from.filter);
  if (!from.share.empty()) to.set_share(from.share);
  to.set_session(from.what.who->id().value);
  to.set_durable(from.what.who->kept());
  to.set_online(from.what.who->online());
  to.set_at(number(from.what.who->awake_at()));
  to.set_full(from.what.who->full());
  to.set_options(options_byte(from.what.options));
  to.set_subscription_id(from.what.subscription_id);
  if (from.what.who->kept()) to.set_epoch(from.what.who->epoch());
}

route_change route_of(const peer::Route& from, cluster::node_id by, std::uint64_t announcement) {
  route_change change;
  change.add = from.add();
  change.filter = from.filter();
  change.share = from.share();
  change.what.who = subscriber::announced(session_id(from.session()), from.durable(), by, announcement);
  change.what.who->online(from.online());
  change.what.who->epoch(from.epoch());
  change.what.who->awake_at(cluster::node_id{from.at()});
  change.what.who->full(from.full());
  change.what.options = options_of(from.options());
  change.what.subscription_id = from.subscription_id();
  return change;
}

void put_will(const mqtt::will& from, peer::Will& to) {
  to.set_topic(from.topic);
  to.set_payload(from.payload);
  to.set_level(static_cast<std::uint32_t>(from.level));
  to.set_retain(from.retain);
  to.set_delay(from.delay);
  if (from.expiry) to.set_expiry(*from.expiry);
  to.set_properties(from.properties);
}

mqtt::will will_of(const peer::Will& from) {
  mqtt::will w;
  w.topic = from.topic();
  w.payload = from.payload();
  w.level = level_of(from.level());
  w.retain = from.retain();
  w.delay = from.delay();
  if (from.has_expiry()) w.expiry = from.expiry();
  w.properties = from.properties();
  return w;
}

void put_state(const storage::session_record& record,
               const std::vector<storage::subscription_record>& subscriptions,
               peer::SessionState& to) {
  to.set_session(record.id.value);
  to.set_client_id(record.client_id);
  to.set_username(record.username);
  to.set_protocol(static_cast<std::uint32_t>(record.version));
  to.set_expiry(record.expiry);
  to.set_disconnected_at(record.disconnected_at);
  if (record.will) put_will(*record.will, *to.mutable_will());
  for (const auto& s : subscriptions) {
    auto& route = *to.add_subscriptions();
    route.set_filter(s.filter);
    route.set_options(options_byte(s.options));
    route.set_subscription_id(s.subscription_id);
  }
}

storage::session_record record_of(const peer::SessionState& from) {
  storage::session_record r;
  r.id = session_id(from.session());
  r.client_id = from.client_id();
  r.username = from.username();
  r.version = static_cast<mqtt::protocol_version>(std::clamp(from.protocol(), 3U, 5U));
  r.expiry = from.expiry();
  r.disconnected_at = from.disconnected_at();
  if (from.has_will()) r.will = will_of(from.will());
  return r;
}

std::vector<storage::subscription_record> subscriptions_of(const peer::SessionState& from) {
  std::vector<storage::subscription_record> all;
  for (const auto& route : from.subscriptions())
    if (topics::valid_subscription(route.filter()))
      all.push_back({route.filter(), options_of(route.options()), route.subscription_id()});
  return all;
}

void put_forward(const troupe::session::delivery& from, session_id to_whom, peer::ForwardItem& to) {
  put_body(*from.body, *to.mutable_body());
  auto& terms = *to.mutable_terms();
  terms.set_session(to_whom.value);
  terms.set_level(static_cast<std::uint32_t>(from.level));
  terms.set_retain(from.retain);
  for (const auto id : from.subscription_ids) terms.add_subscription_ids(id);
  if (from.share) terms.set_share(*from.share);
  to.set_replayed(from.replayed);
  if (!from.stored) return;
  to.set_order(from.stored.order);
  to.set_body_offset(from.stored.body_offset);
  to.set_body_shard(number(from.stored.body_shard));
  to.set_index(from.stored.index);
  to.set_body_place(static_cast<std::uint32_t>(from.stored.body));
  to.set_lone(from.stored.lone);
}

troupe::session::delivery delivery_of(const peer::ForwardItem& from) {
  troupe::session::delivery d;
  d.body = body_of(from.body());
  d.level = level_of(from.terms().level());
  d.retain = from.terms().retain();
  d.replayed = from.replayed();
  d.subscription_ids.assign(from.terms().subscription_ids().begin(),
                            from.terms().subscription_ids().end());
  if (!from.terms().share().empty())
    d.share = std::make_shared<const std::string>(from.terms().share());
  d.stored.order = from.order();
  d.stored.body_offset = from.body_offset();
  d.stored.body_shard = static_cast<shard_id>(from.body_shard());
  d.stored.index = static_cast<std::uint16_t>(from.index());
  d.stored.body = static_cast<troupe::session::body_place>(std::min(from.body_place(), 2U));
  d.stored.lone = from.lone();
  return d;
}

}  // namespace troupe::broker
