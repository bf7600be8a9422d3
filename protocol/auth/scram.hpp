#pragma once

#include "protocol/auth/enhanced.hpp"
#include "protocol/auth/user_lines.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace troupe::auth {

/// What a server keeps of a password for SCRAM-SHA-256: enough to check a
/// proof, not enough to make one.
struct scram_verifier {
  std::uint32_t iterations = 0;
  std::string salt;
  std::string stored_key;  // 32 bytes
  std::string server_key;  // 32 bytes

  /// `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` in base 64, the form
  /// that PostgreSQL uses.
  std::string to_text() const;
};

/// Iterations of a new verifier; clients compute them, so fewer than for
/// password files [RFC 7677, 4 demands at least 4,096].
inline constexpr std::uint32_t default_scram_iterations = 15'000;

/// Reads a verifier; on failure `fault` says what is wrong.
std::optional<scram_verifier> parse_scram_verifier(std::string_view text, std::string& fault);

/// Slow (PBKDF2): not on a run loop. Iterations in 4,096..10,000,000.
std::optional<scram_verifier> make_scram_verifier(
    std::string_view password, std::uint32_t iterations = default_scram_iterations);

/// Users and verifiers from a file of `user:verifier` lines. Immutable.
class scram_file {
 public:
  static loaded<scram_file> load(const std::string& path);
  static loaded<scram_file> parse(std::string_view text, std::string_view name);

  const scram_verifier* find(std::string_view user) const;

  /// Iterations that most users have: what an unknown user is told.
  std::uint32_t usual_iterations() const noexcept { return usual_iterations_; }
  std::size_t size() const noexcept { return users_.size(); }

 private:
  std::unordered_map<std::string, scram_verifier> users_;
  std::uint32_t usual_iterations_ = default_scram_iterations;
};

/// Adds a user or changes the password in a SCRAM file; "" or a sentence. The
/// file is replaced as a whole, see write_user_line(); remove_user() removes.
std::string set_scram_user(const std::string& path, std::string_view user,
                           std::string_view password,
                           std::uint32_t iterations = default_scram_iterations);

/// SCRAM-SHA-256 [RFC 5802, RFC 7677] as an enhanced authentication method.
/// Without channel binding. User names and passwords are taken as the client
/// has prepared them (SASLprep is the client's part for all but ASCII).
/// Every step is quick and answers before it returns. An unknown user is led
/// to the end with a made-up salt, so that nobody learns who exists.
class scram_sha_256 final : public enhanced_method {
 public:
  /// `nonce` gives the server's part of the nonce, printable ASCII without
  /// comma, fresh on each call; by default 18 random bytes in base 64.
  explicit scram_sha_256(std::shared_ptr<const scram_file> file,
                         std::function<std::string()> nonce = {});

  std::string_view name() const noexcept override { return "SCRAM-SHA-256"; }
  std::unique_ptr<exchange> begin(const credentials& shown) override;

  /// For conversations that begin from now on.
  void reload(std::shared_ptr<const scram_file> file);

 private:
  std::mutex guard_;
  std::shared_ptr<const scram_file> file_;
  const std::function<std::string()> nonce_;
  const std::string decoy_key_;  // makes up salts for unknown users
};

}  // namespace troupe::auth
