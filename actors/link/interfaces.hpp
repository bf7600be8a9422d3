#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <caf/actor_control_block.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/type_id.hpp>

#include "actors/link/settings.hpp"
#include "cluster/link/introduction.hpp"

/// Who says what in this folder. Three kinds of actors, all on one run loop:
///
/// - **door**: published on the cluster port. Greets whoever calls; hands a
///   proven caller to the link of its node.
/// - **peer_link**: one per other node. Dials it (if its own id is the lower), or is
///   given the caller by the door; carries the frames of the pairing.
/// - **seeker**: one per address that is looked for. Calls until somebody answers,
///   tells who it is, and ends.
namespace troupe::link {

/// The only message that crosses between nodes: a batch or a control message
/// (cluster/link/batch.hpp). Door, peer_link, seeker.
struct blob {
  std::string bytes;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, blob& x) {
  return f(caf::meta::type_name("troupe.link.blob"), x.bytes);
}

/// To a peer_link: frames wait in its outbox.
struct outbox_filled {};
/// To a peer_link, from the door: a caller that has proved to be that node.
struct introduced {
  std::shared_ptr<cluster::introduction> how;
  caf::strong_actor_ptr caller;
};
/// To a peer_link or seeker: what the scout has found.
struct scouted {
  std::uint64_t attempt = 0;
  std::string address;  // numeric; empty: not reached
  std::string error;
  bool refused = false;  // nobody listens there
};
/// To whoever asked: the working actors of this node have answered.
struct vouched {
  std::uint64_t attempt = 0;
};
/// To a peer_link: they have answered a question of the peer.
struct question_answered {
  std::uint64_t pairing = 0;  // its tag
  std::uint64_t question = 0;
};
/// To a peer_link: where its node is now.
struct change_address {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
};
/// To everybody: end, and say goodbye with this sentence.
struct part {
  std::string sentence;
};

}  // namespace troupe::link

CAF_BEGIN_TYPE_ID_BLOCK(troupe_link, 3000)
CAF_ADD_TYPE_ID(troupe_link, (troupe::link::blob))
CAF_END_TYPE_ID_BLOCK(troupe_link)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::link::outbox_filled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::link::introduced)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::link::scouted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::link::vouched)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::link::question_answered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::link::change_address)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::link::part)
