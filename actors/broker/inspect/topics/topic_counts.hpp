#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace troupe::broker {

/// Who subscribes to the filters of one page: those with the lowest names above `after`, counted
/// while subscriptions come in any order. Not thread-safe.
class topic_counts {
 public:
  /// Names of groups that a row tells; a filter with more says so.
  static constexpr std::size_t most_groups = 1'000;

  struct count {
    std::uint64_t subscriptions = 0;
    std::set<std::string, std::less<>> groups;
    bool more_groups = false;

    void add_group(std::string_view name);
  };

  topic_counts(std::string after, std::size_t limit) : after_(std::move(after)), limit_(limit) {}

  /// One subscription. `group`: empty if it is not shared.
  void add(std::string_view filter, std::string_view group);
  /// What another one has counted on the way to the same page.
  void add(const topic_counts& others);

  const std::map<std::string, count, std::less<>>& rows() const noexcept { return rows_; }
  /// There are filters behind the page.
  bool more() const noexcept { return more_; }

  static std::string row_of(std::string_view filter, const count& of);
  /// One row of those that two nodes have of a filter.
  static std::string sum(const std::string& row, const std::string& other);

 private:
  count* place_of(std::string_view filter);

  std::string after_;
  std::size_t limit_;
  std::map<std::string, count, std::less<>> rows_;
  bool more_ = false;
};

}  // namespace troupe::broker
