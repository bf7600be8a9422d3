#include "tools/troupectl/showing.hpp"

#include "tools/troupectl/interrupt.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/text_table.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <ostream>

namespace troupe::ctl {
namespace {

using nlohmann::json;

constexpr std::size_t page_most = 1000;
constexpr std::string_view clear_screen = "\x1b[H\x1b[2J";

std::string decimal(double value, const char* unit) {
  std::array<char, 48> room{};
  std::snprintf(room.data(), room.size(), "%.1f%s", value, unit);
  return room.data();
}

/// "900", "4.0 KiB", "1.5 GiB"
std::string size_text(double bytes) {
  constexpr std::array units{" KiB", " MiB", " GiB", " TiB"};
  if (bytes < 1024) return std::to_string(static_cast<std::uint64_t>(std::max(bytes, 0.0)));
  std::size_t unit = 0;
  for (bytes /= 1024; bytes >= 1024 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return decimal(bytes, units[unit]);
}

/// "350 us", "12.0 ms", "3.4 s"
std::string time_text(double microseconds) {
  if (microseconds < 1000) return std::to_string(static_cast<std::int64_t>(microseconds)) + " us";
  if (microseconds < 1e6) return decimal(microseconds / 1000, " ms");
  return decimal(microseconds / 1e6, " s");
}

std::string number_text(double value, column::kind type) {
  switch (type) {
    case column::kind::size:
      return size_text(value);
    case column::kind::microseconds:
      return time_text(value);
    case column::kind::milliseconds:
      return time_text(value * 1000);
    case column::kind::seconds:
      return time_text(value * 1e6);
    case column::kind::rate:
      return decimal(value, "/s");
    case column::kind::percent:
      return decimal(value * 100, "%");
    case column::kind::expiry:
      if (value == 0) return "-";
      return value >= 0xFFFF'FFFF ? "never" : span_text(static_cast<std::uint64_t>(value));
    case column::kind::age:
      return value == 0 ? "-" : time_text(value * 1000);
    case column::kind::text:
      break;
  }
  return {};
}

/// What the terminal has room for: a watch must not scroll.
std::string fitting(std::string_view text) {
  const auto size = size_of_terminal();
  std::string shown;
  for (unsigned row = 1; row < size.rows && !text.empty(); ++row) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    const auto part = cut(line, size.columns);
    shown += part;
    if (part.size() < line.size() && line.find('\x1b') != line.npos) shown += "\x1b[0m";
    shown += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return shown;
}

/// One look. The text goes to `text`, so that a screen changes at once.
exit_code look_once(console& with, const showing& how, const look& ask, const telling& told,
                    const node_address& address, std::string& text) {
  const auto answer = ask(address);
  if (!answer.problem.empty()) return fail(with, answer);
  const auto body = json::parse(answer.body, nullptr, false);
  if (body.is_discarded())
    return fail(with, "What answers at " + address.url + " is no Troupe node.");
  if (how.json) {
    // In a watch each look is a line, for scripts.
    text = !how.watch.empty() ? body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"
                              : answer.body;
    return success;
  }
  try {
    text = told(body);
  } catch (const json::exception& unexpected) {
    return fail(with, "The node's answer is of another version; --json shows it as it is (" +
                          std::string(unexpected.what()) + ").");
  }
  return success;
}

exit_code watch(console& with, const showing& how, const look& ask, const telling& told,
                const node_address& address) {
  const interrupt_guard guard;
  const auto pause = std::chrono::milliseconds(
      static_cast<std::int64_t>(std::strtod(how.watch.c_str(), nullptr) * 1000));
  const bool screen = with.terminal && !how.json;
  for (bool first = true;; first = false) {
    std::string text;
    const auto code = look_once(with, how, ask, told, address, text);
    if (interrupted()) break;
    if (code != success) return code;
    if (screen)
      with.out << clear_screen << fitting(text);
    else
      with.out << (first || how.json ? "" : "\n") << text;
    with.out.flush();
    if (!with.out || !wait_for(pause)) break;
  }
  if (screen) with.out << "\n";
  return success;
}

}  // namespace

std::shared_ptr<showing> add_showing_options(CLI::App& command) {
  auto given = std::make_shared<showing>();
  add_address_options(command, given->address);
  command.add_flag("--json", given->json, "Print the node's answer as JSON");
  command
      .add_flag("--watch{2}", given->watch,
                "Look again every 2 seconds, or --watch=SECONDS, until Ctrl-C")
      ->check(CLI::Range(0.1, 86400.0));
  return given;
}

exit_code show(console& with, const showing& how, const look& ask, const telling& told) {
  const auto address = resolved(how.address, with);
  if (!how.watch.empty()) return watch(with, how, ask, told, address);
  std::string text;
  const auto code = look_once(with, how, ask, told, address, text);
  with.out << text;
  return code;
}

exit_code show(console& with, const showing& how, const std::string& target, const telling& told) {
  return show(
      with, how, [&](const node_address& at) { return http_get(at, target); }, told);
}

std::string shown(const json& of, const char* pointer, column::kind type) {
  const json::json_pointer where(pointer);
  if (!of.contains(where)) return "-";
  const auto& value = of.at(where);
  if (value.is_null()) return "-";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.empty() ? "-" : text;
  }
  if (value.is_number() && type != column::kind::text)
    return number_text(value.get<double>(), type);
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string span_text(std::uint64_t seconds) {
  struct unit {
    std::uint64_t length;
    const char* name;
  };
  for (const auto& each : {unit{86'400, " d"}, unit{3600, " h"}, unit{60, " min"}}) {
    if (seconds != 0 && seconds % each.length == 0)
      return std::to_string(seconds / each.length) + each.name;
  }
  return std::to_string(seconds) + " s";
}

std::string missing_text(const json& answer) {
  const auto missing = answer.find("partial");
  if (missing == answer.end() || missing->empty()) return {};
  std::string text = "Without those that did not answer in time:";
  for (const auto& each : *missing) text += " " + harmless(each.get<std::string>());
  return text + "\n";
}

std::string with_head(const console& with, std::string table) {
  const auto end = table.find('\n');
  if (!with.colours || end == std::string::npos) return table;
  table.insert(end, "\x1b[0m");
  return "\x1b[1m" + table;
}

std::string list_table(const json& list, const std::vector<column>& columns) {
  std::vector<std::string> head;
  for (const auto& each : columns) head.emplace_back(each.head);
  text_table table(std::move(head));
  for (const auto& item : list.at("data")) {
    std::vector<std::string> row;
    for (const auto& each : columns) row.push_back(shown(item, each.pointer, each.type));
    table.add(std::move(row));
  }
  auto text = table.text();
  text += missing_text(list);
  const json::json_pointer cursor("/meta/cursor");
  if (list.contains(cursor) && list.at(cursor).is_string() && list.at(cursor) != "")
    text += "There are more: --limit 0 shows all.\n";
  return text;
}

void add_limit_option(CLI::App& command, std::size_t& limit) {
  command.add_option("--limit", limit, "Items at most, 0: all")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{0}, std::size_t{10'000'000}));
}

http_answer ask_list(const node_address& address, const listing& what) {
  json all = {{"data", json::array()}};
  auto& items = all["data"];
  std::string cursor;
  http_answer answer;
  do {
    auto query = what.query;
    const auto left = what.limit == 0 ? page_most : what.limit - items.size();
    query.emplace_back("limit", std::to_string(std::min(left, page_most)));
    if (!cursor.empty()) query.emplace_back("cursor", cursor);
    answer = http_get(address, with_query(what.path, query));
    if (!answer.problem.empty()) return answer;
    const auto page = json::parse(answer.body, nullptr, false);
    if (!page.is_object() || !page.contains("data") || !page["data"].is_array()) return answer;
    for (const auto& each : page["data"]) items.push_back(each);
    const json::json_pointer where("/meta/cursor");
    const bool more = page.contains(where) && page.at(where).is_string();
    cursor = more ? page.at(where).get<std::string>() : std::string();
    all["meta"]["cursor"] = cursor;
    if (page.contains("partial") && page["partial"].is_array()) {
      for (const auto& each : page["partial"]) {
        auto& missing = all["partial"];
        if (std::ranges::find(missing, each) == missing.end()) missing.push_back(each);
      }
    }
    if (page["data"].empty()) break;
  } while (!cursor.empty() && (what.limit == 0 || items.size() < what.limit) && !interrupted());
  answer.body = all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  return answer;
}

exit_code show_list(console& with, const showing& how, const listing& what,
                    const std::vector<column>& columns) {
  return show(
      with, how, [&](const node_address& at) { return ask_list(at, what); },
      [&](const json& list) { return with_head(with, list_table(list, columns)); });
}

exit_code show_top(console& with, const showing& how, listing what, double interval,
                   const std::vector<column>& columns) {
  if (what.limit == 0) what.limit = std::clamp(size_of_terminal().rows, 3U, 1000U) - 2;
  what.query.emplace_back("interval", std::to_string(static_cast<int>(interval * 1000)));
  what.query.emplace_back("limit", std::to_string(what.limit));
  auto again = how;
  // The looks of the node take the time themselves.
  if (again.watch.empty() && with.terminal && !again.json) again.watch = "0.1";
  const auto once = [&](const node_address& at) {
    return http_get(at, with_query(what.path, what.query));
  };
  return show(with, again, once, [&](json tops) {
    tops.erase("meta");  // there always are more
    return with_head(with, list_table(tops, columns));
  });
}

void add_interval_option(CLI::App& command, double& interval) {
  command.add_option("--interval", interval, "Seconds over which rates are taken")
      ->check(CLI::Range(0.1, 5.0))
      ->capture_default_str();
  command.footer("On a terminal it looks again and again; elsewhere once, or with --watch.");
}

exit_code order(console& with, const node_address& address, http_method method,
                const std::string& target, const std::string& body, const std::string& done) {
  const auto answer = http_send(resolved(address, with), method, target, body);
  if (!answer.problem.empty()) return fail(with, answer);
  with.out << harmless(done) << "\n";
  return success;
}

std::string lines_text(const json& of, const std::vector<line>& lines) {
  std::string text;
  for (const auto& each : lines) {
    const auto value = shown(of, each.pointer, each.type);
    if (value == "-") continue;
    std::string label = each.label;
    label.resize(15, ' ');
    text += label + harmless(value) + "\n";
  }
  return text;
}

}  // namespace troupe::ctl
