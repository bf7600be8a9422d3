#pragma once

#include "protocol/auth/authorizer.hpp"
#include "protocol/auth/user_lines.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe::auth {

/// Rights as Mosquitto's access file gives them:
///
///     topic [read|write|readwrite|deny] FILTER    # before any "user": anonymous clients
///     user NAME                                   # the topic lines below are NAME's
///     pattern [read|write|readwrite|deny] FILTER  # everybody's; %c client id, %u user name
///
/// Without an access word a rule is readwrite; a line that begins with `#` is a
/// comment. What no rule grants is denied, also `$SYS`, which only a filter
/// that itself begins with `$` can reach.
///
/// Where this is stricter than Mosquitto 2.0:
/// - `deny` wins over every grant, whether it stands under the user or in a
///   pattern (there, a user's grant beats a pattern's denial);
/// - a subscription is refused at once (0x87) if no read rule overlaps it or a
///   denial covers it (there, it is granted and stays silent);
/// - a client id or user name that holds `+`, `#` or `/` gets nothing from a
///   grant in which it would be put, and a denial in which it would be put
///   holds for all that begins alike: a name cannot reach another's topics.
class acl_file final : public authorizer {
 public:
  static loaded<acl_file> load(const std::string& path);
  static loaded<acl_file> parse(std::string_view text, std::string_view name);

  bool may_publish(const identity& who, std::string_view topic) const override;
  bool may_subscribe(const identity& who, std::string_view filter) const override;
  bool may_receive(const identity& who, std::string_view topic) const override;

 private:
  enum class access : std::uint8_t { deny = 0, read = 1, write = 2, readwrite = 3 };

  struct rule {
    access right;
    std::string filter;
  };
  struct rule_set {
    std::vector<rule> denials;
    std::vector<rule> grants;
    void add(rule fresh);
  };
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct parse_state;

  static std::string parse_line(std::string_view line, parse_state& state);
  static std::string parse_rule(std::string_view rest, bool pattern, rule& out);
  static bool allows(const rule& from, access wanted) noexcept;

  const rule_set* rules_of(const identity& who) const;
  bool may(const identity& who, std::string_view topic, access wanted) const;

  rule_set anonymous_;
  rule_set patterns_;
  std::unordered_map<std::string, rule_set, text_hash, std::equal_to<>> users_;
};

}  // namespace troupe::auth
