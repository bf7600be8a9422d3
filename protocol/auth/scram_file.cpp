#include "protocol/auth/digest.hpp"
#include "protocol/auth/password_file.hpp"
#include "protocol/auth/scram.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace troupe::auth {

namespace {

constexpr std::string_view prefix = "SCRAM-SHA-256$";
constexpr std::uint32_t min_iterations = 4096;
constexpr std::size_t salt_bytes = 16;

/// Cuts the text before `mark` off; nothing if there is no mark.
std::optional<std::string_view> cut(std::string_view& rest, char mark) noexcept {
  const auto end = rest.find(mark);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view field = rest.substr(0, end);
  rest = rest.substr(end + 1);
  return field;
}

std::string range_fault() {
  return "the number of iterations must be in " + std::to_string(min_iterations) + ".." +
         std::to_string(max_iterations);
}

}  // namespace

std::string scram_verifier::to_text() const {
  return std::string(prefix) + std::to_string(iterations) + ':' + to_base64(salt) + '$' +
         to_base64(stored_key) + ':' + to_base64(server_key);
}

std::optional<scram_verifier> parse_scram_verifier(std::string_view text, std::string& fault) {
  fault = "expected SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey";
  if (!text.starts_with(prefix)) return std::nullopt;
  std::string_view rest = text.substr(prefix.size());
  const auto count = cut(rest, ':');
  const auto salt_text = count ? cut(rest, '$') : std::nullopt;
  const auto stored_text = salt_text ? cut(rest, ':') : std::nullopt;
  if (!stored_text) return std::nullopt;
  scram_verifier out;
  const auto [end, code] =
      std::from_chars(count->data(), count->data() + count->size(), out.iterations);
  if (code != std::errc{} || end != count->data() + count->size() ||
      out.iterations < min_iterations || out.iterations > max_iterations) {
    fault = range_fault();
    return std::nullopt;
  }
  const auto salt = from_base64(*salt_text);
  const auto stored = from_base64(*stored_text);
  const auto server = from_base64(rest);
  const std::size_t size = size_of(digest::sha256);
  if (!salt || salt->empty() || !stored || stored->size() != size || !server ||
      server->size() != size) {
    fault = "salt or keys are not base 64 of the right length";
    return std::nullopt;
  }
  out.salt = *salt;
  out.stored_key = *stored;
  out.server_key = *server;
  fault.clear();
  return out;
}

std::optional<scram_verifier> make_scram_verifier(std::string_view password,
                                                  std::uint32_t iterations) {
  if (iterations < min_iterations || iterations > max_iterations) return std::nullopt;
  const auto salt = random_bytes(salt_bytes);
  if (!salt) return std::nullopt;
  const auto salted = pbkdf2(digest::sha256, password, *salt, iterations);
  if (!salted) return std::nullopt;
  const auto client_key = hmac(digest::sha256, *salted, "Client Key");
  const auto server_key = hmac(digest::sha256, *salted, "Server Key");
  const auto stored_key = client_key ? hash(digest::sha256, *client_key) : std::nullopt;
  if (!stored_key || !server_key) return std::nullopt;
  return scram_verifier{iterations, *salt, *stored_key, *server_key};
}

loaded<scram_file> scram_file::load(const std::string& path) {
  const text_file file = read_text_file(path);
  if (!file.error.empty()) return {nullptr, file.error};
  return parse(file.text, path);
}

loaded<scram_file> scram_file::parse(std::string_view text, std::string_view name) {
  const user_lines split = split_user_lines(text, name);
  if (!split.error.empty()) return {nullptr, split.error};
  auto out = std::make_shared<scram_file>();
  std::map<std::uint32_t, std::size_t> counts;
  for (const user_line& line : split.lines) {
    std::string fault;
    auto parsed = parse_scram_verifier(line.secret, fault);
    if (!parsed) return {nullptr, at_line(name, line.number, fault)};
    ++counts[parsed->iterations];
    out->users_.emplace(line.user, std::move(*parsed));
  }
  const auto usual =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (usual != counts.end()) out->usual_iterations_ = usual->first;
  return {std::move(out), {}};
}

const scram_verifier* scram_file::find(std::string_view user) const {
  const auto at = users_.find(std::string(user));
  return at == users_.end() ? nullptr : &at->second;
}

std::string set_scram_user(const std::string& path, std::string_view user,
                           std::string_view password, std::uint32_t iterations) {
  if (std::string fault = user_name_fault(user); !fault.empty()) return fault;
  if (password.empty()) return "a password must not be empty";
  if (iterations < min_iterations || iterations > max_iterations) return range_fault();
  const auto fresh = make_scram_verifier(password, iterations);
  if (!fresh) return "the system gave no random numbers, the password was not set";
  return write_user_line(path, user, fresh->to_text());
}

}  // namespace troupe::auth
