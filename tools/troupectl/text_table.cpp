#include "tools/troupectl/text_table.hpp"

#include "tools/troupectl/terminal_text.hpp"

#include <algorithm>
#include <cstddef>

namespace troupe::ctl {
namespace {

constexpr std::size_t gap = 2;

}  // namespace

void text_table::add(std::vector<std::string> row) {
  for (auto& cell : row) cell = harmless(cell);
  rows_.push_back(std::move(row));
}

std::string text_table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string result;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      line.append(widths[i] - width_of(row[i]) + gap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + "\n";
  }
  return result;
}

}  // namespace troupe::ctl
