#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/retained_scan.hpp"
#include "storage/store_reader.hpp"

#include <algorithm>
#include <shared_mutex>

namespace troupe::storage {
namespace {

bool has_wildcard(std::string_view filter) {
  return filter.find_first_of("+#") != std::string_view::npos;
}

}  // namespace

retained_answer store_reader::read_one_retained(std::string_view topic,
                                                              std::int64_t now_ms) const {
  retained_answer answer;
  const auto first = shard_of_ ? number(shard_of_(topic)) : std::uint16_t{0};
  const auto last = shard_of_ ? first : static_cast<std::uint16_t>(shards_ - 1);
  for (std::uint32_t shard = first; shard <= last; ++shard) {
    const auto number = static_cast<std::uint16_t>(shard);
    std::string key(keys::shard(number).view());
    key.append(topic);
    rocksdb::PinnableSlice value;
    const auto status = db_.get(family::retained, key, value);
    if (status.IsNotFound()) continue;
    auto message = status.ok() ? retained_at(topic, view(value)) : retained_message{};
    if (!message.body) {
      answer.page.failed = !status.ok();
    } else if (message.body->expired(now_ms)) {
      answer.expired.push_back({static_cast<shard_id>(number), std::string(topic)});
    } else {
      answer.page.messages.push_back(std::move(message));
    }
  }
  return answer;
}

retained_answer store_reader::read_retained(std::string_view filter,
                                            std::string_view cursor, std::uint32_t max_count,
                                            std::int64_t now_ms) const {
  const std::shared_lock lock(db_.gate());
  retained_answer answer;
  answer.page.failed = !db_.is_open();
  if (answer.page.failed) return answer;
  const auto& memory = writer_.retained().memory();
  if (auto found = memory.read(filter, cursor, max_count, now_ms)) return std::move(*found);
  // A cursor of memory that was given up means nothing here: from the beginning.
  const bool goes_on = !cursor.empty() && cursor.front() == table_cursor;
  const auto edition = memory.edition();
  answer = has_wildcard(filter)
               ? scan_retained(filter, goes_on ? cursor.substr(1) : "", max_count, now_ms)
               : read_one_retained(filter, now_ms);
  if (memory.edition() == edition) return answer;
  // The table may have been behind, or memory may not know that it was.
  retained_answer again;
  again.page.failed = true;
  return again;
}

retained_message store_reader::retained_at(std::string_view topic, std::string_view value) const {
  retained_message message;
  switch (writer_.retained().memory().look_up(topic, message)) {
    case retained_memory::known::absent:
      return {};
    case retained_memory::known::held:
      if (message.body) return message;
      break;
    case retained_memory::known::nothing:
      message = record::decode_retained(value);
      break;
  }
  if (!message.body && report_) {
    report_("The retained message of '" + std::string(topic) + "' cannot be read.");
  }
  return message;
}

retained_answer store_reader::scan_retained(std::string_view filter, std::string_view cursor,
                                            std::uint32_t max_count, std::int64_t now_ms) const {
  retained_answer answer;
  auto& page = answer.page;
  const retained_scan scan(filter);
  std::uint32_t shard = 0;
  std::string at = scan.first();
  if (cursor.size() >= 2) {
    shard = static_cast<std::uint32_t>(keys::number_at(cursor, 0, 2));
    at = cursor.substr(2);
  }
  const auto key_of = [](std::uint32_t number, std::string_view topic) {
    return std::string(keys::shard(static_cast<std::uint16_t>(number)).view()).append(topic);
  };
  database::range topics(db_, family::retained, key_of(shard, at),
                         after_prefix(keys::shard(static_cast<std::uint16_t>(shards_ - 1)).view()));
  std::uint64_t bytes = 0;
  for (std::uint32_t steps = 0; topics.valid(); ++steps) {
    const auto key = topics.key();
    if (steps >= retained_page_steps || page.messages.size() >= std::max(max_count, 1U) ||
        (!page.messages.empty() && bytes >= retained_page_bytes)) {
      page.next.assign(1, table_cursor).append(key);
      return answer;
    }
    const auto found = static_cast<std::uint32_t>(keys::number_at(key, 0, 2));
    const auto topic = key.substr(2);
    if (found != shard) {  // the shard had no more: begin in the next that has any
      shard = found;
      if (topic < scan.first()) {
        topics.seek(key_of(shard, scan.first()));
        continue;
      }
    }
    auto step = scan.examine(topic);
    if (step.what == retained_scan::step::kind::finished) {
      topics.seek(key_of(++shard, scan.first()));
      if (shard >= shards_) break;
      continue;
    }
    if (step.what == retained_scan::step::kind::skip) {
      // The next topic is often the one; a seek costs several steps.
      const auto target = key_of(shard, step.to);
      topics.next();
      if (topics.valid() && topics.key() < target) topics.seek(target);
      continue;
    }
    auto message = retained_at(topic, topics.value());
    if (message.body && message.body->expired(now_ms)) {
      answer.expired.push_back({static_cast<shard_id>(shard), std::string(topic)});
    } else if (message.body) {
      bytes += message.body->footprint();
      page.messages.push_back(std::move(message));
    }
    topics.next();
  }
  if (!topics.status().ok()) {
    page.failed = true;
    if (report_) report_("The retained messages cannot be read: " + topics.status().ToString());
  }
  return answer;
}

}  // namespace troupe::storage
