#include "actors/observe/routes/trace/trace_merge.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::observe {
namespace {

using nlohmann::json;

// Keys of rows that are events begin so; see trace_questions.cpp.
constexpr char event_key = '\1';

std::string text_in(const json& from, const char* name) {
  return from.value(name, std::string());
}

}  // namespace

std::vector<std::string> trace_overview::missing(const merged_trace& of) const {
  std::vector<std::string> without;
  for (const auto& each : nodes)
    if (std::ranges::find(of.nodes, each) == of.nodes.end()) without.push_back(each);
  return without;
}

trace_overview overview_of(const std::vector<admin_row>& rows) {
  trace_overview all;
  for (const auto& row : rows) {
    if (row.key.starts_with(event_key)) continue;
    const auto told = json::parse(row.json, nullptr, false);
    if (!told.is_object()) continue;
    const auto node = text_in(told, "node");
    all.names[text_in(told, "id")] = node;
    if (std::ranges::find(all.nodes, node) == all.nodes.end()) all.nodes.push_back(node);
    all.now_ms = std::max(all.now_ms, told.value("now", std::int64_t{0}));
    if (!told.contains("spec")) continue;
    auto& trace = all.traces[text_in(told["spec"], "name")];
    if (trace.nodes.empty()) {
      trace.shown = told["show"];
      trace.shown["events"] = 0;
      trace.shown["lost"] = 0;
      for (const auto& [name, value] : told["spec"].items())
        if (value.is_string()) trace.spec.emplace(name, value.get<std::string>());
      admin_question slot;
      slot.terms = trace.spec;
      trace.slot = slot.number("slot");
    }
    trace.nodes.push_back(node);
    trace.running = trace.running || told.value("running", false);
    trace.shown["status"] = trace.running ? "running" : "stopped";
    for (const auto* sum : {"events", "lost"})
      trace.shown[sum] = trace.shown[sum].get<std::uint64_t>() + told.value(sum, std::uint64_t{0});
    trace.shown["nodes"] = trace.nodes;
  }
  return all;
}

std::string text_of(const trace_places& places) {
  std::string text;
  for (const auto& [node, number] : places)
    text += (text.empty() ? "" : "&") + node + "=" + std::to_string(number);
  return text;
}

bool read_places(std::string_view text, trace_places& into) {
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto part = text.substr(0, end);
    const auto sign = part.rfind('=');
    if (sign == std::string_view::npos || sign == 0) return false;
    std::uint64_t value = 0;
    const auto digits = part.substr(sign + 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size()) return false;
    into[std::string(part.substr(0, sign))] = value;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

trace_page page_of_log(const std::vector<admin_row>& rows, bool more, const trace_places& before,
                       std::size_t limit, const std::map<std::string, std::string>& names) {
  trace_page page;
  page.more = more;
  page.places = before;
  // Rows come in the order of their keys: time, then number.
  for (const auto& row : rows) {
    if (!row.key.starts_with(event_key)) continue;
    if (page.events.size() == limit) {
      page.more = true;
      break;
    }
    auto event = json::parse(row.json, nullptr, false);
    if (!event.is_object()) continue;
    const auto node = text_in(event, "node");
    auto& place = page.places[node];
    place = std::max(place, event.value("seq", std::uint64_t{0}));
    event.erase("seq");
    if (const auto peer = names.find(text_in(event, "peer")); peer != names.end())
      event["peer"] = peer->second;
    page.events.push_back(std::move(event));
  }
  return page;
}

}  // namespace troupe::observe
