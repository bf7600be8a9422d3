// How the tables of keys are written: a path of member pointers becomes the
// functions that store and compare the member. Included by the tables only.
#pragma once

#include "actors/config/keys.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

namespace troupe::config {

template <class Enum>
struct choices;

template <>
struct choices<transport_kind> {
  static constexpr std::array<std::string_view, 5> names{"tcp", "tls", "ws", "wss", "unix"};
};
template <>
struct choices<client_certificates> {
  static constexpr std::array<std::string_view, 3> names{"none", "optional", "required"};
};
template <>
struct choices<certificate_username> {
  static constexpr std::array<std::string_view, 3> names{"none", "cn", "subject"};
};
template <>
struct choices<tls_version> {
  static constexpr std::array<std::string_view, 2> names{"1.2", "1.3"};
};
template <>
struct choices<queue_full_policy> {
  static constexpr std::array<std::string_view, 2> names{"drop_newest", "drop_oldest"};
};
template <>
struct choices<durability_mode> {
  static constexpr std::array<std::string_view, 2> names{"process", "fsync"};
};
template <>
struct choices<share_strategy> {
  static constexpr std::array<std::string_view, 5> names{"round_robin", "local_first", "sticky",
                                                         "hash_client", "random"};
};
template <>
struct choices<log_level> {
  static constexpr std::array<std::string_view, 5> names{"trace", "debug", "info", "warning",
                                                         "error"};
};
template <>
struct choices<log_format> {
  static constexpr std::array<std::string_view, 2> names{"human", "json"};
};

namespace definition {

/// The number behind the value if it has the shape that the kind wants.
std::optional<std::int64_t> read_number(const setting& from, key_kind kind);
/// The text behind the value, secrets read from their file; a refusal goes to `problem`.
std::optional<std::string> read_text(const setting& from, key_kind kind, const key_range& range,
                                     std::string& problem);
std::optional<bool> read_boolean(const setting& from);
std::optional<std::vector<std::string>> read_list(const setting& from, const key_range& range);
/// "a size from 16 to 256MiB, such as \"2MiB\""
std::string expected_number(key_kind kind, const key_range& range, std::string_view sample);
std::string expected_choice(std::span<const std::string_view> names);

inline std::optional<std::string> assign_to(std::string& member, const setting& from, key_kind kind,
                                            const key_range& range, std::string_view) {
  std::string problem;
  auto text = read_text(from, kind, range, problem);
  if (!text) return problem;
  member = std::move(*text);
  return std::nullopt;
}

inline std::optional<std::string> assign_to(bool& member, const setting& from, key_kind,
                                            const key_range&, std::string_view) {
  const auto flag = read_boolean(from);
  if (!flag) return "true or false";
  member = *flag;
  return std::nullopt;
}

inline std::optional<std::string> assign_to(std::optional<bool>& member, const setting& from,
                                            key_kind kind, const key_range& range,
                                            std::string_view sample) {
  bool flag = false;
  auto problem = assign_to(flag, from, kind, range, sample);
  if (!problem) member = flag;
  return problem;
}

inline std::optional<std::string> assign_to(std::vector<std::string>& member, const setting& from,
                                            key_kind, const key_range& range, std::string_view) {
  auto list = read_list(from, range);
  if (!list) return "a list of texts, such as [\"https://example.org\"]";
  member = std::move(*list);
  return std::nullopt;
}

/// "off" and nothing are unset.
inline std::optional<std::string> assign_to(std::optional<endpoint>& member, const setting& from,
                                            key_kind, const key_range&, std::string_view) {
  const auto* text = std::get_if<std::string>(&from.value);
  auto address = text ? parse_endpoint(*text) : std::nullopt;
  if (!address && !(text && (text->empty() || *text == "off")))
    return "an address and a port, such as \"10.0.0.1:4883\", or \"off\"";
  member = std::move(address);
  return std::nullopt;
}

inline std::optional<std::string> assign_to(std::vector<endpoint>& member, const setting& from,
                                            key_kind, const key_range& range, std::string_view) {
  const auto list = read_list(from, range);
  std::vector<endpoint> addresses;
  for (const std::string& each : list.value_or(std::vector<std::string>{})) {
    auto address = parse_endpoint(each);
    if (!address || address->port == 0) break;
    addresses.push_back(std::move(*address));
  }
  if (!list || addresses.size() != list->size())
    return "a list of addresses with ports, such as [\"10.0.0.2:4883\", \"10.0.0.3:4883\"]";
  member = std::move(addresses);
  return std::nullopt;
}

inline std::optional<std::string> assign_to(endpoint& member, const setting& from, key_kind,
                                            const key_range&, std::string_view sample) {
  const auto* text = std::get_if<std::string>(&from.value);
  auto address = text ? parse_endpoint(*text) : std::nullopt;
  if (!address) return "an address and a port, such as " + std::string(sample);
  member = std::move(*address);
  return std::nullopt;
}

template <class Member>
requires std::unsigned_integral<Member> std::optional<std::string> assign_to(
    Member& member, const setting& from, key_kind kind, const key_range& range,
    std::string_view sample) {
  const auto number = read_number(from, kind);
  if (!number || *number < range.least || *number > range.greatest)
    return expected_number(kind, range, sample);
  member = static_cast<Member>(*number);
  return std::nullopt;
}

template <class Rep, class Period>
std::optional<std::string> assign_to(std::chrono::duration<Rep, Period>& member,
                                     const setting& from, key_kind kind, const key_range& range,
                                     std::string_view sample) {
  using duration = std::chrono::duration<Rep, Period>;
  const auto number = read_number(from, kind);
  if (!number || *number < range.least || *number > range.greatest)
    return expected_number(kind, range, sample);
  const std::chrono::milliseconds exact(*number);
  const auto whole = std::chrono::duration_cast<duration>(exact);
  if (whole != exact) return "a duration in whole seconds, such as " + std::string(sample);
  member = whole;
  return std::nullopt;
}

template <class Enum>
requires std::is_enum_v<Enum> std::optional<std::string> assign_to(Enum& member,
                                                                   const setting& from, key_kind,
                                                                   const key_range&,
                                                                   std::string_view) {
  constexpr auto& names = choices<Enum>::names;
  const auto* text = std::get_if<std::string>(&from.value);
  const auto found = text ? std::ranges::find(names, *text) : names.end();
  if (found == names.end()) return expected_choice(names);
  member = static_cast<Enum>(found - names.begin());
  return std::nullopt;
}

/// "2MiB", "10s", "0660" or the plain number, as the kind has it.
std::string shown_number(std::int64_t number, key_kind kind);

inline std::string show_member(const std::string& member, key_kind kind) {
  return kind == key_kind::secret && !member.empty() ? "(secret)" : member;
}
inline std::string show_member(bool member, key_kind) {
  return member ? "true" : "false";
}
inline std::string show_member(const std::optional<bool>& member, key_kind kind) {
  return member ? show_member(*member, kind) : std::string();
}
inline std::string show_member(const endpoint& member, key_kind) {
  return to_string(member);
}
inline std::string show_member(const std::optional<endpoint>& member, key_kind) {
  return member ? to_string(*member) : "off";
}
template <std::unsigned_integral Member>
std::string show_member(Member member, key_kind kind) {
  return shown_number(static_cast<std::int64_t>(member), kind);
}
template <class Rep, class Period>
std::string show_member(const std::chrono::duration<Rep, Period>& member, key_kind kind) {
  return shown_number(std::chrono::duration_cast<std::chrono::milliseconds>(member).count(), kind);
}
template <class Enum>
requires std::is_enum_v<Enum> std::string show_member(Enum member, key_kind) {
  return std::string(choices<Enum>::names[static_cast<std::size_t>(member)]);
}
template <class Item>
std::string show_member(const std::vector<Item>& member, key_kind kind) {
  std::string text;
  for (const Item& each : member) text += (text.empty() ? "" : ", ") + show_member(each, kind);
  return text;
}

template <class Pointer>
struct owner_of;
template <class Owner, class Member>
struct owner_of<Member Owner::*> {
  using type = Owner;
};

}  // namespace definition

/// One row of a table; Path leads from the owner to the member.
template <auto First, auto... Rest>
constexpr auto define(std::string_view name, key_kind kind, effect takes_effect, key_range range,
                      std::string_view sample, std::string_view fallback, std::string_view doc,
                      unsigned transports = every_transport) {
  using owner = typename definition::owner_of<decltype(First)>::type;
  key<owner> row;
  row.name = name;
  row.kind = kind;
  row.sample = sample;
  row.fallback = fallback;
  row.doc = doc;
  row.takes_effect = takes_effect;
  row.range = range;
  row.transports = transports;
  row.assign = [](owner& to, const setting& from, const key<owner>& self) {
    auto& member = ((to.*First).*....*Rest);
    return definition::assign_to(member, from, self.kind, self.range, self.sample);
  };
  row.same = [](const owner& a, const owner& b) {
    return ((a.*First).*....*Rest) == ((b.*First).*....*Rest);
  };
  row.copy = [](owner& to, const owner& from) {
    ((to.*First).*....*Rest) = ((from.*First).*....*Rest);
  };
  row.show = [](const owner& from, const key<owner>& self) {
    return definition::show_member(((from.*First).*....*Rest), self.kind);
  };
  return row;
}

}  // namespace troupe::config
