#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace troupe::ctl {

/// What could stand where the cursor is.
struct completion {
  std::size_t begin = 0;                // where the word begins in the line
  std::vector<std::string> candidates;  // sorted, none twice, each begins with the word
};

/// Names of a kind ("client", "topic", "node", "actor", "module") that begin with a text.
using name_source =
    std::function<std::vector<std::string>(std::string_view kind, std::string_view prefix)>;

/// From the line up to the cursor: nouns and verbs, their options, and names where an option
/// or an argument wants one. Names that would change the terminal are left out.
completion complete(const CLI::App& app, std::string_view line, const name_source& names);

/// The noun or verb of that name below `of`, or null.
const CLI::App* find_subcommand(const CLI::App& of, std::string_view name);

/// The longest text that all begin with.
std::string common_prefix(const std::vector<std::string>& texts);

}  // namespace troupe::ctl
