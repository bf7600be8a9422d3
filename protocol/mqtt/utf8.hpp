#pragma once

#include <string_view>

namespace troupe::mqtt {

/// True when `text` is well-formed UTF-8 without surrogates, overlong forms or
/// code points above U+10FFFF [MQTT-1.5.4-1], and without U+0000 [MQTT-1.5.4-2].
bool is_valid_utf8(std::string_view text) noexcept;

/// True when `text` holds '#' or '+', which no topic name may [MQTT-3.3.2-2].
bool has_wildcard(std::string_view text) noexcept;

}  // namespace troupe::mqtt
