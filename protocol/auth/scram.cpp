#include "protocol/auth/scram.hpp"

#include "protocol/auth/digest.hpp"

#include <utility>

namespace troupe::auth {

namespace {

using mqtt::reason_code;

constexpr std::size_t max_message_bytes = 4096;
constexpr std::size_t nonce_bytes = 18;
constexpr std::size_t decoy_salt_bytes = 16;

std::string random_nonce() {
  const auto bytes = random_bytes(nonce_bytes);
  return bytes ? to_base64(*bytes) : std::string();
}

outcome broken(std::string_view what) {
  return outcome::failure(reason_code::protocol_error,
                          "SCRAM message is malformed: " + std::string(what));
}

outcome refused() {
  return outcome::failure(reason_code::not_authorized,
                          "SCRAM user is unknown or the password is wrong");
}

/// Takes `name=` and its value up to the next comma off; nothing if absent.
std::optional<std::string_view> attribute(std::string_view& rest, char name) noexcept {
  if (rest.size() < 2 || rest[0] != name || rest[1] != '=') return std::nullopt;
  const auto end = rest.find(',');
  const std::string_view value = rest.substr(2, end == std::string_view::npos ? end : end - 2);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return value;
}

/// "=2C" is a comma, "=3D" an equals sign; any other "=" is an error.
std::optional<std::string> decode_name(std::string_view coded) {
  std::string out;
  while (!coded.empty()) {
    if (coded.front() != '=') {
      if (static_cast<unsigned char>(coded.front()) < 0x20) return std::nullopt;
      out += coded.front();
      coded.remove_prefix(1);
      continue;
    }
    const std::string_view code = coded.substr(0, 3);
    if (code != "=2C" && code != "=3D") return std::nullopt;
    out += code == "=2C" ? ',' : '=';
    coded.remove_prefix(3);
  }
  if (out.empty()) return std::nullopt;
  return out;
}

bool printable(std::string_view nonce) noexcept {
  for (const char each : nonce) {
    if (each < 0x21 || each > 0x7e || each == ',') return false;
  }
  return !nonce.empty();
}

/// client-first-message, then client-final-message [RFC 5802, 5].
class scram_exchange final : public exchange {
 public:
  scram_exchange(std::shared_ptr<const scram_file> file, std::string server_nonce,
                 std::string decoy_key)
      : file_(std::move(file)),
        server_nonce_(std::move(server_nonce)),
        decoy_key_(std::move(decoy_key)) {}

  void step(std::string_view data, std::function<void(outcome)> done) override {
    outcome result = advance(data);
    if (result.what != outcome::kind::proceed) now_ = state::over;
    done(std::move(result));
  }

 private:
  enum class state : std::uint8_t { start, invited, challenged, over };

  outcome advance(std::string_view data) {
    if (data.size() > max_message_bytes) return broken("it is too long");
    switch (now_) {
      case state::start:
        // A client may wait for the server's word before it speaks.
        if (data.empty()) {
          now_ = state::invited;
          return outcome::proceed({});
        }
        return first(data);
      case state::invited:
        return first(data);
      case state::challenged:
        return final(data);
      case state::over:
        break;
    }
    return broken("the exchange is over");
  }

  outcome first(std::string_view message) {
    if (message.starts_with("p=")) {
      return outcome::failure(reason_code::not_authorized,
                              "SCRAM channel binding is not supported");
    }
    if (!message.starts_with("n,") && !message.starts_with("y,")) return broken("no GS2 header");
    std::string_view rest = message.substr(2);
    std::optional<std::string_view> acting_as = attribute(rest, 'a');
    if (!acting_as) {
      if (!rest.starts_with(',')) return broken("no end of the GS2 header");
      rest.remove_prefix(1);
    }
    gs2_header_ = message.substr(0, message.size() - rest.size());
    first_bare_ = rest;
    if (rest.starts_with("m=")) return broken("it demands an extension");
    const auto coded = attribute(rest, 'n');
    const auto nonce = coded ? attribute(rest, 'r') : std::nullopt;
    auto user = coded ? decode_name(*coded) : std::nullopt;
    if (!user || !nonce || !printable(*nonce)) return broken("no user name or no nonce");
    if (acting_as && decode_name(*acting_as) != user) {
      return outcome::failure(reason_code::not_authorized,
                              "SCRAM client asks for another user's rights");
    }
    user_ = std::move(*user);
    return challenge(*nonce);
  }

