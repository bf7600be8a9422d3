#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/link/identity.hpp"

namespace troupe::cluster {

/// What a nonce must have.
inline constexpr std::size_t nonce_size = 16;

/// The two nodes know each other.
struct acquaintance {
  link_identity peer;
  std::uint32_t version = 0;   ///< Of the protocol, the highest that both speak.
  std::uint64_t session = 0;   ///< Marks the batches of this meeting; never guessable.
  bool looking = false;        ///< The dialer wanted to know who is here, no link.
  resume_point theirs;         ///< Where the other side stands.
  bool resumed = false;        ///< Dialer: the acceptor goes on with the old pairing.
};

/// One side of one handshake:
///
///     dialer                        acceptor
///     hello(nonce)        ->
///                         <-        hello(nonce) | refusal
///     vouch, proof        ->
///                         <-        vouch, welcome | refusal
///
/// Both proofs are HMAC-SHA256 under the shared secret over both hellos as they were
/// sent (with nonces and identities), the role and what the proof says; the secret itself never leaves. To
/// vouch is to ask the own working actors: who says hello is able to work.
///
/// No I/O, no clock. Malformed bytes end the handshake, nothing else.
class introduction {
 public:
  enum class role : std::uint8_t { dialer, acceptor };

  /// What is to be done after take().
  enum class step : std::uint8_t {
    wait,     ///< Nothing; also for what belongs to another handshake.
    send,     ///< Send reply().
    vouch,    ///< Ask the own actors, then call vouched() and send its answer.
    done,     ///< Dialer: known() is complete.
    refused,  ///< It is over; send reply() if it is not empty. See sentence().
  };

  /// `nonce`: nonce_size random bytes. `terms` must outlive this.
  introduction(role as, const link_terms& terms, std::string nonce);

  /// Dialer: the first message. `expects`: whom it means to reach, or no_node.
  std::string open(bool looking, node_id expects);

  step take(std::string_view blob);

  /// What the own side proves and offers. Acceptor: after this it is done, and
  /// `resumed` tells whether the dialer's pairing goes on; dialer: its proof.
  std::string vouched(const resume_point& mine, bool resumed = false);

  /// Ends the handshake from this side; the bytes tell the other.
  std::string refuse(std::string sentence);

  /// Complete after `vouch` (acceptor) or `done` (dialer).
  const acquaintance& known() const noexcept { return known_; }
  const std::string& reply() const noexcept { return reply_; }
  const std::string& sentence() const noexcept { return sentence_; }
  /// The own nonce, by which messages for this handshake are found.
  const std::string& nonce() const noexcept { return nonce_; }

  /// The nonce that a control message answers: of the handshake that it
  /// belongs to. "" for a dialer's hello and for anything else.
  static std::string addressee(std::string_view blob);

 private:
  enum class stage : std::uint8_t { fresh, greeted, proving, proved, over };

  step take_hello(std::string_view blob);
  step fail(std::string sentence);
  std::string judge_peer() const;
  std::string transcript() const;
  std::string mac(role of, const resume_point& at, bool resumed) const;
  void finish_session();

  const role role_;
  const link_terms& terms_;
  const std::string nonce_;
  stage stage_ = stage::fresh;
  node_id expects_ = no_node;
  std::string peer_nonce_;
  std::string peer_cluster_;
  link_versions peer_versions_;
  std::string dialer_hello_;
  std::string acceptor_hello_;
  acquaintance known_;
  std::string reply_;
  std::string sentence_;
};

/// A goodbye: the pairing of `session` is over.
std::string encode_goodbye(std::uint64_t session, const std::string& sentence);
/// Whether the blob is the goodbye of this session, and why it came.
bool decode_goodbye(std::string_view blob, std::uint64_t session, std::string& sentence);

}  // namespace troupe::cluster
