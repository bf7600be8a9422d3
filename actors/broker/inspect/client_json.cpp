#include "actors/broker/inspect/client_json.hpp"

#include "actors/broker/subscriber.hpp"
#include "protocol/topics/names.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

namespace troupe::broker {

using nlohmann::json;

namespace {

std::uint64_t version_number(mqtt::protocol_version v) {
  return static_cast<std::uint64_t>(v);
}

/// "[::1]:40000" into "::1" and 40000; a path of a Unix socket has no port.
std::pair<std::string, json> address_of(const std::string& from) {
  const auto colon = from.rfind(':');
  unsigned port = 0;
  if (colon == std::string::npos ||
      std::from_chars(from.data() + colon + 1, from.data() + from.size(), port).ec != std::errc())
    return {from, json()};
  auto host = from.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return {std::move(host), json(port)};
}

}  // namespace

json json_of_time(std::int64_t wall_ms) {
  if (wall_ms == 0) return {};
  const auto seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm at{};
  gmtime_r(&seconds, &at);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", at.tm_year + 1900,
                at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec,
                static_cast<int>(wall_ms % 1000));
  return std::string(text.data());
}

json json_of(const client_view& c, const std::string& node) {
  json row = {{"clientid", c.client_id},
              {"username", c.username},
              {"node", node},
              {"connected", c.connected},
              {"ip_address", json()},
              {"port", json()},
              {"listener", json()},
              {"keepalive", json()},
              {"proto_name", "MQTT"},
              {"proto_ver", version_number(c.version)},
              {"connected_at", json_of_time(c.connected_at)},
              {"disconnected_at", json_of_time(c.disconnected_at)},
              {"expiry_interval", c.expiry},
              {"durable", c.durable},
              {"asleep", c.asleep},
              {"subscriptions_cnt", c.subscriptions},
              {"inflight_cnt", c.inflight},
              {"mqueue_len", c.queued},
              {"mqueue_bytes", c.queued_bytes},
              {"awaiting_rel_cnt", c.unreleased},
              {"actor", c.actor == 0 ? json() : json(std::to_string(c.actor) + "@" + node)}};
  if (c.device) {
    auto [host, port] = address_of(c.device->address);
    row["ip_address"] = std::move(host);
    row["port"] = std::move(port);
    row["listener"] = c.device->listener;
    row["keepalive"] = c.device->keep_alive;
  }
  return row;
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
                   {"session_ended", dropped[5]}}}}},
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
