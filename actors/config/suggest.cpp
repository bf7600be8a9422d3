#include "actors/config/suggest.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

// Text beyond this cannot be near any key; it also bounds the work for hostile input.
constexpr std::size_t longest_name = 64;

std::string_view last_part(std::string_view name) {
  return name.substr(name.rfind('.') + 1);
}

/// The distance, or more than `bound` without the work when lengths alone tell it.
std::size_t distance_within(std::size_t bound, std::string_view a, std::string_view b) {
  const std::size_t least = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  return least > bound ? bound + 1 : edit_distance(a, b);
}

std::size_t distance_of(std::size_t bound, std::string_view unknown, std::string_view candidate) {
  const std::size_t whole = distance_within(bound, unknown, candidate);
  // The right name in the wrong section costs one, whatever the section's name.
  return std::min(whole, distance_within(bound, last_part(unknown), last_part(candidate)) + 1);
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view unknown, const std::vector<std::string>& valid) {
  if (unknown.size() > longest_name) return {};
  const std::string* best = nullptr;
  std::size_t least = 2 + last_part(unknown).size() / 3;  // what is not nearer is another word
  for (const std::string& candidate : valid) {
    const std::size_t distance = distance_of(least, unknown, candidate);
    if (distance < least) {
      least = distance;
      best = &candidate;
    }
  }
  return best == nullptr ? std::string() : *best;
}

}  // namespace troupe::config
