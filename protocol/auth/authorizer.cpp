#include "protocol/auth/authorizer.hpp"

#include "protocol/topics/names.hpp"

namespace troupe::auth {

namespace {

constexpr std::string_view sys_tree = "$SYS/#";

bool in_sys_tree(std::string_view topic) noexcept {
  return topic.starts_with('$') && topics::matches(sys_tree, topic);
}

}  // namespace

bool open_authorizer::may_publish(const identity&, std::string_view topic) const {
  return !in_sys_tree(topic);
}

bool open_authorizer::may_subscribe(const identity& who, std::string_view filter) const {
  const auto shared = topics::parse_shared(filter);
  return who.loopback || sys_from_anywhere_ ||
         !topics::overlaps(sys_tree, shared ? shared->filter : filter);
}

bool open_authorizer::may_receive(const identity& who, std::string_view topic) const {
  return who.loopback || sys_from_anywhere_ || !in_sys_tree(topic);
}

}  // namespace troupe::auth
