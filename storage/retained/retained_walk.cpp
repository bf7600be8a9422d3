#include "storage/retained/retained_walk.hpp"

#include <algorithm>

namespace troupe::storage {

/// One piece of a walk. `resumed`: this node is on the path where the last piece ended.
struct retained_walk::course {
  using node_id = retained_tree::node_id;

  const retained_tree& tree;
  const std::vector<std::string_view>& levels;
  const path& from;
  const std::function<bool()>& room;
  const std::function<void(const retained_tree::node&)>& found;
  path at;  // of the node that is being visited

  bool any_below(std::size_t level) const {
    return levels[std::min(level, levels.size() - 1)] == "#" && level + 1 >= levels.size();
  }

  /// Children of `id` at depth `level`. False: there is no more room.
  bool below(node_id id, std::size_t level, bool resumed) {
    const auto* branches = tree.at(id).below.get();
    if (branches == nullptr) return true;
    resumed = resumed && level < from.size();
    const bool any = any_below(level);
    if (!any && levels[level] != "+") {
      const auto child = tree.child(id, levels[level]);
      if (child == retained_tree::none) return true;
      return visit(child, level, resumed && tree.at(child).place == from[level]);
    }
    const auto first = resumed ? from[level] : 0;
    for (auto place = first; place < branches->places.size(); ++place) {
      const auto child = branches->places[place];
      if (child == retained_tree::none) continue;
      // [MQTT-4.7.2-1]
      if (level == 0 && tree.at(child).name.starts_with('$')) continue;
      if (!visit(child, level, resumed && place == first)) return false;
    }
    return true;
  }

  bool visit(node_id id, std::size_t level, bool resumed) {
    const auto& node = tree.at(id);
    at.resize(level);
    at.push_back(node.place);
    // Deeper on the path: this node had its turn.
    if (!resumed || from.size() <= level + 1) {
      if (!room()) return false;
      const bool last = level + 1 == levels.size();
      if (any_below(level) || last || (level + 2 == levels.size() && levels.back() == "#"))
        found(node);
    }
    if (level + 1 >= levels.size() && !any_below(level)) return true;
    return below(id, level + 1, resumed);
  }
};

retained_walk::retained_walk(const retained_tree& tree, std::string_view filter) : tree_(tree) {
  for (;;) {
    const auto slash = filter.find('/');
    levels_.push_back(filter.substr(0, slash));
    if (slash == std::string_view::npos) return;
    filter.remove_prefix(slash + 1);
  }
}

retained_walk::path retained_walk::go(
    const path& from, const std::function<bool()>& room,
    const std::function<void(const retained_tree::node&)>& found) {
  course walk{tree_, levels_, from, room, found, {}};
  if (walk.below(retained_tree::root, 0, !from.empty())) return {};
  return std::move(walk.at);
}

}  // namespace troupe::storage
