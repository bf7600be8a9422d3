#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace troupe::topics {

/// One node of a persistent_set: a compressed 32-way branch with its items and
/// sub-nodes behind it in the same allocation, sub-nodes first. Below the last
/// hash bit a node is a plain list of items whose hashes are all equal.
template <class Item>
class alignas(void*) set_node {
  static_assert(std::is_nothrow_move_constructible_v<Item>);
  static_assert(alignof(Item) <= alignof(void*));

 public:
  static set_node* make(std::uint32_t item_count, std::uint32_t node_count) {
    const std::size_t bytes =
        sizeof(set_node) + node_count * sizeof(set_node*) + item_count * sizeof(Item);
    return new (::operator new(bytes)) set_node(item_count, node_count);
  }

  void retain() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }

  void release() noexcept {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    for (std::uint32_t i = 0; i < node_count_; ++i) nodes()[i]->release();
    std::destroy_n(items(), item_count_);
    discard();
  }

  /// Frees the memory of a node whose content was moved out or never built.
  void discard() noexcept {
    this->~set_node();
    ::operator delete(this);
  }

  /// True if nobody else can reach this node by another way. The acquire pairs
  /// with the release of the reader that let go of it.
  bool unique() const noexcept { return refs_.load(std::memory_order_acquire) == 1; }

  set_node* clone() const {
    set_node* copy = make(item_count_, node_count_);
    copy->item_map = item_map;
    copy->node_map = node_map;
    try {
      std::uninitialized_copy_n(items(), item_count_, copy->items());
    } catch (...) {
      copy->discard();
      throw;
    }
    for (std::uint32_t i = 0; i < node_count_; ++i) {
      copy->nodes()[i] = nodes()[i];
      copy->nodes()[i]->retain();
    }
    return copy;
  }

  std::uint32_t item_count() const noexcept { return item_count_; }
  std::uint32_t node_count() const noexcept { return node_count_; }
  set_node** nodes() const noexcept {
    return reinterpret_cast<set_node**>(const_cast<set_node*>(this) + 1);
  }
  Item* items() const noexcept { return reinterpret_cast<Item*>(nodes() + node_count_); }

  std::uint32_t item_map = 0;
  std::uint32_t node_map = 0;

 private:
  set_node(std::uint32_t item_count, std::uint32_t node_count) noexcept
      : item_count_(item_count), node_count_(node_count) {}
  ~set_node() = default;

  std::atomic<std::uint32_t> refs_{1};
  std::uint32_t item_count_;
  std::uint32_t node_count_;
};

/// A set of items found by key: a hash array mapped trie (compressed as in
/// Steindorfer and Vinju, 2015). A copy costs one reference count; a change
/// costs O(log32 n), copying only the nodes that another copy still shares, so
/// that the same insert() fills a new set in place and extends a published one
/// by path copying.
///
/// Traits: `Item`'s key type `key_type`, `key_of(item)`, `hash(key)`.
/// Const functions may run on many threads; a change needs the caller to be
/// alone with this object, not with its copies.
template <class Item, class Traits>
class persistent_set {
  using node = set_node<Item>;
  static constexpr unsigned bits = 5;
  static constexpr unsigned hash_bits = 64;

 public:
  using key_type = typename Traits::key_type;

