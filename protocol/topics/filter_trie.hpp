#pragma once

#include "protocol/topics/names.hpp"
#include "protocol/topics/persistent_set.hpp"
#include "protocol/topics/seeded_hash.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::topics {

/// What filter_trie::insert() did.
enum class insertion : std::uint8_t {
  added,     // a new entry
  replaced,  // the filter had an entry with this key
  refused,   // the filter has more than max_levels levels
};

/// Topic filters, each with a set of entries: whom a message is for.
///
/// `Entry` is a small value with `key()`, unique within a filter: comparable
/// by == and either text or known to std::hash. Which `key()` stands for a
/// session and which for a shared group is the caller's affair.
///
/// Copying a trie costs one reference count and gives an immutable snapshot:
/// one writer keeps a trie, changes it, and hands copies to readers on any
/// thread (as `std::shared_ptr<const filter_trie>` or by value). insert() and
/// erase() cost O(levels + log n) whatever the number of siblings or entries:
/// what no snapshot shares is changed in place (start-up fills a trie without
/// copying), the rest is copied along the path.
///
/// Const functions may run on many threads at once.
template <class Entry>
class filter_trie {
 public:
  using key_type = std::decay_t<decltype(std::declval<const Entry&>().key())>;

  /// Adds or replaces the entry with `entry.key()` under a valid filter.
  insertion insert(std::string_view filter, Entry entry) {
    if (levels(filter) > max_levels) return insertion::refused;
    node* at = &own(root_);
    for (level_cursor level(filter); !level.done(); level.advance()) {
      if (level.level() == "#") return put(at->below, std::move(entry));
      at = &own(level.level() == "+" ? at->plus : child_slot(*at, level.level()));
    }
    return put(at->entries, std::move(entry));
  }

  /// Removes an entry; false if there was none (then nothing was copied).
  bool erase(std::string_view filter, const key_type& key) {
    if (!find(filter, key)) return false;
    std::array<step, max_levels + 1> path;
    std::size_t depth = 0;
    path[0] = {&own(root_), {}};
    entry_set* entries = nullptr;
    for (level_cursor level(filter); !level.done(); level.advance()) {
      node& at = *path[depth].at;
      if (level.level() == "#") {
        entries = &at.below;
        break;
      }
      node_ref& slot = level.level() == "+" ? at.plus : child_slot(at, level.level());
      path[++depth] = {&own(slot), level.level()};
    }
    if (!entries) entries = &path[depth].at->entries;
    entries->erase(key);
    --entry_count_;
    if (entries->empty()) --filter_count_;
    prune(path, depth);
    return true;
  }

  /// A snapshot that also holds `entry`; this one stays as it is. A filter
  /// with too many levels leaves the copy unchanged.
  filter_trie with(std::string_view filter, Entry entry) const {
    filter_trie next(*this);
    next.insert(filter, std::move(entry));
    return next;
  }

  /// A snapshot without that entry; this one stays as it is.
  filter_trie without(std::string_view filter, const key_type& key) const {
    filter_trie next(*this);
    next.erase(filter, key);
    return next;
  }

  /// The entry of exactly this filter and key, or nullptr.
  const Entry* find(std::string_view filter, const key_type& key) const noexcept {
    const node* at = root_.get();
    for (level_cursor level(filter); at && !level.done(); level.advance()) {
      if (level.level() == "#") return at->below.find(key);
      if (level.level() == "+") {
        at = at->plus.get();
      } else {
        const child* next = at->children.find(level.level());
        at = next ? next->get() : nullptr;
      }
    }
    return at ? at->entries.find(key) : nullptr;
  }

  /// Calls `visit(std::span<const Entry>)` for every run of entries whose
  /// filter matches the valid topic; a key may be seen once per filter that
  /// matches. Allocates nothing; recursion is bounded by max_levels.
  template <class Visit>
  void match(std::string_view topic, Visit&& visit) const {
    if (!root_) return;
    split_topic split;
    split.count = 0;
    level_cursor level(topic);
    for (; !level.done() && split.count < max_levels; level.advance()) {
      split.levels[split.count++] = {level.level().data(), level.level().size(), 0, false};
    }
    split.complete = level.done();
    const bool reserved = !topic.empty() && topic.front() == '$';
    walk(*root_.get(), split, 0, reserved, visit);
  }

