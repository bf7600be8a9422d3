#pragma once

#include <cstdint>
#include <functional>

namespace troupe::cluster {

/// Names a node for the life of its data directory: random, never zero. Raft
/// servers have the same number. Zero names no node.
enum class node_id : std::uint64_t {};

inline constexpr node_id no_node{0};

constexpr std::uint64_t number(node_id node) noexcept { return static_cast<std::uint64_t>(node); }

}  // namespace troupe::cluster
