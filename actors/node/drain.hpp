#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/broker/context.hpp"
#include "actors/device/device_loop.hpp"
#include "actors/observe/snapshot.hpp"
#include "actors/runtime/time/timer_wheel.hpp"

namespace troupe::node {

/// How many clients are to leave at each look at the clock, so that `rate` of them
/// leave in a second, without a clock of its own.
class drain_pace {
 public:
  /// `rate`: clients per second, not 0. `now`: milliseconds of a clock that never
  /// goes back.
  drain_pace(std::uint32_t rate, std::int64_t now) : rate_(rate), last_(now) {}

  /// Those due since the last call. Of a pause longer than a second only one second
  /// counts: who could not look for long does not send everybody away at once.
  std::uint32_t due(std::int64_t now);

 private:
  std::uint32_t rate_;
  std::int64_t last_;
  std::int64_t earned_ = 0;  // thousandths of a client
};

/// Empties a node of its clients: new ones are refused, those that are there are
/// told to use another server, a few at each tick of a timer.
///
///     serving --begin--> draining --end--> serving
///
/// It ends only when told to, or with the process; the store knows nothing of it. A
/// member of the node actor, used on its run loop alone.
class drain final : private runtime::timer_entry {
 public:
  using loops = std::vector<std::unique_ptr<device::device_loop>>;

  /// `configured`: the server that clients are told of unless an order names another.
  drain(broker::broker_context& context, const loops& devices, std::string configured);

  /// Begins; while draining, changes rate and reference.
  void begin(const observe::drain_order& order);
  /// Clients are welcome again; those that were sent away find out by themselves.
  void end();
  /// A reload.
  void configured(std::string server_reference);
  /// No more ticks: the node stops.
  void cancel();
  observe::drain_figures figures() const;

 private:
  void on_timer() override;
  void plan();
  void tell_reference();
  runtime::run_loop& loop() const;

  broker::broker_context& context_;
  const loops& devices_;
  std::string configured_;
  std::optional<std::string> ordered_;
  std::optional<drain_pace> pace_;  // while draining
  std::uint32_t rate_ = 0;
  bool empty_ = false;  // and the log has said so
};

}  // namespace troupe::node
