#include "protocol/auth/acl_pattern.hpp"

#include "protocol/topics/names.hpp"

namespace troupe::auth {

namespace {

/// A piece of a level: literal text or the name that stands for %c or %u.
struct piece {
  std::string_view text;
  bool name = false;
};

/// Cuts the next piece off a non-empty level.
piece next_piece(std::string_view& level, const identity& who) noexcept {
  if (level.starts_with("%c") || level.starts_with("%u")) {
    const std::string_view name = level[1] == 'c' ? who.client_id : who.username;
    level.remove_prefix(2);
    return {name, true};
  }
  std::size_t end = 1;
  while (end < level.size() && !level.substr(end).starts_with("%c") &&
         !level.substr(end).starts_with("%u")) {
    ++end;
  }
  const piece literal{level.substr(0, end), false};
  level.remove_prefix(end);
  return literal;
}

bool safe(std::string_view name) noexcept {
  return !name.empty() && name.find_first_of("+#/") == std::string_view::npos;
}

/// True if a level of the pattern takes a name that cannot stand in a level.
bool holds_unsafe_name(std::string_view level, const identity& who) noexcept {
  while (!level.empty()) {
    const piece part = next_piece(level, who);
    if (part.name && !safe(part.text)) return true;
  }
  return false;
}

bool level_matches(std::string_view pattern, const identity& who, std::string_view level) noexcept {
  if (pattern == "+") return true;
  while (!pattern.empty()) {
    const piece part = next_piece(pattern, who);
    if (!level.starts_with(part.text)) return false;
    level.remove_prefix(part.text.size());
  }
  return level.empty();
}

/// A rule about the user name says nothing about a client that has none.
bool applies(std::string_view pattern, const identity& who) noexcept {
  return !who.username.empty() || pattern.find("%u") == std::string_view::npos;
}

}  // namespace

bool pattern_matches(std::string_view pattern, const identity& who, std::string_view topic,
                     pattern_use use) noexcept {
  if (!applies(pattern, who)) return false;
  // By the text of the rule: neither a wildcard nor a name reaches "$..." topics.
  if (topic.starts_with('$') && !pattern.starts_with('$') && use == pattern_use::grant)
    return false;
  if (topic.starts_with('$') && topics::has_wildcard(pattern.substr(0, 1))) return false;
  topics::level_cursor want(pattern);
  topics::level_cursor have(topic);
  for (; !want.done() && !have.done(); want.advance(), have.advance()) {
    if (want.level() == "#") return true;
    if (holds_unsafe_name(want.level(), who)) return use == pattern_use::denial;
    if (!level_matches(want.level(), who, have.level())) return false;
  }
  return have.done() && (want.done() || want.level() == "#");
}

std::optional<std::string> expand_pattern(std::string_view pattern, const identity& who,
                                          pattern_use use) {
  if (!applies(pattern, who)) return std::nullopt;
  std::string out;
  bool first = true;
  for (topics::level_cursor level(pattern); !level.done(); level.advance()) {
    if (!first) out += '/';
    first = false;
    if (holds_unsafe_name(level.level(), who)) {
      if (use == pattern_use::grant) return std::nullopt;
      return out + '#';
    }
    for (std::string_view rest = level.level(); !rest.empty();) {
      out.append(next_piece(rest, who).text);
    }
  }
  // A client that calls itself "$SYS" has no right to that tree.
  const bool reserved = out.starts_with('$') && !pattern.starts_with('$');
  if (out.empty() || (reserved && use == pattern_use::grant)) return std::nullopt;
  return out;
}

}  // namespace troupe::auth
