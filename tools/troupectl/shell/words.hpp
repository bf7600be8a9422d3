#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe::ctl {

/// A line cut into words as a shell does: blanks part them, '...' and "..." and \ keep them.
struct words {
  std::vector<std::string> list;
  std::size_t last_begin = 0;  // where the last word begins in the line
  bool open_quote = false;     // a quote has no end
  bool ends_in_blank = true;   // what follows would be a word of its own
};

words split_words(std::string_view line);

/// The text so that split_words() takes it as one word.
std::string quoted_word(std::string_view text);

}  // namespace troupe::ctl