  persistent_set() = default;
  persistent_set(const persistent_set& other) noexcept : root_(other.root_) {
    if (root_) root_->retain();
  }
  persistent_set(persistent_set&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  persistent_set& operator=(persistent_set other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  ~persistent_set() {
    if (root_) root_->release();
  }

  bool empty() const noexcept { return root_ == nullptr; }

  /// The item with this key, or nullptr. Valid until this object changes.
  const Item* find(const key_type& key, std::uint64_t hash) const noexcept {
    const node* at = root_;
    for (unsigned shift = 0; at; shift += bits) {
      if (shift >= hash_bits) {
        const std::uint32_t index = position_in_list(*at, key);
        return index < at->item_count() ? at->items() + index : nullptr;
      }
      const std::uint32_t bit = bit_at(hash, shift);
      if (at->item_map & bit) {
        const Item* item = at->items() + rank(at->item_map, bit);
        return Traits::key_of(*item) == key ? item : nullptr;
      }
      at = at->node_map & bit ? at->nodes()[rank(at->node_map, bit)] : nullptr;
    }
    return nullptr;
  }
  const Item* find(const key_type& key) const noexcept { return find(key, Traits::hash(key)); }

  /// As find(), but for change in place: the way to the item is made this
  /// set's own first. The caller must not change the key.
  Item* find_mutable(const key_type& key, std::uint64_t hash) {
    if (!find(key, hash)) return nullptr;
    node** slot = &root_;
    for (unsigned shift = 0;; shift += bits) {
      node& at = own(*slot);
      if (shift >= hash_bits) return at.items() + position_in_list(at, key);
      const std::uint32_t bit = bit_at(hash, shift);
      if (at.item_map & bit) return at.items() + rank(at.item_map, bit);
      slot = at.nodes() + rank(at.node_map, bit);
    }
  }

  /// Adds the item or replaces the one with the same key; true if it was added.
  bool insert(Item item) {
    const std::uint64_t hash = Traits::hash(Traits::key_of(item));
    node** slot = &root_;
    for (unsigned shift = 0;; shift += bits) {
      if (!*slot) {
        *slot = node::make(1, 0);
        std::construct_at((*slot)->items(), std::move(item));
        if (shift < hash_bits) (*slot)->item_map = bit_at(hash, shift);
        return true;
      }
      node& at = own(*slot);
      if (shift >= hash_bits) return insert_in_list(*slot, std::move(item));
      const std::uint32_t bit = bit_at(hash, shift);
      if (at.item_map & bit) {
        Item& there = at.items()[rank(at.item_map, bit)];
        if (Traits::key_of(there) == Traits::key_of(item)) {
          there = std::move(item);
          return false;
        }
        push_down(*slot, bit, shift + bits);
      } else if (!(at.node_map & bit)) {
        add_item(*slot, bit, rank(at.item_map, bit), std::move(item));
        return true;
      }
      slot = (*slot)->nodes() + rank((*slot)->node_map, bit);
    }
  }

  /// Removes the item with this key; false, and nothing copied, if absent.
  bool erase(const key_type& key) {
    const std::uint64_t hash = Traits::hash(key);
    if (!find(key, hash)) return false;
    erase_from(root_, key, hash, 0);
    return true;
  }

  /// Calls `visit(std::span<const Item>)` for runs of items until all were seen.
  template <class Visit>
  void for_each_run(Visit&& visit) const {
    if (root_) visit_runs(*root_, visit);
  }

  void swap(persistent_set& other) noexcept { std::swap(root_, other.root_); }

 private:
  static std::uint32_t bit_at(std::uint64_t hash, unsigned shift) noexcept {
    return std::uint32_t{1} << ((hash >> shift) & 31U);
  }
  static std::uint32_t rank(std::uint32_t map, std::uint32_t bit) noexcept {
    return static_cast<std::uint32_t>(std::popcount(map & (bit - 1)));
  }

  static std::uint32_t position_in_list(const node& list, const key_type& key) noexcept {
    std::uint32_t index = 0;
    while (index < list.item_count() && !(Traits::key_of(list.items()[index]) == key)) ++index;
    return index;
  }

  static node& own(node*& slot) {
    if (!slot->unique()) {
      node* copy = slot->clone();
      slot->release();
      slot = copy;
    }
    return *slot;
  }

  /// Replaces an owned node by one of another shape. `place(fresh)` fills it
  /// by moving from the old one, whose memory is then freed.
  template <class Place>
  static void reshape(node*& slot, std::uint32_t items, std::uint32_t nodes, Place&& place) {
    node* fresh = node::make(items, nodes);
    fresh->item_map = slot->item_map;
    fresh->node_map = slot->node_map;
    place(*slot, *fresh);
    std::destroy_n(slot->items(), slot->item_count());
    slot->discard();
    slot = fresh;
  }

  static void move_items(node& from, std::uint32_t first, std::uint32_t count, node& to,
                         std::uint32_t at) noexcept {
    std::uninitialized_move_n(from.items() + first, count, to.items() + at);
  }
  static void move_nodes(node& from, std::uint32_t first, std::uint32_t count, node& to,
                         std::uint32_t at) noexcept {
    for (std::uint32_t i = 0; i < count; ++i) to.nodes()[at + i] = from.nodes()[first + i];
  }

  static void add_item(node*& slot, std::uint32_t bit, std::uint32_t index, Item&& item) {
    const std::uint32_t count = slot->item_count();
    reshape(slot, count + 1, slot->node_count(), [&](node& old, node& fresh) {
      move_nodes(old, 0, old.node_count(), fresh, 0);
      move_items(old, 0, index, fresh, 0);
      std::construct_at(fresh.items() + index, std::move(item));
      move_items(old, index, count - index, fresh, index + 1);
      fresh.item_map |= bit;
    });
  }

  static void remove_item(node*& slot, std::uint32_t bit, std::uint32_t index) {
    const std::uint32_t count = slot->item_count();
    reshape(slot, count - 1, slot->node_count(), [&](node& old, node& fresh) {
      move_nodes(old, 0, old.node_count(), fresh, 0);
      move_items(old, 0, index, fresh, 0);
      move_items(old, index + 1, count - index - 1, fresh, index);
      fresh.item_map &= ~bit;
    });
  }

  static bool insert_in_list(node*& slot, Item&& item) {
    const std::uint32_t index = position_in_list(*slot, Traits::key_of(item));
    if (index < slot->item_count()) {
      slot->items()[index] = std::move(item);
      return false;
    }
    add_item(slot, 0, index, std::move(item));
    return true;
  }

  /// Moves the item at `bit` into a sub-node of its own.
  static void push_down(node*& slot, std::uint32_t bit, unsigned shift) {
    const std::uint32_t item_index = rank(slot->item_map, bit);
    const std::uint32_t node_index = rank(slot->node_map, bit);
    const std::uint32_t items = slot->item_count();
    const std::uint32_t nodes = slot->node_count();
    node* below = node::make(1, 0);
    if (shift < hash_bits) {
      below->item_map = bit_at(Traits::hash(Traits::key_of(slot->items()[item_index])), shift);
    }
    node* fresh = nullptr;
    try {
      fresh = node::make(items - 1, nodes + 1);
    } catch (...) {
      below->discard();
      throw;
    }
    node& old = *slot;
    std::construct_at(below->items(), std::move(old.items()[item_index]));
    move_nodes(old, 0, node_index, *fresh, 0);
    fresh->nodes()[node_index] = below;
    move_nodes(old, node_index, nodes - node_index, *fresh, node_index + 1);
    move_items(old, 0, item_index, *fresh, 0);
    move_items(old, item_index + 1, items - item_index - 1, *fresh, item_index);
    fresh->item_map = old.item_map & ~bit;
    fresh->node_map = old.node_map | bit;
    std::destroy_n(old.items(), items);
    old.discard();
    slot = fresh;
  }

  /// Takes the only item of the sub-node at `bit` back into this node.
  static void pull_up(node*& slot, std::uint32_t bit) {
    const std::uint32_t node_index = rank(slot->node_map, bit);
    const std::uint32_t item_index = rank(slot->item_map, bit);
    const std::uint32_t items = slot->item_count();
    node* below = slot->nodes()[node_index];
    reshape(slot, items + 1, slot->node_count() - 1, [&](node& old, node& fresh) {
      move_nodes(old, 0, node_index, fresh, 0);
      move_nodes(old, node_index + 1, old.node_count() - node_index - 1, fresh, node_index);
      move_items(old, 0, item_index, fresh, 0);
      std::construct_at(fresh.items() + item_index, std::move(below->items()[0]));
      move_items(old, item_index, items - item_index, fresh, item_index + 1);
      fresh.item_map |= bit;
      fresh.node_map &= ~bit;
    });
    below->release();
  }

  /// Closes the gap that an emptied sub-node left.
  static void drop_node(node*& slot, std::uint32_t bit) {
    const std::uint32_t items = slot->item_count();
    const std::uint32_t nodes = slot->node_count();
    const std::uint32_t index = rank(slot->node_map, bit);
    if (items == 0 && nodes == 1) {
      slot->discard();
      slot = nullptr;
      return;
    }
    reshape(slot, items, nodes - 1, [&](node& old, node& fresh) {
      move_nodes(old, 0, index, fresh, 0);
      move_nodes(old, index + 1, nodes - index - 1, fresh, index);
      move_items(old, 0, items, fresh, 0);
      fresh.node_map &= ~bit;
    });
  }

  /// The key is present. Depth is at most 14.
  static void erase_from(node*& slot, const key_type& key, std::uint64_t hash, unsigned shift) {
    node& at = own(slot);
    const bool list = shift >= hash_bits;
    const std::uint32_t bit = list ? 0 : bit_at(hash, shift);
    if (list || (at.item_map & bit)) {
      if (at.item_count() == 1 && at.node_count() == 0) {
        at.release();
        slot = nullptr;
        return;
      }
      remove_item(slot, bit, list ? position_in_list(at, key) : rank(at.item_map, bit));
      return;
    }
    node*& below = at.nodes()[rank(at.node_map, bit)];
    erase_from(below, key, hash, shift + bits);
    if (!below) {
      // Only after an insert() that ran out of memory; else two were below.
      drop_node(slot, bit);
    } else if (below->item_count() == 1 && below->node_count() == 0) {
      pull_up(slot, bit);
    }
  }

  template <class Visit>
  static void visit_runs(const node& at, Visit& visit) {
    if (at.item_count()) visit(std::span<const Item>(at.items(), at.item_count()));
    for (std::uint32_t i = 0; i < at.node_count(); ++i) visit_runs(*at.nodes()[i], visit);
  }

  node* root_ = nullptr;
};

}  // namespace troupe::topics
