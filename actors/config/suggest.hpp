#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

/// Insertions, removals, replacements and swaps of neighbours that turn one text into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The valid key that was most likely meant: near by spelling, or the right
/// name in the wrong section. Empty if nothing is near. Both are dotted names.
std::string nearest(std::string_view unknown, const std::vector<std::string>& valid);

}  // namespace troupe::config
