#pragma once

#include "tools/troupe-bench/engine/client.hpp"
#include "tools/troupe-bench/engine/publish_template.hpp"
#include "tools/troupe-bench/engine/worker.hpp"

#include <cstdint>
#include <deque>

namespace troupe::bench {

/// Sends numbered messages: in a closed loop as long as there is room in its
/// window, in an open loop when they are due.
class publisher final : public client, public paced {
 public:
  publisher(worker& home, const connect_settings& how, client_terms terms, const run_plan& plan,
            publisher_flow& flow, std::uint32_t number, publish_template with);

  /// Sends what there is room for. Closed loop.
  void refill();
  /// A message is due that was meant to leave at `intended`. Open loop.
  void owe(std::int64_t intended) override;

  /// Messages that have left; on the worker's thread, or when it has ended.
  std::uint64_t sent() const noexcept { return next_; }
  /// Due and not sent, because the broker does not acknowledge.
  std::size_t owed() const noexcept { return owed_.size(); }

 private:
  void on_open(bool session_present) override;
  void on_packet(const mqtt::frame& packet, std::int64_t now) override;
  void on_ack(const mqtt::frame& packet);
  void acked();
  void send_one(std::int64_t intended);
  void send_owed();
  std::uint64_t under_way() const noexcept;

  const run_plan& plan_;
  publisher_flow& flow_;
  publish_template template_;
  std::deque<std::int64_t> owed_;
  std::uint64_t next_ = 0;
  std::uint64_t acked_ = 0;
  std::uint32_t number_;
  mqtt::packet_id id_ = 0;
};

}  // namespace troupe::bench
