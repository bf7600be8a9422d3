#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe::auth {

/// What who administers a node may do, each role what those before it may: look at
/// everything, act on clients and their data, change the node itself.
enum class admin_role : std::uint8_t { none, viewer, operator_, admin };

inline constexpr std::array<std::string_view, 4> admin_role_names{"none", "viewer", "operator",
                                                                  "admin"};

constexpr std::string_view name(admin_role role) noexcept {
  return admin_role_names[static_cast<std::size_t>(role)];
}

/// "viewer", "operator" or "admin"; "none" is no role to give.
constexpr std::optional<admin_role> parse_admin_role(std::string_view text) noexcept {
  for (std::size_t i = 1; i < admin_role_names.size(); ++i)
    if (admin_role_names[i] == text) return static_cast<admin_role>(i);
  return std::nullopt;
}

}  // namespace troupe::auth
