#include "storage/retained/retained_memory.hpp"

#include "storage/records/record_keys.hpp"
#include "storage/retained/retained_walk.hpp"

#include <algorithm>

namespace troupe::storage {
namespace {

constexpr std::size_t number_size = 4;

void append_number(std::string& to, std::uint32_t value) {
  char bytes[number_size];
  keys::detail::put(bytes, std::uint64_t{value}, number_size);
  to.append(bytes, number_size);
}

/// A cursor is its mark, the edition and the path.
std::string cursor_of(std::uint32_t edition, const retained_walk::path& path) {
  std::string cursor(1, memory_cursor);
  cursor.reserve(1 + number_size * (1 + path.size()));
  append_number(cursor, edition);
  for (const auto place : path) append_number(cursor, place);
  return cursor;
}

retained_walk::path path_of(std::string_view cursor, std::uint32_t edition) {
  retained_walk::path path;
  std::size_t at = 1;
  const auto number = [&] {
    const auto value = static_cast<std::uint32_t>(keys::number_at(cursor, at, number_size));
    at += number_size;
    return value;
  };
  // Of an edition that is gone: from the beginning.
  if (cursor.size() < at + number_size || number() != edition) return path;
  while (cursor.size() >= at + number_size) path.push_back(number());
  return path;
}

}  // namespace

std::optional<retained_answer> retained_memory::read(std::string_view filter,
                                                     std::string_view cursor,
                                                     std::uint32_t max_count,
                                                     std::int64_t now_ms) const {
  const bool begun_elsewhere = !cursor.empty() && cursor.front() != memory_cursor;
  if (!complete() || begun_elsewhere) return std::nullopt;
  retained_answer answer;
  auto& messages = answer.page.messages;
  std::uint32_t steps = 0;
  std::uint64_t bytes = 0;
  const auto room = [&] {
    return steps++ < retained_page_steps && messages.size() < std::max(max_count, 1U) &&
           (messages.empty() || bytes < retained_page_bytes);
  };
  const auto found = [&](const retained_tree::node& node) {
    if (!node.held || !node.kept.body) return;
    if (node.kept.body->expired(now_ms)) {
      answer.expired.push_back({static_cast<shard_id>(node.shard),
                                std::string(node.kept.body->topic())});
      return;
    }
    bytes += node.kept.body->footprint();
    messages.push_back(node.kept);
  };
  const std::lock_guard lock(mutex_);
  if (!complete()) return std::nullopt;
  const auto path =
      retained_walk(*tree_, filter).go(path_of(cursor, edition()), room, found);
  if (!path.empty()) answer.page.next = cursor_of(edition(), path);
  return answer;
}

retained_memory::known retained_memory::look_up(std::string_view topic,
                                                retained_message& message) const {
  if (!complete()) return known::nothing;
  const std::lock_guard lock(mutex_);
  if (!complete()) return known::nothing;
  const auto id = tree_->find(topic);
  if (id == retained_tree::none || !tree_->at(id).held) return known::absent;
  message = tree_->at(id).kept;
  return known::held;
}

void retained_memory::complete(bool value) {
  const std::lock_guard lock(mutex_);
  complete_.store(value, std::memory_order_release);
  edition_.fetch_add(1, std::memory_order_acq_rel);
}

void retained_memory::clear() {
  auto empty = std::make_unique<retained_tree>();
  {
    const std::lock_guard lock(mutex_);
    complete_.store(false, std::memory_order_release);
    edition_.fetch_add(1, std::memory_order_acq_rel);
    tree_.swap(empty);
  }
  // What was kept is freed here, out of the readers' way.
}

}  // namespace troupe::storage
