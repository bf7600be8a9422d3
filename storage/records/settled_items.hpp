#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::storage {

/// Which items of a run are settled: mostly all up to some item, because
/// clients acknowledge in order. Its record is stored.progress_record.
class settled_items {
 public:
  bool contains(std::size_t item) const noexcept {
    if (item < first_) return true;
    return item / 8 < bits_.size() && (bits_[item / 8] >> (item % 8) & 1) != 0;
  }
  std::size_t count() const noexcept { return count_; }

  /// False if it was settled before.
  bool settle(std::size_t item) {
    if (contains(item)) return false;
    ++count_;
    if (item == first_) {
      ++first_;
      if (!bits_.empty()) skip_settled();
      return true;
    }
    if (item / 8 >= bits_.size()) bits_.resize(item / 8 + 1, '\0');
    bits_[item / 8] = static_cast<char>(bits_[item / 8] | (1 << (item % 8)));
    return true;
  }

  /// Appends the record to `out`.
  void encode(std::string& out) const;
  /// Nothing for bytes that are damaged or of a newer layout.
  static std::optional<settled_items> decode(std::string_view bytes);

 private:
  void skip_settled() noexcept {
    while (first_ / 8 < bits_.size() && (bits_[first_ / 8] >> (first_ % 8) & 1) != 0) ++first_;
    if (first_ / 8 >= bits_.size()) bits_.clear();
  }

  std::size_t first_ = 0;  // all before it
  std::size_t count_ = 0;
  std::string bits_;  // a bit for each item, from item 0; those before first_ mean nothing
};

}  // namespace troupe::storage
