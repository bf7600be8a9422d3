#include "cluster/link/introduction.hpp"

#include <algorithm>
#include <utility>

#include "cluster/link/batch.hpp"
#include "protocol/auth/digest.hpp"
#include "protocol/schema/link.pb.h"

namespace troupe::cluster {

namespace {

using message = troupe::links::control;

// A hello of names and addresses; a longer control message is no honest one.
constexpr std::size_t max_control = 4'096;
constexpr std::size_t max_name = 256;
constexpr std::size_t max_sentence = 512;

bool parse(std::string_view blob, message& out) {
  if (blob.empty() || blob.size() > max_control || blob.front() != control_mark) return false;
  blob.remove_prefix(1);
  return out.ParseFromArray(blob.data(), static_cast<int>(blob.size()));
}

std::string encode(const message& what) {
  std::string out(1, control_mark);
  what.AppendToString(&out);
  return out;
}

void add(std::string& to, std::string_view part) {
  to += number_bytes(part.size());
  to += part;
}

/// Text of a stranger that will be logged: short and printable.
std::string clean(std::string_view text, std::size_t most) {
  std::string out(text.substr(0, most));
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

/// `ours` is empty if OpenSSL failed: then nothing is a proof.
bool proves(std::string_view theirs, std::string_view ours) {
  return ours.size() == auth::size_of(auth::digest::sha256) &&
         auth::equal_in_constant_time(theirs, ours);
}

std::string range(const link_versions& x) {
  return std::to_string(x.lowest) + " to " + std::to_string(x.highest);
}

}  // namespace

introduction::introduction(role as, const link_terms& terms, std::string nonce)
    : role_(as), terms_(terms), nonce_(std::move(nonce)) {}

std::string introduction::open(bool looking, node_id expects) {
  expects_ = expects;
  known_.looking = looking;
  message out;
  auto& h = *out.mutable_hello();
  h.set_lowest_version(terms_.versions.lowest);
  h.set_highest_version(terms_.versions.highest);
  h.set_cluster(terms_.cluster);
  h.set_node(number(terms_.self.node));
  h.set_name(terms_.self.name);
  h.set_incarnation(terms_.self.incarnation);
  h.set_host(terms_.self.host);
  h.set_port(terms_.self.port);
  h.set_nonce(nonce_);
  h.set_answers(peer_nonce_);
  h.set_looking(looking);
  h.set_expects(number(expects));
  auto bytes = encode(out);
  (role_ == role::dialer ? dialer_hello_ : acceptor_hello_) = bytes;
  if (role_ == role::dialer) stage_ = stage::greeted;
  return bytes;
}

introduction::step introduction::fail(std::string sentence) {
  sentence_ = std::move(sentence);
  stage_ = stage::over;
  return step::refused;
}

std::string introduction::refuse(std::string sentence) {
  message out;
  out.mutable_refusal()->set_answers(peer_nonce_);
  out.mutable_refusal()->set_sentence(sentence);
  fail(std::move(sentence));
  return encode(out);
}

introduction::step introduction::take(std::string_view blob) {
  reply_.clear();
  if (stage_ == stage::over) return step::wait;
  message in;
  if (!parse(blob, in)) return fail("It sent bytes that are no message of a link");
  switch (in.what_case()) {
    case message::kHello:
      return take_hello(blob);
    case message::kRefusal:
      if (in.refusal().answers() != nonce_) return step::wait;
      return fail("It refused: " + clean(in.refusal().sentence(), max_sentence));
    case message::kProof: {
      const auto& p = in.proof();
      if (p.answers() != nonce_) return step::wait;
      if (role_ != role::acceptor || stage_ != stage::greeted)
        return fail("It sent a proof out of turn");
      known_.theirs = {p.pairing(), p.received()};
      if (!proves(p.mac(), mac(role::dialer, known_.theirs, false))) {
        reply_ = refuse("It does not know the secret of the cluster");
        return step::refused;
      }
      stage_ = stage::proving;
      finish_session();
      return step::vouch;
    }
    case message::kWelcome: {
      const auto& w = in.welcome();
      if (w.answers() != nonce_) return step::wait;
      if (role_ != role::dialer || stage_ != stage::proved)
        return fail("It sent a welcome out of turn");
      known_.theirs = {0, w.received()};
      known_.resumed = w.resumed();
      if (!proves(w.mac(), mac(role::acceptor, known_.theirs, w.resumed())))
        return fail("It does not know the secret of the cluster");
      stage_ = stage::over;
      finish_session();
      return step::done;
    }
    case message::kGoodbye:
      return step::wait;
    case message::WHAT_NOT_SET:
      break;
  }
  return fail("It sent a message that this version does not know");
}

introduction::step introduction::take_hello(std::string_view blob) {
  message in;
  parse(blob, in);
  const auto& h = in.hello();
  if (role_ == role::dialer && h.answers() != nonce_) return step::wait;
  if (stage_ != (role_ == role::dialer ? stage::greeted : stage::fresh))
    return fail("It said hello out of turn");
  if (h.nonce().size() != nonce_size || h.name().size() > max_name || h.host().size() > max_name ||
      h.cluster().size() > max_name || h.port() > 65'535)
    return fail("Its hello is malformed");
  peer_nonce_ = h.nonce();
  peer_cluster_ = clean(h.cluster(), max_name);
  peer_versions_ = {h.lowest_version(), h.highest_version()};
  known_.peer = {node_id{h.node()}, clean(h.name(), max_name), h.incarnation(),
                 clean(h.host(), max_name), static_cast<std::uint16_t>(h.port())};
  if (role_ == role::acceptor) {
    known_.looking = h.looking();
    dialer_hello_ = blob;
  } else {
    acceptor_hello_ = blob;
  }
  auto objection = judge_peer();
  if (objection.empty() && role_ == role::acceptor && node_id{h.expects()} != no_node &&
      node_id{h.expects()} != terms_.self.node)
    objection = "Another node is meant than the one that answers here";
  if (!objection.empty()) {
    reply_ = refuse(objection);
    return step::refused;
  }
  known_.version = std::min(peer_versions_.highest, terms_.versions.highest);
  if (role_ == role::dialer) {
    stage_ = stage::proving;
    return step::vouch;
  }
  reply_ = open(false, no_node);
  known_.looking = h.looking();
  stage_ = stage::greeted;
  return step::send;
}

std::string introduction::judge_peer() const {
  const auto& peer = known_.peer;
  if (std::min(peer_versions_.highest, terms_.versions.highest) <
      std::max(peer_versions_.lowest, terms_.versions.lowest))
    return "It speaks versions " + range(peer_versions_) + " of the link, this node " +
           range(terms_.versions);
  if (peer_cluster_ != terms_.cluster)
    return "It belongs to the cluster \"" + peer_cluster_ + "\", not to \"" + terms_.cluster + "\"";
  if (peer.node == no_node || peer.incarnation == 0) return "It has no id";
  if (peer.node == terms_.self.node)
    return peer.incarnation == terms_.self.incarnation
               ? "It is this node itself"
               : "It has the id of this node: its data directory is a copy";
  if (role_ == role::dialer && expects_ != no_node && peer.node != expects_)
    return "Another node answers there than the one that is meant: " + peer.name;
  return {};
}

std::string introduction::vouched(const resume_point& mine, bool resumed) {
  if (stage_ != stage::proving) return {};
  message out;
  if (role_ == role::dialer) {
    stage_ = stage::proved;
    auto& p = *out.mutable_proof();
    p.set_answers(peer_nonce_);
    p.set_pairing(mine.pairing);
    p.set_received(mine.received);
    p.set_mac(mac(role::dialer, mine, false));
  } else {
    stage_ = stage::over;
    auto& w = *out.mutable_welcome();
    w.set_answers(peer_nonce_);
    w.set_resumed(resumed);
    w.set_received(mine.received);
    w.set_mac(mac(role::acceptor, {0, mine.received}, resumed));
  }
  return encode(out);
}

std::string introduction::transcript() const {
  std::string all;
  add(all, dialer_hello_);
  add(all, acceptor_hello_);
  return all;
}

std::string introduction::mac(role of, const resume_point& at, bool resumed) const {
  auto text = transcript();
  add(text, of == role::dialer ? "troupe link: dialer" : "troupe link: acceptor");
  text += number_bytes(at.pairing) + number_bytes(at.received) + number_bytes(resumed ? 1 : 0);
  return auth::hmac(auth::digest::sha256, terms_.secret, text).value_or(std::string{});
}

void introduction::finish_session() {
  auto text = transcript();
  add(text, "troupe link: session");
  const auto key = auth::hmac(auth::digest::sha256, terms_.secret, text).value_or(nonce_);
  known_.session = read_number(std::string_view{key}.substr(0, 8)).value_or(0) | 1;
}

std::string introduction::addressee(std::string_view blob) {
  message in;
  if (!parse(blob, in)) return {};
  switch (in.what_case()) {
    case message::kHello:
      return in.hello().answers();
    case message::kProof:
      return in.proof().answers();
    case message::kWelcome:
      return in.welcome().answers();
    case message::kRefusal:
      return in.refusal().answers();
    default:
      return {};
  }
}

std::string encode_goodbye(std::uint64_t session, const std::string& sentence) {
  message out;
  out.mutable_goodbye()->set_session(session);
  out.mutable_goodbye()->set_sentence(sentence);
  return encode(out);
}

bool decode_goodbye(std::string_view blob, std::uint64_t session, std::string& sentence) {
  message in;
  if (!parse(blob, in) || !in.has_goodbye() || in.goodbye().session() != session) return false;
  sentence = clean(in.goodbye().sentence(), max_sentence);
  return true;
}

}  // namespace troupe::cluster
