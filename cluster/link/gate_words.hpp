#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What two nodes say on a fresh connection before anything else may be said on it,
/// where there is no TLS: proof that both know the shared secret, in four
/// messages of fixed size. A stranger can cost a node nothing more.
///
///     dialer                          acceptor
///     hello: mark, nonce      ->
///                             <-      hello: mark, nonce
///     proof                   ->
///                             <-      proof, or zeros: refused
///
/// A proof is HMAC-SHA256 under the secret over the role and both nonces.
namespace troupe::cluster {

inline constexpr std::size_t gate_hello_size = 24;
inline constexpr std::size_t gate_proof_size = 32;

enum class gate_role : std::uint8_t { dialer = 1, acceptor = 2 };

/// `nonce`: nonce_size random bytes.
std::string gate_hello(std::string_view nonce);
/// The nonce in a hello; "": it is none of ours.
std::string read_gate_hello(std::string_view bytes);
/// The proof of one side; "" if OpenSSL fails.
std::string gate_proof(std::string_view secret, gate_role of, std::string_view dialer_nonce,
                       std::string_view acceptor_nonce);
/// Whether the bytes are that proof. In constant time.
bool gate_proves(std::string_view bytes, std::string_view secret, gate_role of,
                 std::string_view dialer_nonce, std::string_view acceptor_nonce);

}  // namespace troupe::cluster
