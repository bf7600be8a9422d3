#include "tests/support/catch.hpp"
#include "tools/troupectl/shell/completion.hpp"
#include "tools/troupectl/shell/words.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/text_table.hpp"
#include "tools/troupectl/verb.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace troupe::ctl;

namespace {

using names = std::vector<std::string>;

/// The verbs as the shell has them, and names that are always the same.
struct fixture {
  std::ostringstream out, err;
  console with{out, err, {}, true, false, true};
  command_line commands{with};
  names asked;

  completion at(std::string_view line) {
    return complete(commands.app(), line, [&](std::string_view kind, std::string_view prefix) {
      asked.push_back(std::string(kind) + ":" + std::string(prefix));
      if (kind == "client") return names{"meter 1", "meter 2", "pump", "bad\x1b[2J", "meter 1"};
      if (kind == "level") return names{"debug", "info"};
      if (kind == "module") return names{"session", "storage"};
      return names{};
    });
  }
};

}  // namespace

TEST_CASE("lines are cut by characters, whatever colours they have") {
  CHECK(cut("abc", 5) == "abc");
  CHECK(cut("abcde", 5) == "abcde");
  CHECK(cut("abcdef", 5) == "abcde");
  CHECK(cut("\x1b[1mabc\x1b[0m", 2) == "\x1b[1mab");
  CHECK(cut("\x1b[1mabc\x1b[0m", 3) == "\x1b[1mabc\x1b[0m");
  CHECK(cut("\xc3\xa4\xc3\xb6\xc3\xbc", 2) == "\xc3\xa4\xc3\xb6");
  CHECK(cut("x\x1b[", 5) == "x\x1b[");
  CHECK(cut("", 0).empty());
}

TEST_CASE_METHOD(fixture, "nouns, verbs and options complete") {
  CHECK(at("cl").candidates == names{"clients", "cluster"});
  CHECK(at("clients ").begin == 8);
  const auto verbs = at("clients ").candidates;
  CHECK(verbs == names{"ban", "bans", "drop-queue", "kick", "list", "queue", "show", "slow", "top", "unban"});
  CHECK(at("clients list --js").candidates == names{"--json"});
  CHECK(at("clients list --connected --dis").candidates == names{"--disconnected"});
  CHECK(at("nothing here").candidates.empty());
  CHECK(at("status --").candidates ==
        names{"--help", "--json", "--token-file", "--url", "--watch"});
}

TEST_CASE_METHOD(fixture, "names are asked where an argument or an option wants one") {
  CHECK(at("clients show me").candidates == names{"meter 1", "meter 2"});
  CHECK(asked == names{"client:me"});
  // What would change the terminal is never offered.
  CHECK(at("clients kick ").candidates == names{"meter 1", "meter 2", "pump"});
  CHECK(at("clients show --json pu").candidates == names{"pump"});
  CHECK(at("clients show --url http://a pu").candidates == names{"pump"});
  CHECK(at("subscriptions list --client 'meter").candidates == names{"meter 1", "meter 2"});
  CHECK(at("log level d").candidates == names{"debug"});
  CHECK(at("log level debug s").candidates == names{"session", "storage"});
}

TEST_CASE("every verb has a description, options that explain themselves and help") {
  std::ostringstream out, err;
  console with{out, err, {}, false, false, false};
  command_line commands(with);
  std::set<std::string> seen;
  for (const auto& each : all_verbs()) {
    INFO(each.noun << " " << each.name);
    CHECK(std::string_view(each.help).size() > 5);
    CHECK(seen.insert(std::string(each.noun) + " " + each.name).second);
    auto* at = commands.app().get_subcommand(each.noun);
    if (*each.name) at = at->get_subcommand(each.name);
    CHECK(at->get_description() == each.help);
    for (const auto* option : at->get_options()) CHECK_FALSE(option->get_description().empty());
  }
  for (const auto& each : all_nouns()) {
    INFO(each.name);
    CHECK(std::ranges::any_of(
        all_verbs(), [&](const verb& row) { return std::string_view(row.noun) == each.name; }));
  }
}

TEST_CASE("words are cut as a shell does, and quoted back") {
  const auto cut = split_words("  show 'a b' \"c'd\" e\\ f g");
  CHECK(cut.list == names{"show", "a b", "c'd", "e f", "g"});
  CHECK(cut.last_begin == 24);
  CHECK_FALSE(cut.ends_in_blank);
  CHECK(split_words("a ").ends_in_blank);
  CHECK(split_words("a 'b").open_quote);
  CHECK(split_words("").list.empty());
  CHECK(split_words("''").list == names{""});
  for (const std::string text : {"a b", "it's", "\"", "\\", "", "ä\tb", "$x"}) {
    INFO(text);
    CHECK(split_words("show " + quoted_word(text)).list == names{"show", text});
  }
}

TEST_CASE("no text of a device changes the terminal") {
  CHECK(harmless("a\x1b[2Jb\n") == "a?[2Jb?");
  CHECK(harmless("\xc2\x9b"
                 "2J") == "?2J");                // CSI as one character
  CHECK(harmless("\x9b") == "?");                // and as a byte
  CHECK(harmless("\xe2\x80\xaelig") == "?lig");  // right to left from here on
  CHECK(harmless("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80") == "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(harmless("\xc3") == "?");
  CHECK(harmless("\xc0\x80") == "??");       // longer than it must be
  CHECK(harmless("\xed\xa0\x80") == "???");  // half of a pair
  CHECK(harmless_lines("a\nb\r") == "a\nb?");
  text_table table({"ID"});
  table.add({"\x1b]0;title\a"});
  CHECK(table.text() == "ID\n?]0;title?\n");
}

TEST_CASE("the common beginning never ends within a character") {
  CHECK(common_prefix({"abc", "abd"}) == "ab");
  CHECK(common_prefix({"\xc3\xa4", "\xc3\xb6"}).empty());
  CHECK(common_prefix({}).empty());
}
