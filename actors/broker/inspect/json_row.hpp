#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

namespace troupe::broker {

/// One row of a list as JSON text. Thousands are made for one page, so there is no tree of
/// values between: that was most of what a list cost.
class json_row {
 public:
  json_row() { text_.reserve(512); }

  void add(std::string_view name, std::string_view value) {
    begin(name);
    text_ += quoted(value);
  }
  void add(std::string_view name, const char* value) { add(name, std::string_view(value)); }
  template <std::integral T>
  void add(std::string_view name, T value) {
    begin(name);
    if constexpr (std::is_same_v<T, bool>)
      text_ += value ? "true" : "false";
    else
      text_ += std::to_string(value);
  }
  template <class T>
  void add(std::string_view name, const std::optional<T>& value) {
    if (value) return add(name, *value);
    begin(name);
    text_ += "null";
  }
  /// The value is JSON already.
  void add_json(std::string_view name, std::string_view json) {
    begin(name);
    text_ += json;
  }

  std::string take() {
    text_ += '}';
    return std::move(text_);
  }

 private:
  void begin(std::string_view name) {
    text_ += text_.empty() ? "{\"" : ",\"";
    text_ += name;
    text_ += "\":";
  }
  static bool plain(std::string_view value) {
    for (const unsigned char c : value) {
      if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') return false;
    }
    return true;
  }
  static std::string quoted(std::string_view value) {
    if (plain(value)) return '"' + std::string(value) + '"';
    return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  std::string text_;
};

}  // namespace troupe::broker
