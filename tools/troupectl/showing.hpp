#pragma once

#include "tools/troupectl/verb.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

/// What all verbs that show something have in common.
namespace troupe::ctl {

struct showing {
  node_address address;
  bool json = false;
  std::string watch;  // seconds between two looks; empty: one look
};

/// Adds --url, --token-file, --json and --watch.
std::shared_ptr<showing> add_showing_options(CLI::App& command);

/// Looks once.
using look = std::function<http_answer(const node_address&)>;
/// The JSON of the node as text for people.
using telling = std::function<std::string(const nlohmann::json&)>;

/// Looks, once or again and again until Ctrl-C, and prints.
exit_code show(console& with, const showing& how, const look& ask, const telling& told);
/// Of one path.
exit_code show(console& with, const showing& how, const std::string& target, const telling& told);

/// A column of a table: what to show of each item.
struct column {
  enum class kind : std::uint8_t {
    text,
    size,
    milliseconds,
    seconds,
    microseconds,
    rate,
    percent,
    expiry,  // seconds; none, or for ever
    age,     // milliseconds; none
  };
  const char* head;
  const char* pointer;  // JSON pointer: "/link/state"; missing or null is shown as "-"
  kind type = kind::text;
};

/// The table of the items in `data`, with a last line if there are more or nodes are missing.
std::string list_table(const nlohmann::json& list, const std::vector<column>& columns);

/// The table with its first line in bold where colours are wanted.
std::string with_head(const console& with, std::string table);

/// A list that may have many pages: adds --limit, and asks for pages until it is reached.
struct listing {
  std::string path;
  query_values query;
  std::size_t limit = 1000;  // 0: everything
};
void add_limit_option(CLI::App& command, std::size_t& limit);
http_answer ask_list(const node_address& address, const listing& what);
exit_code show_list(console& with, const showing& how, const listing& what,
                    const std::vector<column>& columns);

/// Busiest first, as many as the screen has room for if the list has no limit; on a terminal again
/// and again. `interval`: seconds over which rates are taken.
exit_code show_top(console& with, const showing& how, listing what, double interval,
                   const std::vector<column>& columns);
void add_interval_option(CLI::App& command, double& interval);

/// Sends an order and prints the sentence, if it went well.
exit_code order(console& with, const node_address& address, http_method method,
                const std::string& target, const std::string& body, const std::string& done);

/// "label          value" of each, without those that are missing.
struct line {
  const char* label;
  const char* pointer;
  column::kind type = column::kind::text;
};
std::string lines_text(const nlohmann::json& of, const std::vector<line>& lines);

/// "90 s", "10 min", "1 d": as exact as it is.
std::string span_text(std::uint64_t seconds);

/// The last line of what was gathered from nodes, if some did not answer.
std::string missing_text(const nlohmann::json& answer);

/// A value as a column shows it.
std::string shown(const nlohmann::json& of, const char* pointer, column::kind type);

}  // namespace troupe::ctl
