#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

/// Where a scan over sorted topics goes on for a filter with wildcards: says
/// whether a topic matches, and if not, which is the first topic after it that
/// could, so that `a/+/b` or `x/#` does not walk over what cannot match.
/// Topics are compared bytewise. Immutable.
class retained_scan {
 public:
  /// `filter` must be valid and outlive the scan; without "$share".
  explicit retained_scan(std::string_view filter);

  /// The first topic that could match.
  const std::string& first() const noexcept { return first_; }

  struct step {
    enum class kind { matches, skip, finished } what = kind::finished;
    std::string to;  // if skip: no topic before it matches; greater than the one asked about
  };
  step examine(std::string_view topic) const;

 private:
  std::vector<std::string_view> levels_;
  std::string first_;
};

}  // namespace troupe::storage
