#include "actors/broker/trace/trace_spec.hpp"

#include "actors/broker/inspect/client_json.hpp"
#include "actors/broker/trace/trace_event.hpp"
#include "protocol/topics/names.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace troupe::broker {
namespace {

constexpr std::size_t longest_what = 1'024;

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= trace_spec::longest_name &&
         std::ranges::all_of(name, [](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_' || c == '.';
         });
}

std::string between(std::string_view what, std::uint32_t least, std::uint32_t most) {
  return "\"" + std::string(what) + "\" is a number from " + std::to_string(least) + " to " +
         std::to_string(most) + ".";
}

}  // namespace

std::string_view to_string(trace_kind kind) noexcept {
  switch (kind) {
    case trace_kind::client:
      return "clientid";
    case trace_kind::topic:
      return "topic";
    case trace_kind::address:
      return "ip_address";
  }
  return "";
}

std::string problem_of(const trace_spec& spec) {
  if (!good_name(spec.name)) return "\"name\" is up to 64 letters, digits, \"-\", \"_\" and \".\".";
  if (to_string(spec.kind).empty()) return "\"type\" is clientid, topic or ip_address.";
  if (spec.what.empty() || spec.what.size() > longest_what)
    return "\"" + std::string(to_string(spec.kind)) + "\" is a text of 1 to 1,024 bytes.";
  if (spec.kind == trace_kind::topic && !topics::valid_filter(spec.what))
    return "\"topic\" is no topic filter.";
  if (spec.seconds < trace_spec::least_seconds || spec.seconds > trace_spec::most_seconds)
    return between("duration", trace_spec::least_seconds, trace_spec::most_seconds);
  if (spec.events < trace_spec::least_events || spec.events > trace_spec::most_events)
    return between("max_events", trace_spec::least_events, trace_spec::most_events);
  return {};
}

std::map<std::string, std::string, std::less<>> terms_of(const trace_spec& spec) {
  return {{"name", spec.name},
          {"type", std::string(to_string(spec.kind))},
          {"what", spec.what},
          {"by", spec.by},
          {"started_at", std::to_string(spec.started_at)},
          {"duration", std::to_string(spec.seconds)},
          {"max_events", std::to_string(spec.events)},
          {"slot", std::to_string(spec.slot)}};
}

trace_spec spec_of(const observe::admin_question& terms) {
  trace_spec spec;
  spec.name = terms.term("name");
  for (const auto kind : {trace_kind::client, trace_kind::topic, trace_kind::address})
    if (terms.term("type") == to_string(kind)) spec.kind = kind;
  spec.what = terms.term("what");
  spec.by = clipped(terms.term("by"));
  const auto bounded = [&](std::string_view name, std::uint32_t usual) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(terms.number(name, usual), UINT32_MAX));
  };
  spec.started_at = static_cast<std::int64_t>(terms.number("started_at"));
  spec.seconds = bounded("duration", trace_spec::usual_seconds);
  spec.events = bounded("max_events", trace_spec::usual_events);
  spec.slot = bounded("slot", 0);
  return spec;
}

nlohmann::json json_of(const trace_spec& spec) {
  return {{"name", spec.name},
          {"type", to_string(spec.kind)},
          {std::string(to_string(spec.kind)), spec.what},
          {"by", spec.by},
          {"start_at", json_of_time(spec.started_at)},
          {"end_at", json_of_time(spec.ends_at())},
          {"duration", spec.seconds},
          {"max_events", spec.events}};
}

bool address_begins(std::string_view address, std::string_view beginning) noexcept {
  if (!beginning.starts_with('[') && address.starts_with('[')) address.remove_prefix(1);
  return address.starts_with(beginning);
}

}  // namespace troupe::broker
