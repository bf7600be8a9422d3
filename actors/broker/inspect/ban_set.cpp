#include "actors/broker/inspect/ban_set.hpp"

#include <nlohmann/json.hpp>

#include <tuple>

namespace troupe::broker {

using nlohmann::json;

std::string_view to_string(ban_kind kind) noexcept {
  switch (kind) {
    case ban_kind::clientid:
      return "clientid";
    case ban_kind::username:
      return "username";
    case ban_kind::ip_address:
      return "ip_address";
  }
  return {};
}

ban_kind ban_kind_of(std::string_view text) noexcept {
  for (const auto kind : {ban_kind::clientid, ban_kind::username, ban_kind::ip_address})
    if (text == to_string(kind)) return kind;
  return ban_kind{};
}

std::string_view host_of(std::string_view address) noexcept {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos) return address;
  if (!address.starts_with('[')) return address.substr(0, colon);
  return address.substr(
      1, address.find(']') == std::string_view::npos ? address.size() : address.find(']') - 1);
}

const ban* ban_set::at(const key& place, std::int64_t now) const {
  const auto it = bans_.find(place);
  if (it == bans_.end() || it->second.lifted) return nullptr;
  return it->second.until != 0 && it->second.until <= now ? nullptr : &it->second;
}

const ban* ban_set::find(std::string_view client_id, std::string_view username,
                         std::string_view address, std::int64_t now) const {
  if (bans_.empty()) return nullptr;
  if (const auto* found = at({ban_kind::clientid, std::string(client_id)}, now)) return found;
  if (!username.empty())
    if (const auto* found = at({ban_kind::username, std::string(username)}, now)) return found;
  return at({ban_kind::ip_address, std::string(host_of(address))}, now);
}

bool ban_set::merge(ban change) {
  const key place{change.as, change.who};
  const auto it = bans_.find(place);
  if (it == bans_.end()) {
    if (bans_.size() >= 2 * most) return false;
    bans_.emplace(place, std::move(change));
    return true;
  }
  // Of two changes of one moment all nodes keep the same.
  const auto rank = [](const ban& b) { return std::tie(b.at, b.lifted, b.until, b.reason, b.by); };
  if (rank(change) <= rank(it->second)) return false;
  it->second = std::move(change);
  return true;
}

void ban_set::prune(std::int64_t now) {
  std::erase_if(bans_, [now](const auto& each) {
    const auto& b = each.second;
    if (b.lifted) return b.at + lifted_for_ms <= now;
    return b.until != 0 && b.until <= now;
  });
}

std::string ban_set::encode(const std::vector<const ban*>& bans) {
  auto list = json::array();
  for (const auto* b : bans)
    list.push_back({{"as", to_string(b->as)},
                    {"who", b->who},
                    {"reason", b->reason},
                    {"by", b->by},
                    {"at", b->at},
                    {"until", b->until},
                    {"lifted", b->lifted}});
  return json{{"version", 1}, {"bans", std::move(list)}}.dump(-1, ' ', false,
                                                              json::error_handler_t::replace);
}

std::string ban_set::encode() const {
  std::vector<const ban*> every;
  for (const auto& [place, b] : bans_) every.push_back(&b);
  return encode(every);
}

std::string ban_set::merge_text(std::string_view text) {
  const auto from = json::parse(text, nullptr, false);
  const auto list = from.is_object() ? from.value("bans", json()) : json();
  if (!list.is_array() || from.value("version", json()) != 1)
    return "The list of bans cannot be read";
  std::vector<ban> read;
  for (const auto& each : list) {
    ban b;
    const auto text_at = [&](const char* name, std::string& to) {
      const auto it = each.find(name);
      if (it == each.end() || !it->is_string()) return false;
      to = it->get<std::string>();
      return true;
    };
    std::string as;
    const bool good = each.is_object() && text_at("as", as) && text_at("who", b.who) &&
                      text_at("reason", b.reason) && text_at("by", b.by) && each.contains("at") &&
                      each["at"].is_number_integer() && each.contains("until") &&
                      each["until"].is_number_integer();
    b.as = ban_kind_of(as);
    if (!good || b.as == ban_kind{} || b.who.empty()) return "The list of bans cannot be read";
    b.at = each["at"];
    b.until = each["until"];
    b.lifted = each.value("lifted", json()) == true;
    read.push_back(std::move(b));
  }
  for (auto& b : read) merge(std::move(b));
  return {};
}

}  // namespace troupe::broker
