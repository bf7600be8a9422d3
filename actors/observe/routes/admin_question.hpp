#pragma once

#include <charconv>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// What administrators ask nodes, and how nodes answer. Plain data: it travels between nodes.
namespace troupe::observe {

/// A question to one node: a list of something, page by page, or an order.
struct admin_question {
  std::string what;  // "clients", "actors", "kick", ...
  std::map<std::string, std::string, std::less<>> terms;
  std::string after;  // key of the last row of the page before; empty: the first
  std::uint32_t limit = 100;

  bool has(std::string_view name) const { return terms.contains(name); }
  std::string_view term(std::string_view name) const {
    const auto it = terms.find(name);
    return it == terms.end() ? std::string_view{} : std::string_view(it->second);
  }
  std::uint64_t number(std::string_view name, std::uint64_t otherwise = 0) const {
    const auto text = term(name);
    std::uint64_t value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
};

/// One thing of a list, ready to be shown. Keys are unique in the cluster and put rows in order.
struct admin_row {
  std::string key;
  std::string json;
};

struct admin_answer {
  unsigned status = 200;  // as in HTTP
  std::string message;    // a sentence, if it is no success
  std::vector<admin_row> rows;
  bool more = false;  // rows with greater keys
};

/// The answers of all nodes that were asked.
struct admin_gathered {
  admin_answer answer;
  std::vector<std::string> silent;  // names of nodes that did not answer in time
};

/// Asks nodes. Called on the HTTP server's loop; the callback is called at most once, on any
/// thread, now or later, but within some seconds.
class admin_source {
 public:
  virtual ~admin_source() = default;
  /// `node`: the one to ask; empty: all of the cluster.
  virtual void ask(admin_question question, std::string node,
                   std::function<void(admin_gathered)> done) = 0;
  /// The node that is asked answers for all of the cluster.
  virtual void ask_here(admin_question question, std::function<void(admin_gathered)> done) = 0;
};

}  // namespace troupe::observe
