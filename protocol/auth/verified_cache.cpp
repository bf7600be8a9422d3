#include "protocol/auth/verified_cache.hpp"

#include "protocol/auth/digest.hpp"

#include <utility>

namespace troupe::auth {

// Without random numbers there is no key, and without a key nothing is kept.
verified_cache::verified_cache(std::size_t limit)
    : limit_(limit), key_(random_bytes(32).value_or(std::string())) {}

std::string verified_cache::fingerprint(std::string_view user, std::string_view password) const {
  if (limit_ == 0 || key_.empty()) return {};
  // The user's length keeps ("ab", "c") apart from ("a", "bc").
  std::string text = std::to_string(user.size()) + ':';
  text.append(user).append(password);
  return hmac(digest::sha256, key_, text).value_or(std::string());
}

bool verified_cache::knows(std::string_view user, std::string_view password) {
  const std::string print = fingerprint(user, password);
  if (print.empty()) return false;
  std::string name(user);
  std::lock_guard lock(guard_);
  if (const auto at = young_.find(name); at != young_.end()) {
    return equal_in_constant_time(at->second, print);
  }
  const auto at = old_.find(name);
  if (at == old_.end() || !equal_in_constant_time(at->second, print)) return false;
  old_.erase(at);
  put(std::move(name), print);
  return true;
}

void verified_cache::remember(std::string_view user, std::string_view password,
                              std::uint64_t generation) {
  std::string print = fingerprint(user, password);
  if (print.empty()) return;
  std::lock_guard lock(guard_);
  if (generation == generation_) put(std::string(user), std::move(print));
}

void verified_cache::put(std::string user, std::string print) {
  if (young_.size() >= (limit_ + 1) / 2 && !young_.contains(user)) {
    old_ = std::exchange(young_, {});
  }
  young_.insert_or_assign(std::move(user), std::move(print));
}

std::uint64_t verified_cache::generation() const {
  std::lock_guard lock(guard_);
  return generation_;
}

void verified_cache::clear() {
  std::lock_guard lock(guard_);
  ++generation_;
  young_.clear();
  old_.clear();
}

std::size_t verified_cache::size() const {
  std::lock_guard lock(guard_);
  return young_.size() + old_.size();
}

}  // namespace troupe::auth
