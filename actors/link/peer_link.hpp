#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/link/interfaces.hpp"
#include "actors/link/link_context.hpp"
#include "actors/link/outgoing_call.hpp"
#include "actors/runtime/flushable.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "cluster/link/pairing.hpp"

namespace troupe::link {

/// Keeps the link with one node: makes the connection (if its own id is the
/// lower), carries the frames of the pairing, asks questions, and ends the
/// pairing when the peer is gone. Lives on the loop of the links as long as
/// its node is wanted.
class peer_link final : public runtime::lean_actor,
                        private runtime::flushable,
                        private runtime::timer_entry,
                        private cluster::pairing_events {
 public:
  peer_link(caf::actor_config& cfg, std::shared_ptr<link_context> context, peer_address where,
            link_record& record);

  const char* name() const override { return "peer_link"; }
  void describe(runtime::actor_description& to) const override;
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  // -- connection ------------------------------------------------------------------
  bool dials() const;
  void plan_call(std::int64_t delay_ms);
  void call();
  void look_at_call();
  void call_failed();
  void take_caller(introduced& who);
  void welcome_caller();
  void connected(const cluster::acquaintance& who, const caf::strong_actor_ptr& remote);
  void connection_lost(const std::string& why);
  void drop_remote();
  void look_for_caller();
  void leave_if_guest();

  // -- pairing -----------------------------------------------------------------------
  bool resumable(const cluster::acquaintance& who) const;
  void begin(const cluster::acquaintance& who);
  void end(const std::string& why, bool tell_peer);
  void take_blob(const std::string& bytes);
  void send_out();
  void frame_arrived(cluster::channel to, std::string_view bytes) override;
  void question_arrived(std::uint64_t number) override;
  void frames_settled(std::size_t cost) override;

  // -- time, figures ---------------------------------------------------------------------
  void flush_turn() override;
  void on_timer() override;
  void plan_timer();
  void update_figures();
  void note_error(const std::string& why);

  std::shared_ptr<link_context> context_;
  peer_address where_;
  link_record& record_;
  outgoing_call call_;
  std::int64_t call_at_ = 0;  // 0: no call is planned
  std::int64_t retry_ms_ = 0;
  std::uint64_t scouting_ = 0;  // not 0: looking whether the node that should call us is there

  std::shared_ptr<cluster::introduction> caller_;  // proven, our actors are being asked
  caf::strong_actor_ptr caller_handle_;
  std::uint64_t caller_attempt_ = 0;

  caf::strong_actor_ptr remote_;
  std::optional<cluster::pairing> pairing_;
  std::uint64_t number_ = 0;           // of the pairing
  std::uint64_t incarnation_ = 0;      // of the peer in it
  std::vector<cluster::frame> fresh_;  // kept for its capacity
  std::string batch_;
  link_figures counts_;                // of the loop; copied into the record
  std::int64_t guest_since_ = 0;       // the last time that there was a pairing
  bool started_ = false;
};

}  // namespace troupe::link
