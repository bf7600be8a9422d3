#pragma once

#include "storage/retained/retained_answer.hpp"
#include "storage/retained/retained_tree.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

namespace troupe::storage {

/// The retained messages that are kept in memory, between the one writer who
/// changes them and the readers. While `complete`, they are all that there are
/// and the table may be behind; else the table is what counts.
class retained_memory {
 public:
  /// Approximate bytes of memory; by the writer.
  std::uint64_t bytes() const noexcept { return tree_->bytes(); }
  bool complete() const noexcept { return complete_.load(std::memory_order_acquire); }
  /// Changes whenever complete() or the tree as a whole does.
  std::uint32_t edition() const noexcept { return edition_.load(std::memory_order_acquire); }

  /// Nothing: read the table, from the beginning unless the cursor is one of its own.
  std::optional<retained_answer> read(std::string_view filter, std::string_view cursor,
                                      std::uint32_t max_count, std::int64_t now_ms) const;

  enum class known : std::uint8_t { nothing, absent, held };
  /// Whoever reads the table while it may be behind asks for each topic. `held`
  /// with a body of null: it cannot be read.
  known look_up(std::string_view topic, retained_message& message) const;

  // --- by the writer ---
  std::mutex& mutex() const noexcept { return mutex_; }
  /// Under the mutex, if others could see a change.
  retained_tree& tree() noexcept { return *tree_; }
  const retained_tree& tree() const noexcept { return *tree_; }
  void complete(bool value);
  void clear();

 private:
  mutable std::mutex mutex_;
  std::unique_ptr<retained_tree> tree_ = std::make_unique<retained_tree>();
  std::atomic<bool> complete_{false};
  std::atomic<std::uint32_t> edition_{0};
};

}  // namespace troupe::storage
