#pragma once

#include "protocol/auth/user_lines.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::auth {

/// A password's hash in one of Mosquitto's forms:
/// `$7$iterations$salt$hash` (PBKDF2-HMAC-SHA-512) or
/// `$6$salt$hash` (SHA-512 of password and salt), salt and hash in base 64.
struct password_hash {
  enum class form : std::uint8_t { sha512, pbkdf2_sha512 };

  form kind = form::pbkdf2_sha512;
  std::uint32_t iterations = 0;  // 0 for sha512
  std::string salt;
  std::string key;  // 64 bytes

  /// Slow for pbkdf2_sha512 (see iterations): not on a run loop.
  bool verify(std::string_view password) const;

  /// Whether verify() is quick enough for a run loop.
  bool cheap() const noexcept { return kind == form::sha512; }

  /// As it stands in the file.
  std::string to_text() const;
};

/// Iterations that a new hash gets unless told otherwise, and the most that a
/// file may ask for (a typing error must not cost minutes per connection).
inline constexpr std::uint32_t default_iterations = 210'000;
inline constexpr std::uint32_t max_iterations = 10'000'000;

/// Reads a hash; on failure `fault` says what is wrong, without the text itself.
std::optional<password_hash> parse_password_hash(std::string_view text, std::string& fault);

/// A new `$7$` hash with a random salt; iterations in 1..max_iterations.
std::optional<password_hash> make_password_hash(std::string_view password,
                                                std::uint32_t iterations = default_iterations);

/// Users and their hashes, as mosquitto_passwd writes them. Immutable: a reload
/// loads a new one. Safe on all threads.
class password_file {
 public:
  static loaded<password_file> load(const std::string& path);
  static loaded<password_file> parse(std::string_view text, std::string_view name);

  /// The user's hash, or nullptr.
  const password_hash* find(std::string_view user) const;

  /// A hash that no password verifies against but that costs as much as the
  /// file's: checked for unknown users, so that time does not tell who exists.
  const password_hash& decoy() const noexcept { return decoy_; }

  std::size_t size() const noexcept { return users_.size(); }

 private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  std::unordered_map<std::string, password_hash, text_hash, std::equal_to<>> users_;
  password_hash decoy_;
};

/// Adds a user or changes the password in a file; see write_user_line().
std::string set_user(const std::string& path, std::string_view user, std::string_view password,
                     std::uint32_t iterations = default_iterations);

/// Removes a user from a file; see remove_user_line().
std::string remove_user(const std::string& path, std::string_view user);

}  // namespace troupe::auth