  /// The same for people, who want to know the filters: calls
  /// `visit(std::string_view filter, std::span<const Entry>)`. Allocates.
  template <class Visit>
  void match_named(std::string_view topic, Visit&& visit) const {
    if (!root_) return;
    std::vector<std::string_view> levels;
    for (level_cursor level(topic); !level.done(); level.advance()) levels.push_back(level.level());
    if (levels.size() > max_levels) return;
    std::string filter;
    const bool reserved = !topic.empty() && topic.front() == '$';
    walk_named(*root_.get(), levels, 0, reserved, filter, visit);
  }

  /// Calls `visit(std::string_view filter, const Entry&)` for every entry, in
  /// no order that means anything. The text lives until the call returns.
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::string filter;
    if (root_) enumerate(*root_.get(), filter, true, visit);
  }

  std::size_t entry_count() const noexcept { return entry_count_; }
  std::size_t filter_count() const noexcept { return filter_count_; }
  bool empty() const noexcept { return entry_count_ == 0; }

 private:
  struct node;

  /// Counted reference to a node; several tries may share one.
  class node_ref {
   public:
    node_ref() = default;
    explicit node_ref(node* fresh) noexcept : at_(fresh) {}
    node_ref(const node_ref& other) noexcept : at_(other.at_) {
      if (at_) at_->refs.fetch_add(1, std::memory_order_relaxed);
    }
    node_ref(node_ref&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
    node_ref& operator=(node_ref other) noexcept {
      std::swap(at_, other.at_);
      return *this;
    }
    ~node_ref() {
      if (at_ && at_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete at_;
    }
    node* get() const noexcept { return at_; }
    explicit operator bool() const noexcept { return at_ != nullptr; }

   private:
    node* at_ = nullptr;
  };

  /// A child found by the level text that its node carries.
  struct child : node_ref {
    using node_ref::node_ref;
    node_ref& ref() noexcept { return *this; }
  };
  struct child_traits {
    using key_type = std::string_view;
    static std::string_view key_of(const child& item) noexcept { return item.get()->level; }
    static std::uint64_t hash(std::string_view level) noexcept { return seeded_hash(level); }
  };
  struct entry_traits {
    using key_type = filter_trie::key_type;
    static decltype(auto) key_of(const Entry& entry) noexcept { return entry.key(); }
    static std::uint64_t hash(const key_type& key) noexcept { return hash_key(key); }
  };
  using entry_set = persistent_set<Entry, entry_traits>;

  struct node {
    node() = default;
    explicit node(std::string_view text) : level(text) {}
    node(const node& other)
        : level(other.level),
          plus(other.plus),
          children(other.children),
          entries(other.entries),
          below(other.below) {}
    node& operator=(const node&) = delete;

    bool bare() const noexcept {
      return !plus && children.empty() && entries.empty() && below.empty();
    }

    std::atomic<std::uint32_t> refs{1};
    std::string level;
    node_ref plus;                                 // the child "+"
    persistent_set<child, child_traits> children;  // all others
    entry_set entries;                             // of the filter that ends here
    entry_set below;                               // of the filter that ends with "#" here
  };

  struct step {
    node* at = nullptr;
    std::string_view level;  // by which `at` was reached
  };

  /// Trivial, so that match() does not clear an array that it will not use.
  struct topic_level {
    const char* data;
    std::size_t size;
    std::uint64_t hash;
    bool hashed;
  };
  struct split_topic {
    std::array<topic_level, max_levels> levels;
    std::size_t count;
    bool complete;  // false: the topic has more than max_levels
  };

  static node& own(node_ref& slot) {
    if (!slot) {
      slot = node_ref(new node);
    } else if (slot.get()->refs.load(std::memory_order_acquire) != 1) {
      slot = node_ref(new node(*slot.get()));
    }
    return *slot.get();
  }

  static node_ref& child_slot(node& at, std::string_view level) {
    const std::uint64_t hash = seeded_hash(level);
    child* there = at.children.find_mutable(level, hash);
    if (!there) {
      at.children.insert(child(new node(level)));
      there = at.children.find_mutable(level, hash);
    }
    return there->ref();
  }

  insertion put(entry_set& set, Entry entry) {
    const bool first = set.empty();
    if (!set.insert(std::move(entry))) return insertion::replaced;
    ++entry_count_;
    if (first) ++filter_count_;
    return insertion::added;
  }

  void prune(const std::array<step, max_levels + 1>& path, std::size_t depth) {
    for (; depth > 0 && path[depth].at->bare(); --depth) {
      node& parent = *path[depth - 1].at;
      if (path[depth].level == "+") {
        parent.plus = node_ref();
      } else {
        parent.children.erase(path[depth].level);
      }
    }
    if (depth == 0 && path[0].at->bare()) root_ = node_ref();
  }

  template <class Visit>
  static void walk(const node& at, split_topic& topic, std::size_t depth, bool reserved,
                   Visit& visit) {
    const bool wildcards = depth > 0 || !reserved;
    if (wildcards) at.below.for_each_run(visit);
    if (depth == topic.count) {
      if (topic.complete) at.entries.for_each_run(visit);
      return;
    }
    if (wildcards && at.plus) walk(*at.plus.get(), topic, depth + 1, reserved, visit);
    if (at.children.empty()) return;
    topic_level& level = topic.levels[depth];
    const std::string_view text(level.data, level.size);
    if (!level.hashed) {
      level.hash = seeded_hash(text);
      level.hashed = true;
    }
    const child* next = at.children.find(text, level.hash);
    if (next) walk(*next->get(), topic, depth + 1, reserved, visit);
  }

  template <class Visit>
  static void walk_named(const node& at, const std::vector<std::string_view>& levels,
                         std::size_t depth, bool reserved, std::string& filter, Visit& visit) {
    const std::size_t size = filter.size();
    const auto descend = [&](std::string_view level, auto&& use) {
      if (depth > 0) filter += '/';
      filter += level;
      use();
      filter.resize(size);
    };
    const auto report = [&](const entry_set& set) {
      set.for_each_run([&](std::span<const Entry> run) { visit(std::string_view(filter), run); });
    };
    const bool wildcards = depth > 0 || !reserved;
    if (wildcards) descend("#", [&] { report(at.below); });
    if (depth == levels.size()) return report(at.entries);
    const auto go = [&](const node& next) {
      walk_named(next, levels, depth + 1, reserved, filter, visit);
    };
    if (wildcards && at.plus) descend("+", [&] { go(*at.plus.get()); });
    if (const child* next = at.children.find(levels[depth]))
      descend(levels[depth], [&] { go(*next->get()); });
  }

  template <class Visit>
  static void enumerate(const node& at, std::string& filter, bool first, Visit& visit) {
    const auto report = [&](const entry_set& set) {
      set.for_each_run([&](std::span<const Entry> run) {
        for (const Entry& entry : run) visit(std::string_view(filter), entry);
      });
    };
    const std::size_t size = filter.size();
    const auto descend = [&](std::string_view level, auto&& use) {
      if (!first) filter += '/';
      filter += level;
      use();
      filter.resize(size);
    };
    report(at.entries);
    descend("#", [&] { report(at.below); });
    if (at.plus) descend("+", [&] { enumerate(*at.plus.get(), filter, false, visit); });
    at.children.for_each_run([&](std::span<const child> run) {
      for (const child& next : run) {
        descend(next.get()->level, [&] { enumerate(*next.get(), filter, false, visit); });
      }
    });
  }

  node_ref root_;
  std::size_t entry_count_ = 0;
  std::size_t filter_count_ = 0;
};

}  // namespace troupe::topics
