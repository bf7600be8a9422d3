#include "actors/broker/inspect/client_json.hpp"

#include "actors/broker/inspect/json_row.hpp"
#include "actors/broker/subscriber.hpp"
#include "protocol/topics/names.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <tuple>
#include <utility>

namespace troupe::broker {

using nlohmann::json;

namespace {

std::uint64_t version_number(mqtt::protocol_version v) {
  return static_cast<std::uint64_t>(v);
}

/// "[::1]:40000" into "::1" and 40000; a path of a Unix socket has no port.
std::pair<std::string, std::optional<unsigned>> address_of(const std::string& from) {
  const auto colon = from.rfind(':');
  unsigned port = 0;
  if (colon == std::string::npos ||
      std::from_chars(from.data() + colon + 1, from.data() + from.size(), port).ec != std::errc())
    return {from, std::nullopt};
  auto host = from.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return {std::move(host), port};
}

}  // namespace

std::optional<std::string> time_text(std::int64_t wall_ms) {
  if (wall_ms == 0) return std::nullopt;
  const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm at{};
  gmtime_r(&seconds, &at);
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", at.tm_year + 1900,
                at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec,
                static_cast<int>(wall_ms % 1000));
  return std::string(text.data());
}

json json_of_time(std::int64_t wall_ms) {
  const auto text = time_text(wall_ms);
  return text ? json(*text) : json();
}

std::string row_of(const client_view& c, const std::string& node) {
  json_row row;
  row.add("clientid", c.client_id);
  row.add("username", c.username);
  row.add("node", node);
  row.add("connected", c.connected);
  std::optional<std::string> host;
  std::optional<unsigned> port;
  if (c.device) std::tie(host, port) = address_of(c.device->address);
  row.add("ip_address", host);
  row.add("port", port);
  if (c.device) {
    row.add("listener", c.device->listener);
    row.add("keepalive", c.device->keep_alive);
  } else {
    row.add_json("listener", "null");
    row.add_json("keepalive", "null");
  }
  row.add("proto_name", "MQTT");
  row.add("proto_ver", version_number(c.version));
  row.add("connected_at", time_text(c.connected_at));
  row.add("disconnected_at", time_text(c.disconnected_at));
  row.add("expiry_interval", c.expiry);
  row.add("durable", c.durable);
  row.add("asleep", c.asleep);
  row.add("subscriptions_cnt", c.subscriptions);
  row.add("inflight_cnt", c.inflight);
  row.add("mqueue_len", c.queued);
  row.add("mqueue_bytes", c.queued_bytes);
  row.add("awaiting_rel_cnt", c.unreleased);
  std::optional<std::string> actor;
  if (c.actor != 0) actor = std::to_string(c.actor) + "@" + node;
  row.add("actor", actor);
  return row.take();
}

std::string row_of(const storage::subscription_record& s, const std::string& client_id,
                   const std::string& node, bool connected) {
  json_row row;
  row.add("clientid", client_id);
  row.add("node", node);
  row.add("connected", connected);
  const auto shared = topics::parse_shared(s.filter);
  row.add("topic", s.filter);
  row.add("qos", static_cast<unsigned>(s.options.maximum_qos));
  row.add("nl", s.options.no_local ? 1 : 0);
  row.add("rap", s.options.retain_as_published ? 1 : 0);
  row.add("rh", static_cast<unsigned>(s.options.retain));
  row.add("subid", s.subscription_id == 0 ? std::nullopt : std::optional(s.subscription_id));
  row.add("share", shared ? std::optional(shared->group) : std::nullopt);
  return row.take();
}

json json_of(const client_view::details& d) {
  const auto by_qos = [](const std::array<std::uint64_t, 3>& n) {
    return json{{"qos0", n[0]}, {"qos1", n[1]}, {"qos2", n[2]}};
  };
  const auto& dropped = d.counts.dropped;
  json more = {{"windows",
                {{"outbound",
                  {{"max_inflight", d.max_inflight},
                   {"queued", d.cached},
                   {"queued_bytes", d.cached_bytes},
                   {"owed", d.owed},
                   {"owed_bytes", d.owed_bytes},
                   {"reading_store", d.reading_store}}},
                 {"inbound", {{"pending", d.pending}, {"receive_maximum", d.receive_maximum}}}}},
               {"counters",
                {{"received", by_qos(d.counts.received)},
                 {"sent", by_qos(d.counts.sent)},
                 {"dropped",
                  {{"queue_full", dropped[0]},
                   {"expired", dropped[1]},
                   {"too_large", dropped[2]},
                   {"write_buffer_full", dropped[3]},
                   {"not_authorized", dropped[4]},
                   {"session_ended", dropped[5]},
                   {"administrator", dropped[6]}}}}},
               {"waits_for", d.waits_for},
               {"last_disconnect", json()},
               {"will", json()}};
  if (d.last) more["last_disconnect"] = {{"at", json_of_time(d.last->at)}, {"reason", d.last->why}};
  if (d.will) more["will"] = {{"topic", d.will->first}, {"delay", d.will->second}};
  return more;
}

json json_of(const storage::subscription_record& s) {
  const auto shared = topics::parse_shared(s.filter);
  return {{"topic", s.filter},
          {"qos", static_cast<unsigned>(s.options.maximum_qos)},
          {"nl", s.options.no_local ? 1 : 0},
          {"rap", s.options.retain_as_published ? 1 : 0},
          {"rh", static_cast<unsigned>(s.options.retain)},
          {"subid", s.subscription_id == 0 ? json() : json(s.subscription_id)},
          {"share", shared ? json(std::string(shared->group)) : json()}};
}

client_view view_of(const listed_session& asleep) {
  client_view v;
  v.client_id = asleep.client_id;
  v.username = asleep.record.username;
  v.version = asleep.record.version;
  v.durable = true;
  v.asleep = true;
  v.expiry = asleep.record.expiry;
  v.disconnected_at = asleep.record.disconnected_at;
  v.subscriptions = asleep.subscriptions.size();
  v.queued = asleep.who.owed();
  v.queued_bytes = asleep.who.owed_bytes();
  return v;
}

}  // namespace troupe::broker
