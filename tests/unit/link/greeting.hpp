#pragma once

#include <string>
#include <utility>

#include "cluster/link/introduction.hpp"

namespace troupe::cluster::testing {

inline link_terms terms_of(std::uint64_t node, const std::string& secret = "a shared secret",
                           const std::string& cluster = "blue") {
  link_terms made;
  made.self = {node_id{node}, "node" + std::to_string(node), 1'000 + node, "127.0.0.1",
               static_cast<std::uint16_t>(2'000 + node)};
  made.cluster = cluster;
  made.secret = secret;
  return made;
}

inline std::string nonce(unsigned number) {
  auto text = "nonce " + std::to_string(number);
  text.resize(nonce_size, '.');
  return text;
}

/// Runs a handshake to its end; what each side came to.
struct greeting {
  greeting(const link_terms& dialer_terms, const link_terms& acceptor_terms, unsigned number = 1)
      : dialer(introduction::role::dialer, dialer_terms, nonce(2 * number)),
        acceptor(introduction::role::acceptor, acceptor_terms, nonce(2 * number + 1)) {}

  /// `resume`: what the acceptor answers to the dialer's resume point.
  template <class Decide>
  bool run(resume_point dialer_at, Decide decide, bool looking = false,
           node_id expects = no_node) {
    auto bytes = dialer.open(looking, expects);
    for (bool to_acceptor = true; !bytes.empty(); to_acceptor = !to_acceptor) {
      auto& side = to_acceptor ? acceptor : dialer;
      const auto step = side.take(bytes);
      bytes.clear();
      switch (step) {
        case introduction::step::wait:
          break;
        case introduction::step::send:
          bytes = side.reply();
          break;
        case introduction::step::vouch:
          if (to_acceptor) {
            const auto [received, resumed] = decide(side.known());
            bytes = side.vouched({0, received}, resumed);
          } else {
            bytes = side.vouched(dialer_at);
          }
          break;
        case introduction::step::done:
          return true;
        case introduction::step::refused:
          (to_acceptor ? acceptor_refused : dialer_refused) = true;
          bytes = side.reply();
          break;
      }
    }
    return false;
  }
  bool run() {
    return run({}, [](const acquaintance&) { return std::pair<std::uint64_t, bool>{0, false}; });
  }

  introduction dialer;
  introduction acceptor;
  bool dialer_refused = false;
  bool acceptor_refused = false;
};

}  // namespace troupe::cluster::testing
