#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Texts of devices on a terminal: whatever they hold, they must not change it.
namespace troupe::ctl {

/// Every control character (C0, DEL, C1), every byte that is no UTF-8 and every character that
/// turns the direction of writing becomes '?'.
std::string harmless(std::string_view text);

/// The same, but for line ends.
std::string harmless_lines(std::string_view text);

/// The beginning of a line that `columns` have room for; codes of colours take none.
std::string_view cut(std::string_view line, std::size_t columns);

/// Characters of a harmless text.
std::size_t width_of(std::string_view text);

}  // namespace troupe::ctl
