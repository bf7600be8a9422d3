#include "actors/config/load.hpp"

#include "actors/config/draft.hpp"
#include "actors/config/value.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>

namespace troupe::config {

namespace {

constexpr std::size_t most_problems = 50;
constexpr std::size_t longest_file = 1 << 20;

/// The line of a place in the file; what has none comes after all lines.
std::int64_t line_of(const problem& what, std::string_view file) {
  constexpr std::int64_t after_all = std::numeric_limits<std::int64_t>::max();
  const std::string_view where = what.where;
  if (!where.starts_with(file) || where.size() <= file.size() + 1) return after_all;
  return parse_integer(where.substr(file.size() + 1)).value_or(after_all);
}

}  // namespace

std::string to_string(const problem& what) {
  return what.where + ": " + what.sentence;
}

load_result load_text(std::string_view toml, std::string_view name, const environment& variables,
                      const options& command_line) {
  if (toml.size() > longest_file) {
    load_result refused;
    refused.problems.push_back({std::string(name), "the file is longer than 1MiB"});
    return refused;
  }
  draft result;
  if (const auto data = variables.find(data_variable); data != variables.end()) {
    assignments fallback;
    fallback.list.push_back({std::nullopt,
                             "node.data_dir",
                             {data->second, true},
                             "environment variable " + data->first});
    result.apply(fallback);
  }
  const assignments from_file = read_toml(toml, name);
  result.apply(from_file);
  result.apply(read_environment(variables));
  assignments said;
  for (const option& each : command_line)
    said.list.push_back({std::nullopt, each.key, {each.value, true}, each.where});
  result.apply(said);
  load_result loaded = std::move(result).complete();
  std::ranges::stable_sort(loaded.problems, {},
                           [&](const problem& each) { return line_of(each, name); });
  if (const std::size_t all = loaded.problems.size(); all > most_problems) {
    loaded.problems.resize(most_problems);
    loaded.problems.push_back(
        {std::string(name), "and " + std::to_string(all - most_problems) + " problems more"});
  }
  return loaded;
}

load_result load(const std::string& file, const environment& variables,
                 const options& command_line) {
  std::string path = file;
  if (const auto named = variables.find(file_variable); path.empty() && named != variables.end())
    path = named->second;
  std::string text;
  if (!path.empty()) {
    std::ifstream stream(path, std::ios::binary);
    text.resize(longest_file + 1);
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!stream.is_open() || stream.bad() || (!stream.eof() && stream.gcount() == 0)) {
      load_result refused;
      refused.problems.push_back({path, "the file cannot be read"});
      return refused;
    }
    text.resize(static_cast<std::size_t>(stream.gcount()));
  }
  load_result result = load_text(text, path, variables, command_line);
  result.file = path;
  return result;
}

}  // namespace troupe::config
