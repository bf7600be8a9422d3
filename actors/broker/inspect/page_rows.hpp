#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "actors/observe/routes/admin_question.hpp"

namespace troupe::broker {

/// The rows of one page: those with the lowest keys above `after`, whatever order they come in.
/// Bounded in number and bytes. Not thread-safe.
class page_rows {
 public:
  /// Bytes of rows in one answer of a node, about.
  static constexpr std::size_t most_bytes = 768 * 1024;

  page_rows(std::string after, std::size_t limit) : after_(std::move(after)), limit_(limit) {}

  /// Whether a row with this key may be on the page. Asked before the row is made.
  bool wants(std::string_view key) const {
    if (key <= after_) return false;
    return !full_ || key < std::string_view(rows_.rbegin()->first);
  }
  /// The same for all keys that begin so.
  bool wants_some(std::string_view prefix) const {
    if (prefix < std::string_view(after_).substr(0, prefix.size())) return false;
    return !full_ || prefix <= std::string_view(rows_.rbegin()->first).substr(0, prefix.size());
  }
  void add(std::string key, std::string json);

  /// One page out of those that several loops have gathered.
  static observe::admin_answer merge(std::vector<page_rows>& parts);

 private:
  std::string after_;
  std::size_t limit_;
  std::map<std::string, std::string> rows_;
  std::size_t bytes_ = 0;
  bool more_ = false;
  bool full_ = false;  // has so many that greater keys are of no use
};

/// One row out of two of the same key.
using row_sum = std::string (*)(const std::string& json, const std::string& other);

/// One page out of the answers of several nodes; those that are no success are left out. Of rows
/// with the same key the first is taken, unless `sum` makes one of them.
observe::admin_answer merge_pages(std::vector<observe::admin_answer> parts, std::size_t limit,
                                  row_sum sum = nullptr);

/// Big-endian, so that keys are in the order of numbers.
std::string ordered(std::uint64_t value);

}  // namespace troupe::broker
