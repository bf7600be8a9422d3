#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "actors/link/interfaces.hpp"
#include "actors/link/link_context.hpp"
#include "actors/runtime/lean_actor.hpp"

namespace troupe::link {

/// Whom other nodes reach at the cluster port. Greets callers; one that has
/// proved the secret is handed to the link of its node, one that only looks
/// around is told who is here. What comes from strangers is bounded: few
/// greetings at a time, each for a short time. Lives on the loop of the links.
class door final : public runtime::lean_actor, private runtime::timer_entry {
 public:
  door(caf::actor_config& cfg, std::shared_ptr<link_context> context);

  const char* name() const override { return "door"; }
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  struct guest {
    std::shared_ptr<cluster::introduction> greeting;
    caf::strong_actor_ptr who;
    std::int64_t since = 0;
    std::uint64_t attempt = 0;  // not 0: our actors are being asked, for one that looks around
  };

  void greet(const std::string& bytes, const caf::strong_actor_ptr& who);
  void proven(std::map<std::string, guest>::iterator at);
  void refuse(std::map<std::string, guest>::iterator at, std::string why);
  void welcome_looker(std::uint64_t attempt);
  void on_timer() override;

  std::shared_ptr<link_context> context_;
  std::map<std::string, guest> guests_;  // by our nonce
};

}  // namespace troupe::link
