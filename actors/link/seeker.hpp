#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "actors/link/interfaces.hpp"
#include "actors/link/link_context.hpp"
#include "actors/link/outgoing_call.hpp"
#include "actors/runtime/lean_actor.hpp"

namespace troupe::link {

/// Calls an address until a node answers that knows the secret; tells who it
/// is, has a link made with it, and ends. Ends silently if the address is this
/// node's own. Lives on the loop of the links.
class seeker final : public runtime::lean_actor, private runtime::timer_entry {
 public:
  seeker(caf::actor_config& cfg, std::shared_ptr<link_context> context, std::string host,
         std::uint16_t port);

  const char* name() const override { return "seeker"; }
  /// Whether it has found what it looked for, or given up.
  bool ended() const noexcept { return quitting(); }
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  void on_timer() override;
  void call();
  void look_at_call();
  void again();

  std::shared_ptr<link_context> context_;
  peer_address where_;
  outgoing_call call_;
  std::int64_t call_at_ = 0;
  std::int64_t retry_ms_ = 0;
  std::string last_error_;
  bool started_ = false;
};

}  // namespace troupe::link
