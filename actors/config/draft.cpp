#include "actors/config/draft.hpp"

#include "actors/config/suggest.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

constexpr std::size_t most_suggestions = 10;

template <class Owner>
const key<Owner>* find_key(std::span<const key<Owner>> table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &key<Owner>::name);
  return found == table.end() ? nullptr : &*found;
}

/// Stores the value; the sentence about it if it is refused.
template <class Owner>
std::optional<std::string> assign(Owner& to, const key<Owner>& which, const setting& value) {
  const auto expected = which.assign(to, value, which);
  if (!expected) return std::nullopt;
  // A secret must not end up in a log because a bracket was wrong.
  const bool secret = which.kind == key_kind::secret;
  return std::string(which.name) + " must be " + *expected +
         (secret ? std::string() : ", not " + shown(value.value));
}

/// True if keys follow the name: "limits", "tls".
template <class Owner>
bool is_section(std::span<const key<Owner>> table, const std::string& name) {
  return std::ranges::any_of(
      table, [&](const key<Owner>& each) { return each.name.starts_with(name + "."); });
}

}  // namespace

draft::draft() {
  for (listener_configuration& each : value_.listeners) {
    each.name.clear();  // named and bound by transport at the end, like any other
    listeners_.push_back({std::move(each), "the listeners without a file", {}});
  }
}

void draft::apply(const assignments& source) {
  problems_.insert(problems_.end(), source.problems.begin(), source.problems.end());
  if (!source.listeners.empty()) {
    listeners_.clear();
    for (const std::string& where : source.listeners) listeners_.push_back({{}, where, {}});
  }
  for (const assignment& each : source.list) {
    if (each.listener)
      apply_to_listener(each);
    else
      apply_to_node(each);
  }
}

void draft::apply_to_node(const assignment& from) {
  const auto* found = find_key(node_keys(), from.key);
  if (found == nullptr) {
    // An empty section says nothing and is no mistake.
    if (is_section(node_keys(), from.key) && std::holds_alternative<unusable>(from.value.value))
      return;
    refuse_unknown(from);
    return;
  }
  if (auto sentence = assign(value_, *found, from.value)) {
    refuse(from.where, std::move(*sentence));
    return;
  }
  given_[found->name] = from.where;
}

void draft::apply_to_listener(const assignment& from) {
  const auto* found = find_key(listener_keys(), from.key);
  if (found == nullptr) {
    if (is_section(listener_keys(), from.key) && std::holds_alternative<unusable>(from.value.value))
      return;
    refuse_unknown(from);
    return;
  }
  const std::size_t index = *from.listener;
  if (index > listeners_.size()) {
    refuse(from.where, "listener " + std::to_string(index) + " needs a listener " +
                           std::to_string(listeners_.size()) + " before it");
    return;
  }
  if (index == listeners_.size()) listeners_.push_back({{}, from.where, {}});
  if (auto sentence = assign(listeners_[index].value, *found, from.value)) {
    refuse(from.where, std::move(*sentence));
    return;
  }
  listeners_[index].given[found->name] = from.where;
}

void draft::refuse(std::string where, std::string sentence) {
  problems_.push_back({std::move(where), std::move(sentence)});
}

void draft::refuse_unknown(const assignment& from) {
  std::vector<std::string> valid;
  if (from.listener) {
    for (const auto& each : listener_keys()) valid.emplace_back(each.name);
    valid.emplace_back("tls");
  } else {
    for (const auto& each : node_keys()) valid.emplace_back(each.name);
    for (const char* section :
         {"node", "listeners", "limits", "durability", "auth", "log", "http", "sys", "cluster"})
      valid.emplace_back(section);
  }
  // Beyond a handful the file is not a misspelt configuration but something else.
  const std::string best =
      problems_.size() < most_suggestions ? nearest(from.key, valid) : std::string();
  std::string sentence;
  if (from.value.from_environment) {
    sentence = "names no key";
    if (!best.empty()) sentence += "; did you mean " + variable_of(from.listener, best) + "?";
  } else {
    sentence = "unknown key \"" +
               (from.key.size() > 80 ? from.key.substr(0, 80) + "..." : from.key) + "\"" +
               (from.listener ? " of a listener" : "");
    if (!best.empty()) sentence += "; did you mean \"" + best + "\"?";
  }
  refuse(from.where, std::move(sentence));
}

std::string draft::place_of(std::string_view key) const {
  const auto found = given_.find(key);
  return found == given_.end() ? std::string(key) : found->second;
}

}  // namespace troupe::config
