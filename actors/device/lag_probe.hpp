#pragma once

#include <caf/intrusive_ptr.hpp>

#include "actors/device/connect_gate.hpp"
#include "actors/runtime/run_loop.hpp"
#include "actors/runtime/time/timer_wheel.hpp"
#include "protocol/net/ready_handler.hpp"

namespace troupe::device {

/// Measures what a packet goes through on a run loop: how long a socket that is ready waits to be
/// read, and an actor that it wakes to run. Ten times a second while connections come, not at all
/// otherwise. Made and used on that loop.
class lag_probe final : private net::ready_handler, private runtime::timer_entry {
 public:
  /// Without a descriptor for it nothing is measured.
  lag_probe(runtime::run_loop& loop, connect_gate& gate);
  ~lag_probe();
  lag_probe(const lag_probe&) = delete;
  lag_probe& operator=(const lag_probe&) = delete;

  /// A connection has come: measure, if that is not going on.
  void connection_came() {
    if (!running_) begin();
  }

 private:
  class passage;

  void begin();
  void passed();
  void on_ready(unsigned events) override;
  void on_deferred() override {}
  void on_deadline() override {}
  void on_timer() override;

  runtime::run_loop& loop_;
  connect_gate& gate_;
  caf::intrusive_ptr<passage> passage_;
  int event_ = -1;
  bool running_ = false;
};

}  // namespace troupe::device
