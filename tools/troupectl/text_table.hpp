#pragma once

#include <string>
#include <vector>

namespace troupe::ctl {

/// Rows of cells in columns as wide as their widest cell, for a terminal. The
/// first row is the head.
class text_table {
 public:
  explicit text_table(std::vector<std::string> head) { add(std::move(head)); }
  void add(std::vector<std::string> row);

  /// What could change the terminal is shown as '?'.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace troupe::ctl
