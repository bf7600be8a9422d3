#include "protocol/auth/password_file.hpp"

#include "protocol/auth/digest.hpp"

#include <algorithm>
#include <charconv>
#include <functional>

namespace troupe::auth {

namespace {

constexpr std::size_t salt_bytes = 16;
constexpr std::size_t key_bytes = 64;

/// Cuts the text up to the next `$` off.
std::string_view next_field(std::string_view& rest) noexcept {
  const auto end = rest.find('$');
  const std::string_view field = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return field;
}

bool read_salt_and_key(std::string_view rest, password_hash& out, std::string& fault) {
  const auto salt = from_base64(next_field(rest));
  const auto key = from_base64(rest);
  if (!salt || salt->empty()) {
    fault = "the salt is not base 64";
  } else if (!key || key->size() != key_bytes) {
    fault = "the hash is not 64 bytes in base 64";
  } else {
    out.salt = *salt;
    out.key = *key;
    return true;
  }
  return false;
}

}  // namespace

bool password_hash::verify(std::string_view password) const {
  const auto found = kind == form::sha512 ? hash(digest::sha512, std::string(password) + salt)
                                          : pbkdf2(digest::sha512, password, salt, iterations);
  return found && equal_in_constant_time(*found, key);
}

std::string password_hash::to_text() const {
  const std::string head = kind == form::sha512 ? "$6$" : "$7$" + std::to_string(iterations) + '$';
  return head + to_base64(salt) + '$' + to_base64(key);
}

std::optional<password_hash> parse_password_hash(std::string_view text, std::string& fault) {
  password_hash out;
  if (text.starts_with("$6$")) {
    out.kind = password_hash::form::sha512;
    if (!read_salt_and_key(text.substr(3), out, fault)) return std::nullopt;
    return out;
  }
  if (!text.starts_with("$7$")) {
    fault =
        "the password is not a hash that is known here ($6$ or $7$); set it anew with "
        "\"troupectl passwd\" or mosquitto_passwd";
    return std::nullopt;
  }
  std::string_view rest = text.substr(3);
  const std::string_view count = next_field(rest);
  const auto [end, code] =
      std::from_chars(count.data(), count.data() + count.size(), out.iterations);
  if (code != std::errc{} || end != count.data() + count.size() || out.iterations == 0 ||
      out.iterations > max_iterations) {
    fault = "the number of iterations is not in 1.." + std::to_string(max_iterations);
    return std::nullopt;
  }
  if (!read_salt_and_key(rest, out, fault)) return std::nullopt;
  return out;
}

std::optional<password_hash> make_password_hash(std::string_view password,
                                                std::uint32_t iterations) {
  if (iterations == 0 || iterations > max_iterations) return std::nullopt;
  const auto salt = random_bytes(salt_bytes);
  if (!salt) return std::nullopt;
  auto key = pbkdf2(digest::sha512, password, *salt, iterations);
  if (!key) return std::nullopt;
  return password_hash{password_hash::form::pbkdf2_sha512, iterations, *salt, std::move(*key)};
}

loaded<password_file> password_file::load(const std::string& path) {
  const text_file file = read_text_file(path);
  if (!file.error.empty()) return {nullptr, file.error};
  return parse(file.text, path);
}

loaded<password_file> password_file::parse(std::string_view text, std::string_view name) {
  const user_lines split = split_user_lines(text, name);
  if (!split.error.empty()) return {nullptr, split.error};
  auto out = std::make_shared<password_file>();
  out->decoy_ = {password_hash::form::sha512, 0, std::string(salt_bytes, '\0'), {}};
  for (const user_line& line : split.lines) {
    std::string fault;
    auto parsed = parse_password_hash(line.secret, fault);
    if (!parsed) return {nullptr, at_line(name, line.number, fault)};
    if (parsed->iterations > out->decoy_.iterations) {
      out->decoy_.kind = password_hash::form::pbkdf2_sha512;
      out->decoy_.iterations = parsed->iterations;
    }
    out->users_.emplace(line.user, std::move(*parsed));
  }
  return {std::move(out), {}};
}

const password_hash* password_file::find(std::string_view user) const {
  const auto at = users_.find(user);
  return at == users_.end() ? nullptr : &at->second;
}

std::string set_user(const std::string& path, std::string_view user, std::string_view password,
                     std::uint32_t iterations) {
  if (std::string fault = user_name_fault(user); !fault.empty()) return fault;
  if (password.empty()) return "a password must not be empty";
  if (iterations == 0 || iterations > max_iterations) {
    return "the number of iterations must be in 1.." + std::to_string(max_iterations);
  }
  const auto fresh = make_password_hash(password, iterations);
  if (!fresh) return "the system gave no random numbers, the password was not set";
  return write_user_line(path, user, fresh->to_text());
}

std::string remove_user(const std::string& path, std::string_view user) {
  return remove_user_line(path, user);
}

}  // namespace troupe::auth
