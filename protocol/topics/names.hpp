#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

/// Topic names and topic filters as MQTT 5 section 4.7 defines them. Every
/// function here is pure, allocates nothing and may be called on any thread.
namespace troupe::topics {

/// Longest topic name or filter, in bytes [MQTT-4.7.3-3].
inline constexpr std::size_t max_bytes = 65535;

/// Most levels that a filter in a filter_trie may have; the limit that a site
/// sets for its clients may be lower, never higher.
inline constexpr std::size_t max_levels = 256;

/// True for a name that may be published to: 1 to 65,535 bytes, no wildcard
/// [MQTT-3.3.2-2], no NUL [MQTT-4.7.3-2]. The codec has checked UTF-8.
bool valid_topic_name(std::string_view topic) noexcept;

/// True for a well-formed filter: `#` only as the whole last level
/// [MQTT-4.7.1-1], `+` only as a whole level [MQTT-4.7.1-2], 1 to 65,535
/// bytes, no NUL. Knows nothing of `$share`: see valid_subscription().
bool valid_filter(std::string_view filter) noexcept;

/// True for what a SUBSCRIBE or UNSUBSCRIBE may name: a valid filter, or a
/// well-formed shared subscription if it begins with `$share`.
bool valid_subscription(std::string_view filter) noexcept;

/// Number of levels: one more than the number of `/`. "" has one.
std::size_t levels(std::string_view name) noexcept;

/// True if a valid filter contains `+` or `#`.
bool has_wildcard(std::string_view filter) noexcept;

/// True if a message to `topic` belongs to a subscription to `filter`. Both
/// must be valid. A filter that begins with a wildcard does not match a topic
/// that begins with `$` [MQTT-4.7.2-1].
bool matches(std::string_view filter, std::string_view topic) noexcept;

/// True if some topic is matched by both filters.
bool overlaps(std::string_view left, std::string_view right) noexcept;

/// True if every topic that `narrow` matches is matched by `wide` as well.
bool covers(std::string_view wide, std::string_view narrow) noexcept;

/// A shared subscription `$share/{group}/{filter}`, as views of the text parsed.
struct shared_filter {
  std::string_view group;
  std::string_view filter;
};

/// True for `$share` itself and all that begins with `$share/`: such a filter
/// is either a well-formed shared subscription or a protocol error.
bool is_shared_prefix(std::string_view filter) noexcept;

/// The parts of a shared subscription, or nothing if it is malformed: the
/// group must have at least one character [MQTT-4.8.2-1], none of them `/`,
/// `+` or `#` and be followed by `/` and a valid filter [MQTT-4.8.2-2].
std::optional<shared_filter> parse_shared(std::string_view filter) noexcept;

/// Walks the levels of a name from left to right:
/// `for (level_cursor at(name); !at.done(); at.advance()) use(at.level());`
class level_cursor {
 public:
  explicit constexpr level_cursor(std::string_view name) noexcept : rest_(name) { cut(); }

  constexpr bool done() const noexcept { return done_; }
  constexpr std::string_view level() const noexcept { return level_; }
  constexpr void advance() noexcept {
    if (last_) {
      done_ = true;
    } else {
      cut();
    }
  }

 private:
  constexpr void cut() noexcept {
    const auto slash = rest_.find('/');
    last_ = slash == std::string_view::npos;
    level_ = rest_.substr(0, slash);
    rest_ = last_ ? std::string_view{} : rest_.substr(slash + 1);
  }

  std::string_view rest_;
  std::string_view level_;
  bool last_ = false;
  bool done_ = false;
};

}  // namespace troupe::topics
