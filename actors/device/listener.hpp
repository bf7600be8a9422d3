#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/device/connect_gate.hpp"
#include "actors/device/device_loop.hpp"
#include "actors/device/listener_settings.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "protocol/net/acceptor.hpp"

namespace troupe::device {

/// Opened by the node before the loops run, so that a port in use is an error
/// at start. Pinned to one run loop, where it accepts; each connection goes to
/// the next loop in turn. When the gate of the node says so, those that come wait in the kernel's backlog.
class listener final : public runtime::lean_actor {
 public:
  listener(caf::actor_config& cfg, std::vector<std::unique_ptr<device_loop>>& loops,
           std::unique_ptr<net::acceptor> acceptor,
           std::shared_ptr<const listener_settings> settings,
           std::shared_ptr<std::atomic<std::uint64_t>> count, broker::broker_context& context,
           connect_gate& gate);
  const char* name() const override { return "listener"; }
  void describe(runtime::actor_description& to) const override;

  /// By the acceptor's callbacks, on its loop.
  void accepted(int fd, std::string peer, bool loopback);
  std::chrono::milliseconds may_enter();

 protected:
  void receive(caf::mailbox_element& m) override;
  void on_exit(const caf::error& reason) override;

 private:
  std::vector<std::unique_ptr<device_loop>>& loops_;
  std::unique_ptr<net::acceptor> acceptor_;
  std::shared_ptr<const listener_settings> settings_;
  std::shared_ptr<std::atomic<std::uint64_t>> count_;
  broker::broker_context& context_;
  connect_gate& gate_;
  deferral last_deferral_ = deferral::none;
  std::int64_t deferred_at_ = 0;
  std::size_t next_ = 0;
};

}  // namespace troupe::device
