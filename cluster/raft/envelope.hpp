#pragma once

#include "cluster/raft/group_host.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// One frame of the channel `raft` to a node: the messages of many groups.
/// A version byte, then of each message group 4, size 4 (little-endian), bytes.
namespace troupe::cluster::raft {

/// Gathers messages for one node.
class envelope_writer {
 public:
  void add(group_no group, std::string_view message);
  bool empty() const noexcept { return bytes_.empty(); }
  std::size_t size() const noexcept { return bytes_.size(); }
  /// The frame; begins a new one.
  std::string take();

 private:
  std::string bytes_;
};

struct envelope_message {
  group_no group = 0;
  std::string_view bytes;  // points into the frame
};

/// Walks through a frame's messages.
class envelope_reader {
 public:
  explicit envelope_reader(std::string_view frame);
  /// Nothing at the end, and at the first that is damaged.
  std::optional<envelope_message> next();
  /// Of an unknown version, or cut short.
  bool damaged() const noexcept { return damaged_; }

 private:
  std::string_view rest_;
  bool damaged_ = false;
};

}  // namespace troupe::cluster::raft
