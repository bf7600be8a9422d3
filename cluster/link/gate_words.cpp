#include "cluster/link/gate_words.hpp"

#include "cluster/link/introduction.hpp"
#include "protocol/auth/digest.hpp"

namespace troupe::cluster {

namespace {

// The last byte is the version of these words.
constexpr std::string_view mark{"TROUPE\0\1", 8};
static_assert(mark.size() + nonce_size == gate_hello_size);

}  // namespace

std::string gate_hello(std::string_view nonce) {
  std::string out(mark);
  out += nonce;
  out.resize(gate_hello_size);
  return out;
}

std::string read_gate_hello(std::string_view bytes) {
  if (bytes.size() != gate_hello_size || !bytes.starts_with(mark)) return {};
  return std::string(bytes.substr(mark.size()));
}

std::string gate_proof(std::string_view secret, gate_role of, std::string_view dialer_nonce,
                       std::string_view acceptor_nonce) {
  std::string text = "troupe gate ";
  text.push_back(static_cast<char>(of));
  text += dialer_nonce;
  text += acceptor_nonce;
  return auth::hmac(auth::digest::sha256, secret, text).value_or(std::string{});
}

bool gate_proves(std::string_view bytes, std::string_view secret, gate_role of,
                 std::string_view dialer_nonce, std::string_view acceptor_nonce) {
  const auto right = gate_proof(secret, of, dialer_nonce, acceptor_nonce);
  return right.size() == gate_proof_size && auth::equal_in_constant_time(bytes, right);
}

}  // namespace troupe::cluster
