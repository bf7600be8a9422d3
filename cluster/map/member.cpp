#include "cluster/map/member.hpp"

#include <algorithm>

namespace troupe::cluster {

namespace {

constexpr std::size_t longest_release = 64;

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

std::string_view to_string(member_kind kind) noexcept {
  return kind == member_kind::full ? "full" : "witness";
}

std::string_view to_string(member_state state) noexcept {
  switch (state) {
    case member_state::joining:
      return "joining";
    case member_state::up:
      return "up";
    case member_state::leaving:
      return "leaving";
  }
  return "unknown";
}

std::string to_string(node_id node) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(16, '0');
  auto rest = number(node);
  for (auto each = text.rbegin(); each != text.rend(); ++each, rest >>= 4)
    *each = digits[rest & 15];
  return text;
}

std::string refusal_of(const member& who) {
  if (who.node == no_node) return "A member needs a node id that is not zero.";
  if (!is_name(who.name) || who.name.size() > longest_member_name)
    return "The name of a member consists of 1 to 64 letters, digits, '.', '-' and '_'.";
  if (who.host.empty() || who.host.size() > longest_host || !is_visible(who.host))
    return "Member " + who.name + " says no host at which other nodes could reach it.";
  if (who.port == 0)
    return "Member " + who.name + " says no port at which other nodes could reach it.";
  if (who.release.size() > longest_release || !is_visible(who.release))
    return "The release that member " + who.name + " says is no text of at most 64 characters.";
  return {};
}

}  // namespace troupe::cluster
