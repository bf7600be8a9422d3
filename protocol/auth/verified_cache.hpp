#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::auth {

/// Remembers which user was lately verified with which password, so that a
/// storm of reconnects does not cost a slow hash each. Holds no password: an
/// HMAC-SHA-256 under a key that only this object knows. Bounded: two
/// generations of half the limit, the older one forgotten when the younger is
/// full. Safe on any thread.
class verified_cache {
 public:
  /// `limit` users at most; 0: remembers nothing.
  explicit verified_cache(std::size_t limit);

  /// True if remember() was called with the same two texts lately.
  bool knows(std::string_view user, std::string_view password);

  /// `generation` is what generation() gave before the password was checked: a
  /// result from before a clear() is not remembered.
  void remember(std::string_view user, std::string_view password, std::uint64_t generation);

  std::uint64_t generation() const;

  /// To be called when the passwords may have changed.
  void clear();

  std::size_t size() const;

 private:
  using table = std::unordered_map<std::string, std::string>;

  std::string fingerprint(std::string_view user, std::string_view password) const;
  void put(std::string user, std::string print);

  const std::size_t limit_;
  const std::string key_;
  mutable std::mutex guard_;
  table young_;
  table old_;
  std::uint64_t generation_ = 0;
};

}  // namespace troupe::auth
