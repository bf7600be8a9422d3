#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::broker {

enum class ban_kind : std::uint8_t { clientid = 1, username = 2, ip_address = 3 };

/// Empty for what is none.
std::string_view to_string(ban_kind kind) noexcept;
/// 0 for what is none.
ban_kind ban_kind_of(std::string_view text) noexcept;

/// Who may not connect. A change of it replaces the whole entry; that it was lifted is kept
/// for a while, so that a node that was away does not bring it back.
struct ban {
  ban_kind as = ban_kind::clientid;
  std::string who;
  std::string reason;
  std::string by;
  std::int64_t at = 0;     // wall milliseconds; of two changes the later one holds
  std::int64_t until = 0;  // wall milliseconds, 0: for ever
  bool lifted = false;

  bool operator==(const ban&) const = default;
};

/// All bans at one moment. A value.
class ban_set {
 public:
  /// More are refused.
  static constexpr std::size_t most = 10'000;
  /// How long it is remembered that one was lifted.
  static constexpr std::int64_t lifted_for_ms = 7 * 24 * 3'600'000LL;

  using key = std::pair<ban_kind, std::string>;

  /// The ban that holds for the client at that time, or null. `address` is "host:port".
  const ban* find(std::string_view client_id, std::string_view username, std::string_view address,
                  std::int64_t now) const;
  /// The same, of what stands in one entry.
  const ban* at(const key& place, std::int64_t now) const;

  /// False: a later change is known already.
  bool merge(ban change);
  /// Forgets what is over.
  void prune(std::int64_t now);

  const std::map<key, ban>& all() const noexcept { return bans_; }

  /// The text of the file, and of frames.
  static std::string encode(const std::vector<const ban*>& bans);
  std::string encode() const;
  /// A sentence, or empty: then they were merged.
  std::string merge_text(std::string_view text);

 private:
  std::map<key, ban> bans_;
};

/// "192.0.2.1" of "192.0.2.1:40000", "::1" of "[::1]:40000".
std::string_view host_of(std::string_view address) noexcept;

}  // namespace troupe::broker
