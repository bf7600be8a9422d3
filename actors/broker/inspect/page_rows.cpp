#include "actors/broker/inspect/page_rows.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace troupe::broker {

void page_rows::add(std::string key, std::string json) {
  if (!wants(key)) {
    if (key > after_) more_ = true;
    return;
  }
  bytes_ += key.size() + json.size();
  auto [it, added] = rows_.try_emplace(std::move(key));
  if (!added) bytes_ -= it->first.size() + it->second.size();
  it->second = std::move(json);
  while (rows_.size() > limit_ || (bytes_ > most_bytes && rows_.size() > 1)) {
    auto last = std::prev(rows_.end());
    bytes_ -= last->first.size() + last->second.size();
    rows_.erase(last);
    more_ = true;
    full_ = true;
  }
}

observe::admin_answer page_rows::merge(std::vector<page_rows>& parts) {
  std::vector<observe::admin_answer> answers;
  std::size_t limit = 1;
  for (auto& part : parts) {
    limit = std::max(limit, part.limit_);
    auto& to = answers.emplace_back();
    for (auto& [key, json] : part.rows_) to.rows.push_back({key, std::move(json)});
    to.more = part.more_;
    part.rows_.clear();
  }
  auto merged = merge_pages(std::move(answers), limit);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < merged.rows.size(); ++i) {
    bytes += merged.rows[i].key.size() + merged.rows[i].json.size();
    if (bytes <= most_bytes || i == 0) continue;
    merged.rows.resize(i);
    merged.more = true;
    break;
  }
  return merged;
}

observe::admin_answer merge_pages(std::vector<observe::admin_answer> parts, std::size_t limit,
                                  row_sum sum) {
  observe::admin_answer whole;
  // Behind the last row of a part that has more, rows of that part are missing.
  std::optional<std::string> bound;
  for (const auto& part : parts) {
    if (part.status / 100 != 2 || !part.more || part.rows.empty()) continue;
    if (!bound || part.rows.back().key < *bound) bound = part.rows.back().key;
    whole.more = true;
  }
  for (auto& part : parts) {
    if (part.status / 100 != 2) continue;
    std::move(part.rows.begin(), part.rows.end(), std::back_inserter(whole.rows));
  }
  std::ranges::sort(whole.rows, {}, &observe::admin_row::key);
  for (std::size_t i = whole.rows.size(); sum != nullptr && i-- > 1;) {
    auto& before = whole.rows[i - 1];
    if (before.key == whole.rows[i].key) before.json = sum(before.json, whole.rows[i].json);
  }
  const auto same = std::ranges::unique(whole.rows, {}, &observe::admin_row::key);
  whole.rows.erase(same.begin(), same.end());
  auto end = bound ? std::ranges::upper_bound(whole.rows, *bound, {}, &observe::admin_row::key)
                   : whole.rows.end();
  if (end - whole.rows.begin() > static_cast<std::ptrdiff_t>(limit))
    end = whole.rows.begin() + static_cast<std::ptrdiff_t>(limit);
  if (end != whole.rows.end()) whole.more = true;
  whole.rows.erase(end, whole.rows.end());
  return whole;
}

std::string ordered(std::uint64_t value) {
  std::string out(8, '\0');
  for (std::size_t i = 8; i-- > 0; value >>= 8) out[i] = static_cast<char>(value & 0xFF);
  return out;
}

}  // namespace troupe::broker
