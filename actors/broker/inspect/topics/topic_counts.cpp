#include "actors/broker/inspect/topics/topic_counts.hpp"

#include "actors/broker/inspect/json_row.hpp"

#include <iterator>

namespace troupe::broker {

using nlohmann::json;

void topic_counts::count::add_group(std::string_view name) {
  if (groups.contains(name)) return;
  if (groups.size() >= most_groups)
    more_groups = true;
  else
    groups.emplace(name);
}

topic_counts::count* topic_counts::place_of(std::string_view filter) {
  if (filter <= after_) return nullptr;
  if (const auto found = rows_.find(filter); found != rows_.end()) return &found->second;
  // What is counted is whole: a filter that fell out is above all that are left.
  if (rows_.size() >= limit_) {
    more_ = true;
    const auto last = std::prev(rows_.end());
    if (filter > last->first) return nullptr;
    rows_.erase(last);
  }
  return &rows_[std::string(filter)];
}

void topic_counts::add(std::string_view filter, std::string_view group) {
  auto* const at = place_of(filter);
  if (at == nullptr) return;
  ++at->subscriptions;
  if (!group.empty()) at->add_group(group);
}

void topic_counts::add(const topic_counts& others) {
  more_ = more_ || others.more_;
  for (const auto& [filter, of] : others.rows_) {
    auto* const at = place_of(filter);
    if (at == nullptr) continue;
    at->subscriptions += of.subscriptions;
    at->more_groups = at->more_groups || of.more_groups;
    for (const auto& name : of.groups) at->add_group(name);
  }
}

std::string topic_counts::row_of(std::string_view filter, const count& of) {
  json_row row;
  row.add("topic", filter);
  row.add("subscriptions_cnt", of.subscriptions);
  row.add("groups_cnt", of.groups.size());
  row.add_json("groups", json(of.groups).dump(-1, ' ', false, json::error_handler_t::replace));
  row.add("groups_more", of.more_groups);
  return row.take();
}

std::string topic_counts::sum(const std::string& row, const std::string& other) {
  const auto first = json::parse(row, nullptr, false);
  const auto second = json::parse(other, nullptr, false);
  if (!first.is_object() || !second.is_object()) return row;
  count all;
  for (const auto* each : {&first, &second}) {
    all.subscriptions += each->value("subscriptions_cnt", std::uint64_t{0});
    all.more_groups = all.more_groups || each->value("groups_more", false);
    for (const auto& name : each->value("groups", json::array()))
      if (name.is_string()) all.add_group(name.get_ref<const std::string&>());
  }
  return row_of(first.value("topic", std::string()), all);
}

}  // namespace troupe::broker
