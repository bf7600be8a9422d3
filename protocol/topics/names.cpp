#include "protocol/topics/names.hpp"

#include <algorithm>

namespace troupe::topics {

namespace {

constexpr std::string_view share_word = "$share";
constexpr std::string_view share_prefix = "$share/";

bool valid_length(std::string_view text) noexcept {
  return !text.empty() && text.size() <= max_bytes;
}

bool is_wildcard(std::string_view level) noexcept {
  return level == "+" || level == "#";
}

bool starts_with_wildcard(std::string_view filter) noexcept {
  return !filter.empty() && (filter.front() == '+' || filter.front() == '#');
}

/// A leading wildcard never reaches into the names that begin with `$`.
bool kept_apart(std::string_view filter, std::string_view name) noexcept {
  return starts_with_wildcard(filter) && !name.empty() && name.front() == '$';
}

}  // namespace

bool valid_topic_name(std::string_view topic) noexcept {
  constexpr std::string_view forbidden("+#\0", 3);
  return valid_length(topic) && topic.find_first_of(forbidden) == std::string_view::npos;
}

bool valid_filter(std::string_view filter) noexcept {
  if (!valid_length(filter) || filter.find('\0') != std::string_view::npos) return false;
  const std::size_t size = filter.size();
  for (std::size_t at = filter.find_first_of("+#"); at != std::string_view::npos;
       at = filter.find_first_of("+#", at + 1)) {
    if (at > 0 && filter[at - 1] != '/') return false;
    if (filter[at] == '#' && at + 1 != size) return false;
    if (filter[at] == '+' && at + 1 != size && filter[at + 1] != '/') return false;
  }
  return true;
}

bool valid_subscription(std::string_view filter) noexcept {
  if (!is_shared_prefix(filter)) return valid_filter(filter);
  return filter.size() <= max_bytes && parse_shared(filter).has_value();
}

std::size_t levels(std::string_view name) noexcept {
  return 1 + static_cast<std::size_t>(std::count(name.begin(), name.end(), '/'));
}

bool has_wildcard(std::string_view filter) noexcept {
  return filter.find_first_of("+#") != std::string_view::npos;
}

bool matches(std::string_view filter, std::string_view topic) noexcept {
  if (kept_apart(filter, topic)) return false;
  level_cursor want(filter);
  level_cursor have(topic);
  for (; !want.done() && !have.done(); want.advance(), have.advance()) {
    if (want.level() == "#") return true;
    if (want.level() != "+" && want.level() != have.level()) return false;
  }
  if (!have.done()) return false;
  // "sport/#" matches "sport" as well.
  return want.done() || want.level() == "#";
}

bool overlaps(std::string_view left, std::string_view right) noexcept {
  if (kept_apart(left, right) || kept_apart(right, left)) return false;
  level_cursor a(left);
  level_cursor b(right);
  for (; !a.done() && !b.done(); a.advance(), b.advance()) {
    if (a.level() == "#" || b.level() == "#") return true;
    if (!is_wildcard(a.level()) && !is_wildcard(b.level()) && a.level() != b.level()) return false;
  }
  return (a.done() || a.level() == "#") && (b.done() || b.level() == "#");
}

bool covers(std::string_view wide, std::string_view narrow) noexcept {
  if (kept_apart(wide, narrow)) return false;
  level_cursor a(wide);
  level_cursor b(narrow);
  for (; !a.done() && !b.done(); a.advance(), b.advance()) {
    if (a.level() == "#") return true;
    if (b.level() == "#") return false;
    if (a.level() != "+" && a.level() != b.level()) return false;
  }
  return b.done() && (a.done() || a.level() == "#");
}

bool is_shared_prefix(std::string_view filter) noexcept {
  return filter == share_word || filter.starts_with(share_prefix);
}

std::optional<shared_filter> parse_shared(std::string_view filter) noexcept {
  if (!filter.starts_with(share_prefix)) return std::nullopt;
  const std::string_view rest = filter.substr(share_prefix.size());
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const shared_filter parts{rest.substr(0, slash), rest.substr(slash + 1)};
  if (parts.group.find_first_of("+#") != std::string_view::npos) return std::nullopt;
  if (parts.group.find('\0') != std::string_view::npos) return std::nullopt;
  // A group of a group means nothing; refusing it keeps the parse unambiguous.
  if (!valid_filter(parts.filter) || is_shared_prefix(parts.filter)) return std::nullopt;
  return parts;
}

}  // namespace troupe::topics
