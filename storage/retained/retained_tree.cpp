#include "storage/retained/retained_tree.hpp"

#include "protocol/topics/seeded_hash.hpp"

#include <utility>

namespace troupe::storage {
namespace {

// What an allocation costs beside its bytes, and the share of a table with room.
constexpr std::uint64_t node_bytes = sizeof(retained_tree::node) + 24;
constexpr std::uint64_t message_overhead = 16;

std::uint64_t weight(const retained_message& message) {
  return message.body ? message.body->footprint() + message_overhead : 0;
}

}  // namespace

retained_tree::retained_tree() {
  make(none, {}, 0);
}

std::uint32_t retained_tree::hash(node_id parent, std::string_view name) {
  auto mixed = topics::seeded_hash(name) ^ (std::uint64_t{parent} + 1) * 0x9E3779B97F4A7C15U;
  mixed *= 0xFF51AFD7ED558CCDU;
  return static_cast<std::uint32_t>(mixed >> 32);
}

retained_tree::node_id retained_tree::child(node_id parent, std::string_view name) const {
  return find_slot(parent, name, hash(parent, name));
}

retained_tree::node_id retained_tree::find(std::string_view topic) const {
  for (node_id at = root;;) {
    const auto slash = topic.find('/');
    at = child(at, topic.substr(0, slash));
    if (at == none || slash == std::string_view::npos) return at;
    topic.remove_prefix(slash + 1);
  }
}

retained_tree::node_id retained_tree::add(std::string_view topic) {
  const auto next = [this](node_id parent, std::string_view name) {
    const auto hashed = hash(parent, name);
    const auto found = find_slot(parent, name, hashed);
    return found != none ? found : make(parent, name, hashed);
  };
  const auto end = topic.rfind('/');
  if (end == std::string_view::npos) return next(root, topic);
  const auto prefix = topic.substr(0, end);
  if (last_parent_ == none || prefix != last_prefix_) {
    node_id parent = root;
    for (auto rest = prefix;;) {
      const auto slash = rest.find('/');
      parent = next(parent, rest.substr(0, slash));
      if (slash == std::string_view::npos) break;
      rest.remove_prefix(slash + 1);
    }
    last_prefix_.assign(prefix);
    last_parent_ = parent;
  }
  return next(last_parent_, topic.substr(end + 1));
}

std::string retained_tree::topic(node_id id) const {
  std::string out(at(id).name);
  for (id = at(id).parent; id != root; id = at(id).parent) {
    out.insert(0, 1, '/');
    out.insert(0, at(id).name);
  }
  return out;
}

void retained_tree::set(node_id id, bool held, retained_message message, std::uint16_t shard) {
  auto& n = at(id);
  bytes_ += weight(message);
  bytes_ -= weight(n.kept);
  n.kept = std::move(message);
  n.held = held;
  n.shard = shard;
}

retained_tree::node_id retained_tree::make(node_id parent, std::string_view name,
                                           std::uint32_t hashed) {
  node_id id = next_;
  if (free_.empty()) {
    if (id % chunk_size == 0) chunks_.push_back(std::make_unique<node[]>(chunk_size));
    ++next_;
  } else {
    id = free_.back();
    free_.pop_back();
  }
  auto& n = at(id);
  n.name.assign(name);
  n.parent = parent;
  n.used = true;
  bytes_ += node_bytes;
  if (parent == none) return id;
  auto& below = at(parent).below;
  if (!below) below = std::make_unique<branches>();
  if (below->free.empty()) {
    n.place = static_cast<std::uint32_t>(below->places.size());
    below->places.push_back(id);
  } else {
    n.place = below->free.back();
    below->free.pop_back();
    below->places[n.place] = id;
  }
  ++below->count;
  insert_slot({hashed, id});
  return id;
}

void retained_tree::prune(node_id id) {
  while (id != root) {
    auto& n = at(id);
    if (!n.used || !n.idle() || (n.below && n.below->count > 0)) return;
    const auto parent = n.parent;
    remove(id);
    id = parent;
  }
}

void retained_tree::remove(node_id id) {
  if (id == last_parent_) last_parent_ = none;
  erase_slot(id);
  auto& n = at(id);
  auto& places = *at(n.parent).below;
  places.places[n.place] = none;
  places.free.push_back(n.place);
  if (--places.count == 0) at(n.parent).below.reset();
  bytes_ -= weight(n.kept) + node_bytes;
  n = node();
  free_.push_back(id);
}

retained_tree::node_id retained_tree::find_slot(node_id parent, std::string_view name,
                                                std::uint32_t hashed) const {
  if (table_.empty()) return none;
  const auto mask = table_.size() - 1;
  for (auto i = hashed & mask;; i = (i + 1) & mask) {
    const auto& entry = table_[i];
    if (entry.id == none) return none;
    if (entry.hash != hashed) continue;
    const auto& n = at(entry.id);
    if (n.parent == parent && n.name == name) return entry.id;
  }
}

void retained_tree::insert_slot(slot entry) {
  if ((filled_ + 1) * 4 > table_.size() * 3) grow();
  const auto mask = table_.size() - 1;
  auto i = entry.hash & mask;
  while (table_[i].id != none) i = (i + 1) & mask;
  table_[i] = entry;
  ++filled_;
}

void retained_tree::erase_slot(node_id id) {
  const auto mask = table_.size() - 1;
  auto hole = hash(at(id).parent, at(id).name) & mask;
  while (table_[hole].id != id) hole = (hole + 1) & mask;
  // What stands behind and may move closer to its own place does so.
  for (auto i = (hole + 1) & mask; table_[i].id != none; i = (i + 1) & mask) {
    const auto wanted = table_[i].hash & mask;
    if (((i - wanted) & mask) < ((i - hole) & mask)) continue;
    table_[hole] = table_[i];
    hole = i;
  }
  table_[hole] = {};
  --filled_;
}

void retained_tree::grow() {
  std::vector<slot> old(table_.empty() ? 16 : table_.size() * 2);
  old.swap(table_);
  const auto mask = table_.size() - 1;
  for (const auto& entry : old) {
    if (entry.id == none) continue;
    auto i = entry.hash & mask;
    while (table_[i].id != none) i = (i + 1) & mask;
    table_[i] = entry;
  }
}

}  // namespace troupe::storage
