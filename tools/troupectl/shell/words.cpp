#include "tools/troupectl/shell/words.hpp"

#include <algorithm>

namespace troupe::ctl {
namespace {

constexpr std::string_view special = " \t'\"\\";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

words split_words(std::string_view line) {
  words result;
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\0' && is_blank(c)) {
      result.ends_in_blank = true;
      continue;
    }
    if (result.ends_in_blank) {
      result.list.emplace_back();
      result.last_begin = i;
      result.ends_in_blank = false;
    }
    auto& word = result.list.back();
    if (quote != '\0' && c == quote)
      quote = '\0';
    else if (quote == '\0' && (c == '\'' || c == '"'))
      quote = c;
    else if (c == '\\' && quote != '\'' && i + 1 < line.size())
      word += line[++i];
    else
      word += c;
  }
  result.open_quote = quote != '\0';
  if (result.ends_in_blank) result.last_begin = line.size();
  return result;
}

std::string quoted_word(std::string_view text) {
  if (text.empty()) return "''";
  std::string word;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) word += '\\';
    word += c;
  }
  return word;
}

}  // namespace troupe::ctl
