#pragma once

#include "actors/observe/routes/admin_question.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace troupe::broker {

enum class trace_kind : std::uint8_t { client = 1, topic, address };

/// "clientid", "topic", "ip_address".
std::string_view to_string(trace_kind kind) noexcept;

/// What an administrator follows: the same on all nodes.
struct trace_spec {
  static constexpr unsigned most = 10;   // traces of a cluster
  static constexpr unsigned slots = 16;  // numbers for them, see trace_mark
  static constexpr std::uint32_t least_seconds = 1, most_seconds = 3600, usual_seconds = 600;
  static constexpr std::uint32_t least_events = 100, most_events = 20'000, usual_events = 5'000;
  static constexpr std::size_t longest_name = 64;

  std::string name;  // letters, digits, "-", "_", "."
  trace_kind kind{};
  std::string what;             // client id, topic filter, or how an address begins
  std::string by;               // who wants it
  std::int64_t started_at = 0;  // wall milliseconds, of the node that was asked
  std::uint32_t seconds = usual_seconds;
  std::uint32_t events = usual_events;  // kept on each node
  unsigned slot = 0;                    // its place in the mark of a message

  std::int64_t ends_at() const noexcept { return started_at + std::int64_t{seconds} * 1000; }
  bool operator==(const trace_spec&) const = default;
};

/// Empty, or a sentence that says what is wrong with it.
std::string problem_of(const trace_spec& spec);

/// As the terms of a question to nodes, and back. What is missing has its usual value.
std::map<std::string, std::string, std::less<>> terms_of(const trace_spec& spec);
trace_spec spec_of(const observe::admin_question& terms);

/// What is shown of it, in EMQX's words where it has one.
nlohmann::json json_of(const trace_spec& spec);

/// Whether the address of a client begins so; the brackets of IPv6 may be left out.
bool address_begins(std::string_view address, std::string_view beginning) noexcept;

}  // namespace troupe::broker
