#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <caf/actor_control_block.hpp>
#include <caf/mailbox_element.hpp>

#include "actors/link/link_context.hpp"
#include "cluster/link/introduction.hpp"

namespace troupe::link {

/// One try of an actor to reach a node and to prove itself there: look whether
/// anybody listens, connect through CAF, greet. Part of its actor, on the
/// loop of the links.
class outgoing_call {
 public:
  enum class state : std::uint8_t { idle, scouting, connecting, greeting, done, failed };

  outgoing_call(link_context& context, caf::actor_control_block* owner)
      : context_(context), owner_(owner) {}

  /// Begins a try. `where` asks where the own side stands, when that is to be proved.
  void start(const peer_address& to, bool looking, std::function<cluster::resume_point()> where,
             std::int64_t now);
  /// Gives up silently.
  void cancel();
  /// Whether the message was meant for this. Look at is() afterwards.
  bool receive(caf::mailbox_element& m, std::int64_t now);
  /// Fails when the time is over.
  void tick(std::int64_t now);

  state is() const noexcept { return state_; }
  bool active() const noexcept {
    return state_ == state::scouting || state_ == state::connecting || state_ == state::greeting;
  }
  /// When the try fails by time.
  std::int64_t deadline() const noexcept { return deadline_; }

  // -- done -----------------------------------------------------------------------
  const cluster::acquaintance& known() const noexcept { return greeting_->known(); }
  /// The actor that welcomed us.
  const caf::strong_actor_ptr& remote() const noexcept { return remote_; }

  // -- failed -----------------------------------------------------------------------
  const std::string& error() const noexcept { return error_; }
  /// Nobody listens there: the process is gone.
  bool refused() const noexcept { return refused_; }
  /// The address is our own.
  bool own_address() const noexcept { return own_; }

 private:
  void fail(std::string why);
  void connect(const std::string& address);
  void connected(caf::mailbox_element& m);
  void greet();
  void answer(cluster::introduction::step step, const caf::mailbox_element& m);

  link_context& context_;
  caf::actor_control_block* owner_;
  state state_ = state::idle;
  peer_address to_;
  bool looking_ = false;
  std::function<cluster::resume_point()> where_;
  std::uint64_t attempt_ = 0;
  std::uint64_t response_ = 0;  // id of CAF's answer
  std::int64_t deadline_ = 0;
  caf::strong_actor_ptr door_;
  std::optional<cluster::introduction> greeting_;
  caf::strong_actor_ptr remote_;
  std::string error_;
  bool refused_ = false;
  bool own_ = false;
};

}  // namespace troupe::link
