#pragma once

#include "protocol/auth/authenticator.hpp"
#include "protocol/auth/password_file.hpp"
#include "protocol/auth/password_workers.hpp"
#include "protocol/auth/verified_cache.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace troupe::auth {

/// Who may connect without a user name.
enum class anonymous_access : std::uint8_t { nobody, loopback, everybody };

struct password_options {
  anonymous_access anonymous = anonymous_access::loopback;
  /// Without a password file a user name is a claim that nobody checked. True:
  /// take it as the client's identity all the same, as Mosquitto does.
  bool trust_unchecked_usernames = false;
  std::size_t cached_users = 100'000;
};

/// Certificate name, password file, anonymous: the first that applies decides.
///
/// - A verified certificate's name is the user name; no password is asked for.
/// - A user name is checked against the password file, if there is one.
/// - Otherwise the client is anonymous, and `anonymous` says whether it may be.
///
/// Quick answers come before authenticate() returns; a slow hash is computed by
/// the workers, and 0x89 server busy is the answer when their queue is full.
/// Work under way keeps what it needs, so that the object may go before the
/// workers do; several listeners with different options may share the workers.
class password_authenticator final : public authenticator {
 public:
  /// `file` may be null: no passwords are known.
  password_authenticator(password_options options, std::shared_ptr<password_workers> workers,
                         std::shared_ptr<const password_file> file);

  void authenticate(credentials shown, std::function<void(verdict)> done) override;

  /// Takes new passwords into use for clients that connect from now on.
  void reload(std::shared_ptr<const password_file> file);

 private:
  verdict without_name(const credentials& shown) const;
  void check(std::shared_ptr<const password_file> file, credentials shown,
             std::function<void(verdict)> done);

  const password_options options_;
  const std::shared_ptr<password_workers> workers_;
  /// Shared with work under way, which may end after this object.
  const std::shared_ptr<verified_cache> cache_;
  mutable std::mutex guard_;
  std::shared_ptr<const password_file> file_;
};

}  // namespace troupe::auth
