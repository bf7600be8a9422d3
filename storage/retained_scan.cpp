#include "storage/retained_scan.hpp"

#include <optional>

namespace troupe::storage {
namespace {

constexpr char after_slash = '/' + 1;
constexpr char after_dollar = '$' + 1;

bool wildcard(std::string_view level) {
  return level == "+" || level == "#";
}

retained_scan::step skip_to(std::string to) {
  return {retained_scan::step::kind::skip, std::move(to)};
}

/// Past everything below `topic_part`, which ends where a level ends.
retained_scan::step skip_below(std::string_view topic_part) {
  std::string to(topic_part);
  to.push_back(after_slash);
  return skip_to(std::move(to));
}

}  // namespace

retained_scan::retained_scan(std::string_view filter) {
  for (std::size_t at = 0;;) {
    const auto slash = filter.find('/', at);
    levels_.push_back(filter.substr(at, slash == std::string_view::npos ? slash : slash - at));
    if (slash == std::string_view::npos) break;
    at = slash + 1;
  }
  for (std::size_t i = 0; i < levels_.size() && levels_[i] != "#"; ++i) {
    if (i > 0) first_.push_back('/');
    if (levels_[i] == "+") break;
    first_.append(levels_[i]);
  }
}

retained_scan::step retained_scan::examine(std::string_view topic) const {
  using kind = step::kind;
  if (wildcard(levels_.front()) && topic.substr(0, 1) == "$") {
    return skip_to(std::string(1, after_dollar));  // [MQTT-4.7.2-1]
  }
  // End of the level that the last "+" so far has matched: when nothing more
  // can match below it, the scan goes on after its subtree.
  std::optional<std::size_t> last_plus;
  const auto exhausted = [&]() -> step {
    return last_plus ? skip_below(topic.substr(0, *last_plus)) : step{};
  };
  std::size_t start = 0;  // of the topic's level
  for (std::size_t i = 0;; ++i) {
    const auto slash = topic.find('/', start);
    const auto end = slash == std::string_view::npos ? topic.size() : slash;
    const auto level = topic.substr(start, end - start);
    const auto wanted = levels_[i];
    if (wanted == "#") return {kind::matches, {}};
    if (wanted == "+") {
      last_plus = end;
    } else if (level != wanted) {
      std::string to(topic.substr(0, start));
      to.append(wanted);
      if (std::string_view(to) > topic) return skip_to(std::move(to));
      // What lies below the wanted level may still come: "a/b-c" < "a/b/".
      to.push_back('/');
      if (i + 1 < levels_.size() && std::string_view(to) > topic) return skip_to(std::move(to));
      return exhausted();
    }
    const bool last_level = i + 1 == levels_.size();
    if (slash == std::string_view::npos) {
      if (last_level || levels_[i + 1] == "#") return {kind::matches, {}};
      // After a "+", longer names of this level come first: "a/x-" < "a/x/".
      std::string to(topic);
      to.push_back(wanted == "+" ? '\0' : '/');
      return skip_to(std::move(to));
    }
    if (last_level) return skip_below(topic.substr(0, end));
    start = slash + 1;
  }
}

}  // namespace troupe::storage
