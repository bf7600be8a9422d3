#include "actors/link/link_context.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>

#include "actors/link/peer_link.hpp"
#include "actors/link/tell.hpp"
#include "protocol/auth/digest.hpp"

namespace troupe::link {

namespace {

// Records live as long as the process; a cluster has tens of nodes, and each
// that ever proved the secret has one.
constexpr std::size_t most_records = 4'096;

}  // namespace

const char* name(link_state state) noexcept {
  switch (state) {
    case link_state::waiting:
      return "waiting";
    case link_state::calling:
      return "calling";
    case link_state::up:
      return "up";
    case link_state::broken:
      return "broken";
  }
  return "";
}

link_record* link_context::record_of(cluster::node_id node) const {
  const std::shared_lock lock(records_mutex);
  const auto found = records.find(node);
  return found == records.end() ? nullptr : found->second.get();
}

caf::strong_actor_ptr link_context::link_with(const peer_address& where) {
  if (stopping || where.node == settings.terms.self.node || where.node == cluster::no_node)
    return nullptr;
  if (const auto found = links.find(where.node); found != links.end()) {
    tell(found->second.actor, change_address{where.name, where.host, where.port});
    return found->second.actor;
  }
  auto* record = record_of(where.node);
  if (record == nullptr) {
    const std::unique_lock lock(records_mutex);
    if (records.size() >= most_records) return nullptr;
    record = records.emplace(where.node, std::make_unique<link_record>(settings.limits))
                 .first->second.get();
  }
  auto actor = caf::actor_cast<caf::strong_actor_ptr>(
      runtime::spawn_lean<peer_link>(system, &loop, shared_from_this(), where, *record));
  links.emplace(where.node, link_entry{actor, false});
  tell(actor, outbox_filled{});  // its first message starts it
  return actor;
}

void link_context::vouch(const caf::strong_actor_ptr& asker, std::uint64_t attempt) {
  if (!hooks.answer_question) {
    tell(asker, vouched{attempt});
    return;
  }
  hooks.answer_question([asker, attempt] { tell(asker, vouched{attempt}); });
}

void link_context::met(const cluster::link_identity& who) {
  if (hooks.objection && !hooks.objection(who).empty()) return;
  link_with({who.node, who.name, who.host, who.port});
}

std::int64_t link_context::jitter(std::int64_t ms) {
  return ms / 2 + static_cast<std::int64_t>(chance() % static_cast<std::uint64_t>(ms / 2 + 1));
}

std::string link_context::new_nonce() {
  // Without randomness nobody can be greeted: an empty nonce is refused.
  return auth::random_bytes(cluster::nonce_size).value_or(std::string{});
}

}  // namespace troupe::link
