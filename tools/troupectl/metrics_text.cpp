#include "tools/troupectl/metrics_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace troupe::ctl {
namespace {

using nlohmann::json;

constexpr double greatest_exact = 9'007'199'254'740'992.0;  // 2^53

/// The samples of a histogram or summary have names of their own.
constexpr std::string_view suffixes[] = {"_bucket", "_sum", "_count"};

using types_by_name = std::map<std::string, std::string, std::less<>>;

std::string type_of(const types_by_name& types, std::string_view name) {
  if (const auto found = types.find(name); found != types.end()) return found->second;
  for (const auto suffix : suffixes) {
    if (!name.ends_with(suffix)) continue;
    const auto found = types.find(name.substr(0, name.size() - suffix.size()));
    if (found != types.end()) return found->second;
  }
  return "untyped";
}

/// Takes `key="value",...}` off the front.
std::optional<json> labels_of(std::string_view& rest) {
  auto labels = json::object();
  while (!rest.starts_with('}')) {
    const auto equals = rest.find("=\"");
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string key(rest.substr(0, equals));
    rest.remove_prefix(equals + 2);
    std::string value;
    while (!rest.empty() && rest.front() != '"') {
      if (rest.front() == '\\' && rest.size() > 1) {
        rest.remove_prefix(1);
        value += rest.front() == 'n' ? '\n' : rest.front();
      } else {
        value += rest.front();
      }
      rest.remove_prefix(1);
    }
    if (rest.empty()) return std::nullopt;
    rest.remove_prefix(1);
    labels[key] = std::move(value);
    if (rest.starts_with(',')) rest.remove_prefix(1);
    if (rest.empty()) return std::nullopt;
  }
  rest.remove_prefix(1);
  return labels;
}

json number_of(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (std::trunc(value) == value && std::abs(value) <= greatest_exact)
    return static_cast<std::int64_t>(value);
  return value;
}

std::optional<json> sample_of(std::string_view line, const types_by_name& types) {
  const auto end = line.find_first_of("{ ");
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const auto name = line.substr(0, end);
  auto rest = line.substr(end);
  auto labels = std::optional<json>(json::object());
  if (rest.front() == '{') {
    rest.remove_prefix(1);
    labels = labels_of(rest);
  }
  if (!labels) return std::nullopt;
  const std::string number(rest);
  char* after = nullptr;
  const double value = std::strtod(number.c_str(), &after);
  if (after == number.c_str()) return std::nullopt;
  return json{{"name", std::string(name)},
              {"type", type_of(types, name)},
              {"labels", std::move(*labels)},
              {"value", number_of(value)}};
}

}  // namespace

json metrics_of(std::string_view text) {
  constexpr std::string_view type_line = "# TYPE ";
  types_by_name types;
  auto samples = json::array();
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with(type_line)) {
      line.remove_prefix(type_line.size());
      const auto space = line.find(' ');
      if (space != std::string_view::npos)
        types.emplace(line.substr(0, space), line.substr(space + 1));
    } else if (!line.empty() && line.front() != '#') {
      if (auto sample = sample_of(line, types)) samples.push_back(std::move(*sample));
    }
  }
  return {{"data", std::move(samples)}};
}

}  // namespace troupe::ctl
