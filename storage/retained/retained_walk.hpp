#pragma once

#include "storage/retained/retained_tree.hpp"

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace troupe::storage {

/// A walk over the nodes of a tree that a filter may match, in the order of
/// their places, in pieces. The tree may change between two pieces.
class retained_walk {
 public:
  /// Places from the root down to a node.
  using path = std::vector<std::uint32_t>;

  /// `filter` must be valid and outlive the walk; without "$share".
  retained_walk(const retained_tree& tree, std::string_view filter);

  /// Begins at the node at `from`, or if that is gone at what comes after it.
  /// `room` is asked before each node: false ends the walk, which then answers the path to go on at.
  /// `found` is told of each node whose topic matches, with or without a message.
  path go(const path& from, const std::function<bool()>& room,
          const std::function<void(const retained_tree::node&)>& found);

 private:
  struct course;
  const retained_tree& tree_;
  std::vector<std::string_view> levels_;
};

}  // namespace troupe::storage
