#pragma once

#include "actors/config/configuration.hpp"
#include "actors/config/value.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace troupe::config {

enum class key_kind : std::uint8_t {
  boolean,
  integer,
  size,
  duration,
  text,
  secret,  // text, or file:// and the path of a file that holds it
  choice,
  address,
  mode,
  list
};

/// When a changed value takes effect.
enum class effect : std::uint8_t { on_reload, on_restart };

/// The least and greatest number; bytes, milliseconds or a count, and the
/// length in bytes of a text.
struct key_range {
  std::int64_t least = 0;
  std::int64_t greatest = 0;
};

/// Bit per transport, for the keys of listeners.
constexpr unsigned bit(transport_kind kind) {
  return 1u << static_cast<unsigned>(kind);
}
inline constexpr unsigned socket_transports = bit(transport_kind::tcp) | bit(transport_kind::tls) |
                                              bit(transport_kind::ws) | bit(transport_kind::wss);
inline constexpr unsigned every_transport = socket_transports | bit(transport_kind::unix_socket);
inline constexpr unsigned tls_transports = bit(transport_kind::tls) | bit(transport_kind::wss);
inline constexpr unsigned websocket_transports = bit(transport_kind::ws) | bit(transport_kind::wss);

/// All that is known of one key. The loader, the messages about unknown keys,
/// the example file and the comparison at a reload are made from this table.
template <class Owner>
struct key {
  std::string_view name;  // "limits.max_packet_size"; of a listener "tls.key"
  key_kind kind{};
  std::string_view sample;    // a valid value as TOML; the default unless `fallback` says otherwise
  std::string_view fallback;  // the default in words where no value stands for it, else empty
  std::string_view doc;       // sentences for the example file
  effect takes_effect = effect::on_restart;
  key_range range;
  unsigned transports = every_transport;  // where a key of a listener has a meaning

  /// Stores the value, or says what was expected: "a size such as \"2MiB\"".
  std::optional<std::string> (*assign)(Owner&, const setting&, const key&) = nullptr;
  bool (*same)(const Owner&, const Owner&) = nullptr;
  void (*copy)(Owner&, const Owner&) = nullptr;
  /// The value for people, as a file would have it but without quotes; of a secret only
  /// whether there is one.
  std::string (*show)(const Owner&, const key&) = nullptr;
};

/// Keys outside listeners, in the order of the example file.
std::span<const key<configuration>> node_keys();

/// Keys of one [[listeners]] entry, in the order of the example file.
std::span<const key<listener_configuration>> listener_keys();

}  // namespace troupe::config
