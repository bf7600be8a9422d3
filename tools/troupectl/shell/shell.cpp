#include "tools/troupectl/shell/shell.hpp"

#include "tools/troupectl/interrupt.hpp"
#include "tools/troupectl/shell/completion.hpp"
#include "tools/troupectl/shell/line_editor.hpp"
#include "tools/troupectl/shell/names.hpp"
#include "tools/troupectl/shell/pager.hpp"
#include "tools/troupectl/shell/words.hpp"
#include "tools/troupectl/text_table.hpp"
#include "tools/troupectl/verb.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <clocale>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace troupe::ctl {
namespace {

constexpr auto greeting =
    "Tab completes, `help` lists the verbs, `help clients list` explains one, `exit` leaves.\n";

/// Words of the shell itself, beside the verbs.
void add_shell_words(CLI::App& app) {
  app.add_subcommand("help", "List the verbs, or explain those that are named")->allow_extras();
  app.add_subcommand("exit", "Leave the shell");
  app.add_subcommand("quit", "Leave the shell");
}

std::string help_text() {
  text_table table({"VERB", ""});
  for (const auto& each : all_verbs())
    table.add({std::string(each.noun) + (*each.name ? " " : "") + each.name, each.help});
  return table.text() + "\n" + greeting;
}

/// The verbs of a noun, or the options of a verb.
std::string help_of(const CLI::App& app, const std::vector<std::string>& about) {
  const CLI::App* at = &app;
  std::string name;
  for (const auto& word : about) {
    const auto* const next = find_subcommand(*at, word);
    if (next == nullptr) return "There is no verb \"" + word + "\"; `help` lists them.\n";
    at = next;
    name += (name.empty() ? "" : " ") + word;
  }
  return at->help(name == at->get_name() ? std::string() : name.substr(0, name.rfind(' ')));
}

class shell {
 public:
  explicit shell(const node_address& address)
      : console_{std::cout, std::cerr, address, true, wants_colours(), true} {}

  /// False: enough.
  bool run(const std::string& line) {
    auto split = split_words(line);
    if (split.open_quote) {
      std::cerr << "troupectl: A quote has no end.\n";
      return true;
    }
    auto& list = split.list;
    if (list.empty()) return true;
    if (list.front() == "exit" || list.front() == "quit") return false;
    if (list.front() == "help") {
      list.erase(list.begin());
      command_line commands(console_);
      page(list.empty() ? help_text() : help_of(commands.app(), list));
      return true;
    }
    verb(std::move(list));
    return true;
  }

  console& with() noexcept { return console_; }

 private:
  static bool lasts(const std::vector<std::string>& words) {
    return std::ranges::any_of(all_verbs(), [&](const troupe::ctl::verb& each) {
      return each.lasts && words[0] == each.noun &&
             (*each.name == '\0' || (words.size() > 1 && words[1] == each.name));
    });
  }

  void verb(std::vector<std::string> list) {
    // What goes on goes to the screen as it comes, all else through the pager.
    const bool watched = std::ranges::any_of(list, [](const auto& each) {
                           return each.starts_with("--watch") || each == "--follow";
                         }) || lasts(list);
    std::ostringstream text;
    console collected{text, std::cerr, console_.address, true, console_.colours, true};
    auto& to = watched ? console_ : collected;
    command_line commands(to);
    std::ranges::reverse(list);  // as CLI11 takes it
    try {
      commands.app().parse(std::move(list));
      const interrupt_guard guard;
      if (const auto* const chosen = commands.chosen())
        (*chosen)();
      else
        std::cerr << commands.app().help();
    } catch (const CLI::ParseError& error) {
      commands.app().exit(error, text, std::cerr);
    } catch (const std::exception& failed) {
      std::cerr << "troupectl: " << failed.what() << "\n";
    }
    page(text.str());
  }

  console console_;
};

}  // namespace

exit_code run_shell(const node_address& address) {
  if (std::setlocale(LC_CTYPE, "") == nullptr ||
      std::string_view(std::setlocale(LC_CTYPE, nullptr)) == "C")
    std::setlocale(LC_CTYPE, "C.UTF-8");  // ids are UTF-8 whatever the terminal says
  shell running(address);
  command_line commands(running.with());
  add_shell_words(commands.app());
  const auto names = names_of_node(running.with());
  line_editor editor("troupe> ", history_path(),
                     [&](std::string_view line) { return complete(commands.app(), line, names); });
  std::cout << greeting << std::flush;
  std::string line;
  for (;;) {
    switch (editor.read(line)) {
      case line_editor::outcome::aborted:
        continue;
      case line_editor::outcome::end:
        std::cout << "\n";
        return success;
      case line_editor::outcome::line:
        if (!running.run(line)) return success;
    }
  }
}

}  // namespace troupe::ctl
