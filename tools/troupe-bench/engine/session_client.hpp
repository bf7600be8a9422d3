#pragma once

#include "tools/troupe-bench/engine/client.hpp"

#include <cstdint>
#include <string>

namespace troupe::bench {

/// A client that subscribes when it is first connected, and finds its session again
/// whenever it comes back: without it, a subscription is lost and the run fails.
class session_client : public client {
 public:
  /// An empty `filter`: no subscription.
  session_client(worker& home, const connect_settings& how, client_terms terms,
                 const run_plan& plan, std::string filter);

 protected:
  /// Connected and subscribed; after it was counted as ready.
  virtual void on_ready() {}
  void on_packet(const mqtt::frame& packet, std::int64_t now) override;

  const run_plan& plan() const noexcept { return plan_; }
  /// Of what began at `begin`, if that is measured; ns.
  void record_latency(std::int64_t begin, std::int64_t end);

 private:
  void on_open(bool session_present) final;
  void ready();

  const run_plan& plan_;
  std::string filter_;
  bool subscribed_ = false;
};

}  // namespace troupe::bench
