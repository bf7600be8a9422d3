#include "tools/troupectl/shell/completion.hpp"

#include "tools/troupectl/shell/words.hpp"
#include "tools/troupectl/terminal_text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace troupe::ctl {
namespace {

constexpr std::string_view help_verb = "help";

/// Where the words before the cursor lead.
struct place {
  const CLI::App* command;
  const CLI::Option* value_of = nullptr;  // an option that awaits its value
  std::size_t arguments = 0;
};

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_min() > 0;
}

const CLI::Option* find_option(const CLI::App& of, const std::string& name) {
  return of.get_option_no_throw(name);
}

place follow(const CLI::App& app, const std::vector<std::string>& before) {
  place at{&app};
  for (const auto& word : before) {
    if (at.value_of != nullptr) {
      at.value_of = nullptr;
    } else if (word.starts_with('-')) {
      const auto* const option = find_option(*at.command, word.substr(0, word.find('=')));
      if (option != nullptr && takes_value(*option) && word.find('=') == std::string::npos)
        at.value_of = option;
    } else if (const auto* const sub = find_subcommand(*at.command, word)) {
      // `help` has the words of the whole command line after it.
      at.command = word == help_verb ? &app : sub;
    } else {
      ++at.arguments;
    }
  }
  return at;
}

std::vector<std::string> option_names(const CLI::App& of) {
  std::vector<std::string> names;
  for (const auto* option : of.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> subcommands(const CLI::App& of) {
  std::vector<std::string> names;
  for (const auto* sub : of.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  return names;
}

/// The name of the argument that comes next.
std::string argument_name(const CLI::App& of, std::size_t which) {
  for (const auto* option : of.get_options()) {
    if (!option->nonpositional() && option->get_positional() && which-- == 0)
      return option->get_name(true);
  }
  return {};
}

}  // namespace

const CLI::App* find_subcommand(const CLI::App& of, std::string_view name) {
  const auto found =
      of.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

completion complete(const CLI::App& app, std::string_view line, const name_source& names) {
  auto split = split_words(line);
  std::string word;
  if (!split.ends_in_blank) {
    word = std::move(split.list.back());
    split.list.pop_back();
  }
  const auto at = follow(app, split.list);
  completion result;
  result.begin = split.last_begin;
  auto& candidates = result.candidates;
  if (at.value_of != nullptr) {
    const auto& long_names = at.value_of->get_lnames();
    candidates = names(long_names.empty() ? std::string() : long_names.front(), word);
  } else if (word.starts_with('-')) {
    candidates = option_names(*at.command);
  } else {
    candidates = subcommands(*at.command);
    if (candidates.empty()) candidates = names(argument_name(*at.command, at.arguments), word);
  }
  std::erase_if(candidates, [&](const std::string& each) {
    return !each.starts_with(word) || harmless(each) != each;
  });
  std::ranges::sort(candidates);
  const auto [first, last] = std::ranges::unique(candidates);
  candidates.erase(first, last);
  return result;
}

std::string common_prefix(const std::vector<std::string>& texts) {
  if (texts.empty()) return {};
  std::string prefix = texts.front();
  for (const auto& each : texts) {
    std::size_t same = 0;
    while (same < prefix.size() && same < each.size() && prefix[same] == each[same]) ++same;
    prefix.resize(same);
  }
  // Never half a character of UTF-8.
  while (!prefix.empty() && harmless(prefix) != prefix) prefix.pop_back();
  return prefix;
}

}  // namespace troupe::ctl
