#pragma once

#include "protocol/auth/authorizer.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace troupe::auth {

/// What a pattern rule is for: decides how a name that cannot be put in it counts.
enum class pattern_use { grant, denial };

/// True if `topic` is matched by the pattern with %c and %u standing for the
/// client id and user name. Compares instead of substituting: allocates nothing,
/// and a name is never taken for a wildcard. A pattern with %u is nobody's
/// without user name. Names with `+`, `#` or `/`: see acl_file.
bool pattern_matches(std::string_view pattern, const identity& who, std::string_view topic,
                     pattern_use use) noexcept;

/// The pattern as a filter for this identity; nothing if the rule does not
/// apply to it. A denial that an unsafe name stands in is cut to `.../#` there.
std::optional<std::string> expand_pattern(std::string_view pattern, const identity& who,
                                          pattern_use use);

}  // namespace troupe::auth
