#include "tools/troupectl/verbs/cluster_tables.hpp"

#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/text_table.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

namespace troupe::ctl {
namespace {

using nlohmann::json;

std::string or_dash(std::string text) {
  return text.empty() ? "-" : std::move(text);
}

std::string count(const json& from, const char* key) {
  return std::to_string(from.at(key).get<std::uint64_t>());
}

/// "0", "900", "4.0 KiB", "1.5 GiB"
std::string size_text(std::uint64_t bytes) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  std::array<char, 32> room{};
  std::snprintf(room.data(), room.size(), "%.1f %s", value, units[unit]);
  return room.data();
}

std::string milliseconds_text(double seconds) {
  std::array<char, 32> room{};
  std::snprintf(room.data(), room.size(), "%.1f ms", seconds * 1000);
  return room.data();
}

std::string member_name(const json& member, const json& view) {
  std::string name = member.at("name").get<std::string>();
  if (name == view.at("self")) name += " (this node)";
  return name;
}

/// "full, voter" and the like.
std::string role_of(const json& member, const json& view) {
  std::string role = member.at("kind").get<std::string>();
  if (member.at("name") == view.at("leader"))
    role += ", leader";
  else if (member.at("voter").get<bool>())
    role += ", voter";
  return role;
}

/// "0-3,7"
std::string ranges_text(const std::vector<std::uint64_t>& shards) {
  std::string text;
  for (std::size_t i = 0; i < shards.size();) {
    std::size_t end = i;
    while (end + 1 < shards.size() && shards[end + 1] == shards[end] + 1) ++end;
    text += (text.empty() ? "" : ",") + std::to_string(shards[i]);
    if (end != i) text += "-" + std::to_string(shards[end]);
    i = end + 1;
  }
  return text;
}

}  // namespace

std::string cluster_table(const json& view) {
  std::string text;
  const auto row = [&](std::string label, const std::string& value) {
    label.resize(15, ' ');
    text += label + harmless(value) + "\n";
  };
  const auto id = view.at("id").get<std::string>();
  row("cluster", view.at("name").get<std::string>() +
                     (id.empty() ? ": this node is no member yet" : " (" + id + ")"));
  row("leader", or_dash(view.at("leader").get<std::string>()) + ", term " + count(view, "term"));
  row("shards", count(view, "shards") + ", " + count(view, "replicas") +
                    " replicas wanted, map version " + count(view, "map_version") + ", " +
                    count(view, "without_owner") + " without an owner");
  for (const auto& problem : view.at("problems")) row("NOT READY", problem.get<std::string>());
  if (view.at("members").empty()) return text;
  text_table members({"MEMBER", "ADDRESS", "ROLE", "STATE", "LINK", "RTT", "UNACKED", "REPLICAS",
                      "OWNS", "RELEASE", "NODE"});
  for (const auto& each : view.at("members")) {
    const auto& link = each.at("link");
    const auto state = link.at("state").get<std::string>();
    const bool up = state == "up";
    members.add(
        {member_name(each, view), each.at("address").get<std::string>(), role_of(each, view),
         each.at("state").get<std::string>(), state == "self" ? "-" : state,
         up ? milliseconds_text(link.at("round_trip_seconds").get<double>()) : "-",
         up ? size_text(link.at("window_bytes").get<std::uint64_t>()) : "-",
         count(each, "replicas"), count(each, "owned"),
         or_dash(each.at("release").get<std::string>()), each.at("node").get<std::string>()});
  }
  return text + "\n" + members.text();
}

std::string shards_table(const json& view) {
  struct group {
    std::vector<std::uint64_t> shards;
    std::string owner, preferred, others;
  };
  std::vector<group> groups;
  for (const auto& each : view.at("shards")) {
    group found;
    found.owner = or_dash(each.at("owner").get<std::string>());
    for (const auto& replica : each.at("replicas")) {
      auto& to = found.preferred.empty() ? found.preferred : found.others;
      to += (to.empty() ? "" : ", ") + replica.get<std::string>();
    }
    auto same = groups.begin();
    while (same != groups.end() &&
           (same->owner != found.owner || same->preferred != found.preferred ||
            same->others != found.others))
      ++same;
    if (same == groups.end()) same = groups.insert(same, std::move(found));
    same->shards.push_back(each.at("shard").get<std::uint64_t>());
  }
  text_table table({"OWNER", "PREFERRED", "OTHER REPLICAS", "COUNT", "SHARDS"});
  for (const auto& each : groups)
    table.add({each.owner, or_dash(each.preferred), or_dash(each.others),
               std::to_string(each.shards.size()), ranges_text(each.shards)});
  return table.text();
}

}  // namespace troupe::ctl
