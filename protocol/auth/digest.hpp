#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The few cryptographic functions that passwords need, all from OpenSSL.
/// Bytes are held in strings. A function that OpenSSL refuses (out of memory,
/// no such algorithm) returns nothing; no caller takes that for success.
namespace troupe::auth {

enum class digest : std::uint8_t { sha256, sha512 };

/// Bytes of a digest: 32 or 64.
std::size_t size_of(digest kind) noexcept;

std::optional<std::string> hash(digest kind, std::string_view data);
std::optional<std::string> hmac(digest kind, std::string_view key, std::string_view data);

/// PBKDF2-HMAC of `size_of(kind)` bytes. 210,000 iterations of SHA-512 take
/// about a tenth of a second: never call it on a run loop.
std::optional<std::string> pbkdf2(digest kind, std::string_view password, std::string_view salt,
                                  std::uint32_t iterations);

/// Takes as long for different bytes as for equal ones of the same length.
bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept;

/// Bytes from the system's secure generator.
std::optional<std::string> random_bytes(std::size_t count);

/// Base 64 of RFC 4648 with padding, no line breaks.
std::string to_base64(std::string_view bytes);

/// Strict: padding demanded, no white space; nothing for any other input.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace troupe::auth
