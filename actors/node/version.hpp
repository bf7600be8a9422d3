#pragma once

namespace troupe::node {

inline constexpr const char* version = "0.1.0";

}  // namespace troupe::node