  outcome challenge(std::string_view client_nonce) {
    const scram_verifier* known = file_ ? file_->find(user_) : nullptr;
    if (known) {
      verifier_ = *known;
      known_ = true;
    } else {
      const auto made_up = hmac(digest::sha256, decoy_key_, user_);
      if (!made_up) return refused();
      verifier_.salt = made_up->substr(0, decoy_salt_bytes);
      verifier_.iterations = file_ ? file_->usual_iterations() : default_scram_iterations;
      verifier_.stored_key = verifier_.server_key = *made_up;
    }
    if (!printable(server_nonce_)) {
      return outcome::failure(reason_code::server_unavailable, "the system gave no random numbers");
    }
    nonce_ = std::string(client_nonce) + server_nonce_;
    server_first_ = "r=" + nonce_ + ",s=" + to_base64(verifier_.salt) +
                    ",i=" + std::to_string(verifier_.iterations);
    now_ = state::challenged;
    return outcome::proceed(server_first_);
  }

  outcome final(std::string_view message) {
    const auto mark = message.rfind(",p=");
    if (mark == std::string_view::npos) return broken("no proof");
    const std::string_view without_proof = message.substr(0, mark);
    const auto proof = from_base64(message.substr(mark + 3));
    std::string_view rest = without_proof;
    const auto binding = attribute(rest, 'c');
    const auto nonce = binding ? attribute(rest, 'r') : std::nullopt;
    if (!binding || !nonce || !proof || proof->size() != size_of(digest::sha256)) {
      return broken("a part of the final message is missing");
    }
    if (from_base64(*binding) != gs2_header_) return broken("the GS2 header has changed");
    if (*nonce != nonce_) return refused();
    return check(first_bare_ + ',' + server_first_ + ',' + std::string(without_proof), *proof);
  }

  outcome check(const std::string& auth_message, const std::string& proof) {
    const auto signature = hmac(digest::sha256, verifier_.stored_key, auth_message);
    const auto reply = hmac(digest::sha256, verifier_.server_key, auth_message);
    if (!signature || !reply) return refused();
    std::string client_key = proof;
    for (std::size_t i = 0; i < client_key.size(); ++i) {
      client_key[i] = static_cast<char>(client_key[i] ^ (*signature)[i]);
    }
    const auto stored = hash(digest::sha256, client_key);
    const bool right = stored && equal_in_constant_time(*stored, verifier_.stored_key);
    if (!right || !known_) return refused();
    return outcome::success("v=" + to_base64(*reply), user_);
  }

  const std::shared_ptr<const scram_file> file_;
  const std::string server_nonce_;
  const std::string decoy_key_;
  state now_ = state::start;
  bool known_ = false;
  std::string gs2_header_;
  std::string first_bare_;
  std::string server_first_;
  std::string nonce_;
  std::string user_;
  scram_verifier verifier_;
};

}  // namespace

scram_sha_256::scram_sha_256(std::shared_ptr<const scram_file> file,
                             std::function<std::string()> nonce)
    : file_(std::move(file)),
      nonce_(nonce ? std::move(nonce) : std::function<std::string()>(random_nonce)),
      decoy_key_(random_bytes(32).value_or(std::string())) {}

std::unique_ptr<exchange> scram_sha_256::begin(const credentials&) {
  std::shared_ptr<const scram_file> file;
  {
    std::lock_guard lock(guard_);
    file = file_;
  }
  return std::make_unique<scram_exchange>(std::move(file), nonce_(), decoy_key_);
}

void scram_sha_256::reload(std::shared_ptr<const scram_file> file) {
  std::lock_guard lock(guard_);
  file_ = std::move(file);
}

}  // namespace troupe::auth
