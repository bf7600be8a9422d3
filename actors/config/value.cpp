#include "actors/config/value.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <limits>

namespace troupe::config {

namespace {

struct unit {
  std::string_view name;
  std::int64_t factor;
};

// Largest first, so that the shortest text is found first.
constexpr std::array size_units{unit{"GiB", 1ll << 30}, unit{"MiB", 1ll << 20},
                                unit{"KiB", 1ll << 10}, unit{"GB", 1'000'000'000},
                                unit{"MB", 1'000'000},  unit{"KB", 1'000},
                                unit{"B", 1},           unit{"", 1}};

constexpr std::array duration_units{unit{"w", 604'800'000}, unit{"d", 86'400'000},
                                    unit{"h", 3'600'000},   unit{"m", 60'000},
                                    unit{"s", 1'000},       unit{"ms", 1}};

constexpr std::int64_t never_ms = std::chrono::milliseconds{never}.count();

template <class Units>
std::optional<std::int64_t> parse_with_unit(std::string_view text, const Units& units) {
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{} || count < 0) return std::nullopt;
  std::string_view name(rest, static_cast<std::size_t>(end - rest));
  if (name.starts_with(' ')) name.remove_prefix(1);
  const auto found = std::ranges::find(units, name, &unit::name);
  if (found == units.end()) return std::nullopt;
  if (count > std::numeric_limits<std::int64_t>::max() / found->factor) return std::nullopt;
  return count * found->factor;
}

template <class Units>
std::string text_with_unit(std::int64_t value, const Units& units) {
  for (const unit& each : units) {
    if (value != 0 && value % each.factor == 0)
      return std::to_string(value / each.factor) + std::string(each.name);
  }
  return "0";
}

std::string_view without_blanks(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string shown(const raw_value& value) {
  struct visitor {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const {
      constexpr std::size_t longest = 80;
      std::string result = "\"";
      for (const char c : text.substr(0, longest))
        result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
      return result + (text.size() > longest ? "...\"" : "\"");
    }
    std::string operator()(const std::vector<std::string>&) const { return "a list"; }
    std::string operator()(const unusable& other) const { return other.what; }
  };
  return std::visit(visitor{}, value);
}

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, size_units);
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  if (text == "never") return never_ms;
  if (text == "0") return 0;
  return parse_with_unit(text, duration_units);
}

std::optional<endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65'535) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return std::nullopt;  // an IPv6 address without brackets has no clear port
  }
  if (host.find_first_of(" \t/") != std::string_view::npos) return std::nullopt;
  return endpoint{std::string(host), static_cast<std::uint16_t>(*port)};
}

bool is_network(std::string_view text) {
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  const bool v6 = address.find(':') != std::string::npos;
  std::array<unsigned char, 16> bytes;
  if (address.find('\0') != std::string::npos ||
      inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data()) != 1)
    return false;
  if (slash == std::string_view::npos) return true;
  const auto prefix = parse_integer(text.substr(slash + 1));
  return prefix && *prefix >= 0 && *prefix <= (v6 ? 128 : 32);
}

std::optional<std::int64_t> parse_mode(std::string_view text) {
  std::int64_t bits = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, bits, 8);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return bits;
}

std::vector<std::string> parse_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!without_blanks(text).empty()) {
    const auto comma = text.find(',');
    parts.emplace_back(without_blanks(text.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return parts;
}

std::string duration_text(std::int64_t milliseconds) {
  return milliseconds == never_ms ? "never" : text_with_unit(milliseconds, duration_units);
}

std::string size_text(std::int64_t bytes) {
  // Powers of two only: "2MiB" reads better than "2097152" and 1000 stays "1000".
  constexpr std::array units{size_units[0], size_units[1], size_units[2], size_units[7]};
  return text_with_unit(bytes, units);
}

}  // namespace troupe::config
