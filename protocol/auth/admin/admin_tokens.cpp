#include "protocol/auth/admin/admin_tokens.hpp"

#include "protocol/auth/digest.hpp"

#include <algorithm>
#include <memory>
#include <sys/stat.h>
#include <utility>

namespace troupe::auth {
namespace {

constexpr std::string_view method = "sha256:";
constexpr std::size_t token_bytes = 32;
constexpr std::size_t longest_name = 64;
constexpr std::string_view name_rule =
    "the name of a token consists of at most 64 letters, digits, '-', '_' and '.'";

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_name && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

/// Without characters that a shell, a URL or a header would change.
std::string url_safe(std::string base64) {
  std::ranges::replace(base64, '+', '-');
  std::ranges::replace(base64, '/', '_');
  std::erase(base64, '=');
  return base64;
}

}  // namespace

loaded<admin_tokens> admin_tokens::load(const std::string& path) {
  loaded<admin_tokens> result;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IWOTH) != 0) {
    result.error = "The token file " + path + " can be written by everybody";
    return result;
  }
  auto file = read_text_file(path);
  if (!file.error.empty()) {
    result.error = std::move(file.error);
    return result;
  }
  return parse(file.text, path);
}

loaded<admin_tokens> admin_tokens::parse(std::string_view text, std::string_view file) {
  loaded<admin_tokens> result;
  auto split = split_user_lines(text, file);
  result.error = std::move(split.error);
  if (!result.error.empty()) return result;
  auto made = std::make_shared<admin_tokens>();
  for (const auto& line : split.lines) {
    const auto fail = [&](std::string_view what) {
      result.error = at_line(file, line.number, what);
      return result;
    };
    if (!is_name(line.user)) return fail(name_rule);
    const auto colon = line.secret.find(':');
    const auto role = parse_admin_role(line.secret.substr(0, colon));
    if (!role) return fail("after the name comes a role: viewer, operator or admin");
    auto rest =
        colon == std::string_view::npos ? std::string_view() : line.secret.substr(colon + 1);
    std::optional<std::string> digest;
    if (rest.starts_with(method)) digest = from_base64(rest.substr(method.size()));
    if (!digest || digest->size() != size_of(digest::sha256))
      return fail("after the role comes sha256: and the digest of the token in base 64");
    made->entries_.push_back({{std::string(line.user), *role}, std::move(*digest)});
  }
  result.value = std::move(made);
  return result;
}

bool admin_tokens::add(std::string name, admin_role role, std::string_view token) {
  auto digest = hash(digest::sha256, token);
  if (!digest) return false;
  std::erase_if(entries_, [&](const entry& each) { return each.who.name == name; });
  entries_.push_back({{std::move(name), role}, std::move(*digest)});
  return true;
}

admin_identity admin_tokens::find(std::string_view token) const {
  admin_identity found;
  const auto shown = hash(digest::sha256, token);
  if (!shown) return found;
  // No early end: the time tells nothing of which token was nearly right.
  for (const auto& each : entries_)
    if (equal_in_constant_time(each.digest, *shown)) found = each.who;
  return found;
}

made_token add_admin_token(const std::string& path, std::string_view name, admin_role role) {
  made_token made;
  if (!is_name(name)) {
    made.error = "\"" + std::string(name) + "\" cannot be: " + std::string(name_rule) + ".";
    return made;
  }
  const auto bytes = random_bytes(token_bytes);
  if (bytes) made.token = url_safe(to_base64(*bytes));
  const auto digest = bytes ? hash(digest::sha256, made.token) : std::nullopt;
  if (!digest) {
    made = {{}, "OpenSSL gave no random bytes."};
    return made;
  }
  made.error = write_user_line(
      path, name, std::string(auth::name(role)) + ":" + std::string(method) + to_base64(*digest));
  if (!made.error.empty()) made.token.clear();
  return made;
}

std::string remove_admin_token(const std::string& path, std::string_view name) {
  return remove_user_line(path, name);
}

}  // namespace troupe::auth
