#include "actors/observe/api/query.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::observe {
namespace {

using kind = http_parameter::kind;

std::string fault(const http_parameter& of, std::string_view what) {
  return "\"" + of.name + "\" must be " + std::string(what) + ".";
}

std::string integer_fault(const http_parameter& of, std::string_view value) {
  std::uint64_t number = 0;
  const auto* const end = value.data() + value.size();
  const auto read = std::from_chars(value.data(), end, number);
  if (read.ec == std::errc() && read.ptr == end && number >= of.least && number <= of.greatest)
    return {};
  return fault(
      of, "a whole number from " + std::to_string(of.least) + " to " + std::to_string(of.greatest));
}

std::string choice_fault(const http_parameter& of, std::string_view value) {
  if (std::ranges::find(of.choices, value) != of.choices.end()) return {};
  std::string names;
  for (std::size_t i = 0; i < of.choices.size(); ++i) {
    if (i != 0) names += i + 1 == of.choices.size() ? " or " : ", ";
    names += of.choices[i];
  }
  return fault(of, names);
}

/// A form's encoding, where a plus is a space.
bool decode(std::string_view text, std::string& out) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return decode_percent(spaced, out);
}

}  // namespace

std::string parameter_fault(const http_parameter& parameter, std::string_view value) {
  switch (parameter.type) {
    case kind::integer:
      return integer_fault(parameter, value);
    case kind::choice:
      return choice_fault(parameter, value);
    case kind::boolean:
      return value == "true" || value == "false" ? std::string()
                                                 : fault(parameter, "true or false");
    case kind::text:
      break;
  }
  if (value.size() < parameter.least)
    return fault(parameter, "a text of at least " + std::to_string(parameter.least) + " bytes");
  if (value.size() > parameter.greatest)
    return fault(parameter, "a text of at most " + std::to_string(parameter.greatest) + " bytes");
  return {};
}

std::string read_query(std::string_view query, const std::vector<http_parameter>& known,
                       std::map<std::string, std::string, std::less<>>& out) {
  while (!query.empty()) {
    const auto piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), piece.size() + 1));
    if (piece.empty()) continue;
    const auto equal = piece.find('=');
    std::string name;
    std::string value;
    if (!decode(piece.substr(0, equal), name) ||
        (equal != std::string_view::npos && !decode(piece.substr(equal + 1), value)))
      return "The query has a broken escape.";
    const auto parameter = std::ranges::find(known, name, &http_parameter::name);
    if (parameter == known.end()) return "\"" + name + "\" has no meaning here.";
    if (auto wrong = parameter_fault(*parameter, value); !wrong.empty()) return wrong;
    if (!out.emplace(std::move(name), std::move(value)).second)
      return "\"" + parameter->name + "\" was sent twice.";
  }
  for (const auto& each : known)
    if (each.required && !out.contains(each.name)) return "\"" + each.name + "\" is missing.";
  return {};
}

}  // namespace troupe::observe
