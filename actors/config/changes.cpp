#include "actors/config/changes.hpp"

#include "actors/config/keys.hpp"

#include <algorithm>

namespace troupe::config {

namespace {

const listener_configuration* find_listener(const configuration& in, std::string_view name) {
  const auto found = std::ranges::find(in.listeners, name, &listener_configuration::name);
  return found == in.listeners.end() ? nullptr : &*found;
}

template <class Owner>
void compare(std::span<const key<Owner>> table, const Owner& before, const Owner& after,
             const std::string& prefix, std::vector<change>& result) {
  for (const key<Owner>& each : table) {
    if (!each.same(before, after))
      result.push_back({prefix + std::string(each.name), each.takes_effect == effect::on_reload});
  }
}

template <class Owner>
void copy_reloadable(std::span<const key<Owner>> table, Owner& to, const Owner& from) {
  for (const key<Owner>& each : table) {
    if (each.takes_effect == effect::on_reload) each.copy(to, from);
  }
}

template <class Owner>
void show(std::span<const key<Owner>> table, const Owner& of, const Owner& otherwise,
          const std::string& prefix, std::vector<shown_key>& result) {
  for (const key<Owner>& each : table)
    result.push_back({prefix + std::string(each.name), each.show(of, each),
                      each.same(of, otherwise), each.takes_effect == effect::on_reload});
}

}  // namespace

std::vector<change> describe_changes(const configuration& before, const configuration& after) {
  std::vector<change> result;
  compare(node_keys(), before, after, "", result);
  for (const listener_configuration& old : before.listeners) {
    const std::string name = "listeners." + old.name;
    if (const auto* now = find_listener(after, old.name))
      compare(listener_keys(), old, *now, name + ".", result);
    else
      result.push_back({name, false});
  }
  for (const listener_configuration& now : after.listeners) {
    if (find_listener(before, now.name) == nullptr)
      result.push_back({"listeners." + now.name, false});
  }
  return result;
}

std::vector<shown_key> show_all(const configuration& of) {
  std::vector<shown_key> result;
  for (const listener_configuration& each : of.listeners)
    show(listener_keys(), each, listener_configuration{}, "listeners." + each.name + ".", result);
  show(node_keys(), of, configuration{}, "", result);
  return result;
}

configuration with_reloadable(const configuration& before, const configuration& after) {
  configuration result = before;
  copy_reloadable(node_keys(), result, after);
  for (listener_configuration& each : result.listeners) {
    if (const auto* now = find_listener(after, each.name))
      copy_reloadable(listener_keys(), each, *now);
  }
  return result;
}

}  // namespace troupe::config
