#pragma once

#include "storage/store.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::storage {

/// Retained messages by topic levels. A node is found by its parent and its
/// name in one hash table; the children of a node stand in places that do not
/// change while they live, so that a walk can go on where it stopped whatever
/// has changed meanwhile: what took a free place is new. Not thread-safe.
class retained_tree {
 public:
  using node_id = std::uint32_t;
  static constexpr node_id none = UINT32_MAX;
  static constexpr node_id root = 0;

  struct branches {
    std::vector<node_id> places;  // `none`: free
    std::vector<std::uint32_t> free;
    std::uint32_t count = 0;
  };

  struct node {
    std::string name;
    node_id parent = none;
    std::uint32_t place = 0;
    std::unique_ptr<branches> below;
    retained_message kept;  // body null although held: it cannot be read
    std::uint16_t shard = 0;
    bool used = false;
    bool held = false;  // there is a retained message

    // Marks of the writer.
    bool in_table = false;    // the table has a record of it, be it an old one
    bool in_batch = false;    // changed by the batch that is being made,
    bool held_after = false;  // after which this holds
    bool unfolded = false;    // the journal has a newer state than the table
    bool folding = false;     // as `unfolded`, and being written to the table
    bool idle() const noexcept {
      return !held && !in_batch && !unfolded && !folding;
    }
  };

  retained_tree();

  node_id find(std::string_view topic) const;
  /// Finds or makes.
  node_id add(std::string_view topic);
  /// Removes a node that is idle() and has nothing below it, and its ancestors
  /// that are left so.
  void prune(node_id id);
  /// A new state of a node: with a message, or without if `held` is false.
  void set(node_id id, bool held, retained_message message, std::uint16_t shard);

  node& at(node_id id) noexcept { return chunks_[id / chunk_size][id % chunk_size]; }
  const node& at(node_id id) const noexcept { return chunks_[id / chunk_size][id % chunk_size]; }
  /// The topic of a node, made from the names of its ancestors.
  std::string topic(node_id id) const;
  node_id child(node_id parent, std::string_view name) const;
  /// Approximate bytes of memory, with the messages.
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::uint32_t chunk_size = 256;
  struct slot {
    std::uint32_t hash = 0;
    node_id id = none;
  };

  static std::uint32_t hash(node_id parent, std::string_view name);
  node_id make(node_id parent, std::string_view name, std::uint32_t hash);
  node_id find_slot(node_id parent, std::string_view name, std::uint32_t hash) const;
  void insert_slot(slot entry);
  void erase_slot(node_id id);
  void grow();
  void remove(node_id id);

  std::vector<std::unique_ptr<node[]>> chunks_;
  std::vector<node_id> free_;
  node_id next_ = 0;
  std::vector<slot> table_;
  std::size_t filled_ = 0;
  std::uint64_t bytes_ = 0;
  // Topics come with the same first levels many times in a row.
  std::string last_prefix_;
  node_id last_parent_ = none;
};

}  // namespace troupe::storage
