#pragma once

#include "actors/observe/routes/admin_question.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// What several nodes say of traces, put together. Values only.
namespace troupe::observe {

/// A trace as all nodes together know it.
struct merged_trace {
  nlohmann::json shown;                                  // as it is listed
  std::map<std::string, std::string, std::less<>> spec;  // terms that start it on a node
  std::vector<std::string> nodes;
  bool running = false;
  std::uint64_t slot = 0;
};

struct trace_overview {
  std::map<std::string, merged_trace, std::less<>> traces;  // by name
  std::vector<std::string> nodes;                           // that answered
  std::map<std::string, std::string> names;                 // of nodes, by their numbers in hex
  std::int64_t now_ms = 0;                                  // the latest clock of them

  /// Nodes that answered and do not know the trace.
  std::vector<std::string> missing(const merged_trace& of) const;
};

/// Of the answers to "traces" or "trace_log".
trace_overview overview_of(const std::vector<admin_row>& rows);

/// How far the events of each node have been read.
using trace_places = std::map<std::string, std::uint64_t, std::less<>>;
std::string text_of(const trace_places& places);
/// False: that is none.
bool read_places(std::string_view text, trace_places& into);

struct trace_page {
  std::vector<nlohmann::json> events;  // by time
  bool more = false;                   // there are others already
  trace_places places;                 // behind the page
};

/// The next events of all nodes in the order of time; of one node always in the order of their
/// numbers, so that none is in two pages or in none. `more`: some node has others.
trace_page page_of_log(const std::vector<admin_row>& rows, bool more, const trace_places& before,
                       std::size_t limit, const std::map<std::string, std::string>& names);

}  // namespace troupe::observe
