#include "actors/config/define_key.hpp"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace troupe::config::definition {

namespace {

constexpr std::string_view file_prefix = "file://";
constexpr std::int64_t longest_secret = 64 * 1024;

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::optional<std::string> read_secret(const std::string& path) {
  // A pipe or a device could make the start wait for ever.
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::string text(longest_secret + 1, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size())) && !file.eof())
    return std::nullopt;
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > longest_secret) return std::nullopt;
  // Editors and `echo` leave a line end that is no part of the secret.
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::string number_text(std::int64_t number, key_kind kind) {
  if (kind == key_kind::duration) return duration_text(number);
  if (kind == key_kind::size) return size_text(number);
  if (kind != key_kind::mode) return std::to_string(number);
  std::string digits;
  for (; number != 0; number /= 8)
    digits.insert(digits.begin(), static_cast<char>('0' + number % 8));
  return "0" + digits;
}

}  // namespace

std::string shown_number(std::int64_t number, key_kind kind) {
  return number_text(number, kind);
}

std::optional<std::int64_t> read_number(const setting& from, key_kind kind) {
  const auto* number = std::get_if<std::int64_t>(&from.value);
  const auto* text = std::get_if<std::string>(&from.value);
  switch (kind) {
    case key_kind::integer:
      if (text && from.from_environment) return parse_integer(*text);
      return number ? std::optional(*number) : std::nullopt;
    case key_kind::size:
      if (text) return parse_size(*text);
      return number ? std::optional(*number) : std::nullopt;
    case key_kind::duration:
      if (text) return parse_duration(*text);
      // A bare number would leave the unit to a guess; nothing is nothing in every unit.
      return number && *number == 0 ? std::optional(*number) : std::nullopt;
    case key_kind::mode:
      return text ? parse_mode(*text) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<std::string> read_text(const setting& from, key_kind kind, const key_range& range,
                                     std::string& problem) {
  const auto* text = std::get_if<std::string>(&from.value);
  if (text == nullptr) {
    problem = "a text in quotation marks";
    return std::nullopt;
  }
  if (static_cast<std::int64_t>(text->size()) < range.least) {
    problem = "a text that is not empty";
    return std::nullopt;
  }
  if (static_cast<std::int64_t>(text->size()) > range.greatest) {
    problem = "a text of at most " + std::to_string(range.greatest) + " bytes";
    return std::nullopt;
  }
  if (has_control_characters(*text)) {
    problem = "a text without control characters";
    return std::nullopt;
  }
  if (kind != key_kind::secret || !text->starts_with(file_prefix)) return *text;
  auto secret = read_secret(text->substr(file_prefix.size()));
  if (!secret) problem = "a file that can be read and is at most 64KiB long";
  return secret;
}

std::optional<bool> read_boolean(const setting& from) {
  if (const auto* flag = std::get_if<bool>(&from.value)) return *flag;
  const auto* text = std::get_if<std::string>(&from.value);
  return text && from.from_environment ? parse_boolean(*text) : std::nullopt;
}

std::optional<std::vector<std::string>> read_list(const setting& from, const key_range& range) {
  std::vector<std::string> list;
  if (const auto* parts = std::get_if<std::vector<std::string>>(&from.value)) {
    list = *parts;
  } else if (const auto* text = std::get_if<std::string>(&from.value);
             text && from.from_environment) {
    list = parse_list(*text);
  } else {
    return std::nullopt;
  }
  if (static_cast<std::int64_t>(list.size()) > range.greatest) return std::nullopt;
  for (const std::string& each : list) {
    if (each.empty() || has_control_characters(each)) return std::nullopt;
  }
  return list;
}

std::string expected_number(key_kind kind, const key_range& range, std::string_view sample) {
  std::string what = kind == key_kind::size       ? "a size from "
                     : kind == key_kind::duration ? "a duration from "
                     : kind == key_kind::mode     ? "permission bits in quotation marks, from "
                                                  : "a whole number from ";
  what += number_text(range.least, kind) + " to " + number_text(range.greatest, kind);
  if (kind != key_kind::integer) what += ", such as " + std::string(sample);
  return what;
}

std::string expected_choice(std::span<const std::string_view> names) {
  std::string what = "one of ";
  for (std::size_t i = 0; i < names.size(); ++i)
    what += (i == 0 ? "\"" : ", \"") + std::string(names[i]) + "\"";
  return what;
}

}  // namespace troupe::config::definition
