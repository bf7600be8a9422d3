#pragma once

#include "protocol/auth/admin/admin_role.hpp"
#include "protocol/auth/user_lines.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace troupe::auth {

/// Who showed a token.
struct admin_identity {
  std::string name;
  admin_role role = admin_role::none;
};

/// The tokens of the admin API, as digests. Immutable once made: share it.
class admin_tokens {
 public:
  /// Reads lines `name:role:sha256:<base 64 of the token's SHA-256>`, as add_admin_token()
  /// writes them. A file that others than its owner and group may write is refused: who
  /// writes it gives rights.
  static loaded<admin_tokens> load(const std::string& path);
  /// The same from text; `file` is its name in an error.
  static loaded<admin_tokens> parse(std::string_view text, std::string_view file);

  /// A token in the clear, such as http.token of the configuration.
  /// Replaces one of that name. False: OpenSSL refused.
  bool add(std::string name, admin_role role, std::string_view token);

  bool empty() const noexcept { return entries_.empty(); }

  /// Whose token it is; role none: nobody's. Takes as long for each wrong token.
  admin_identity find(std::string_view token) const;

 private:
  struct entry {
    admin_identity who;
    std::string digest;  // SHA-256, 32 bytes
  };
  std::vector<entry> entries_;
};

struct made_token {
  std::string token;  // to be shown once
  std::string error;  // a sentence, or empty
};

/// Makes a random token and writes its digest to the file under that name.
made_token add_admin_token(const std::string& path, std::string_view name, admin_role role);

/// Takes the token of that name out of the file. A sentence, or empty.
std::string remove_admin_token(const std::string& path, std::string_view name);

}  // namespace troupe::auth
