#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/broker/context.hpp"
#include "actors/broker/messages.hpp"
#include "actors/device/connect_gate.hpp"
#include "actors/device/lag_probe.hpp"
#include "actors/device/listener_settings.hpp"
#include "actors/runtime/run_loop.hpp"
#include "actors/runtime/time/timer_wheel.hpp"
#include "protocol/net/loop_context.hpp"

namespace troupe::device {

class connection;

/// Sockets of the node, counted over all loops, and who lets them in.
struct connection_counts {
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> maximum{0};
  std::uint64_t limit = 0;
  std::unique_ptr<connect_gate> gate = std::make_unique<connect_gate>();
};

/// The connections of one run loop, which owns them. Used on that loop only
/// unless said otherwise.
class device_loop final : private runtime::timer_entry {
 public:
  device_loop(broker::broker_context& context, runtime::run_loop& loop, connection_counts& counts);
  ~device_loop();

  /// A connected socket, from any thread; the descriptor is owned from now on.
  void take(int fd, std::string peer, bool loopback,
            std::shared_ptr<const listener_settings> settings,
            std::shared_ptr<std::atomic<std::uint64_t>> listener_count);
  /// The connection of that number, or null.
  connection* find(std::uint64_t number);
  /// Called by a connection that is closed: destroys it at the end of the turn.
  void remove(std::uint64_t number);
  /// Reading goes on when the store has caught up.
  void wait_for_store(std::uint64_t number);
  bool store_is_behind() const;
  void close_all();
  /// Has clients told to use another server, as long as `left`, which all loops share,
  /// is above 0; takes one from it for each.
  void send_elsewhere(std::atomic<std::int64_t>& left);

  broker::broker_context& context() noexcept { return context_; }
  connect_gate& gate() noexcept { return *counts_.gate; }
  runtime::run_loop& loop() noexcept { return loop_; }
  /// Of this loop.
  observe::counter_block& counters() noexcept { return counters_; }
  observe::latency_block& latencies() noexcept { return latencies_; }
  /// Of the read at hand: one connection at a time reads.
  broker::client_batch& batch();
  /// What was put into it, or null: nothing.
  std::shared_ptr<broker::client_batch> take_batch() noexcept { return std::move(batch_); }
  /// A batch that was handled, or null: used again if nobody else has it.
  void give_batch(std::shared_ptr<broker::client_batch>&& batch) noexcept;
  /// Encoding space for one packet at a time.
  std::string& scratch() noexcept { return scratch_; }

 private:
  void add(int fd, std::string peer, bool loopback,
           std::shared_ptr<const listener_settings> settings,
           std::shared_ptr<std::atomic<std::uint64_t>> listener_count);
  void on_timer() override;
  /// Where sessions find the connections of this loop, which are in no other table: fifteen
  /// thousand quiet ones would pay 50 bytes each for a second.
  broker::device_table& table() noexcept { return context_.devices[loop_.index()]; }
  /// All of them are connections.
  static connection* of(broker::device_port* port) noexcept;

  broker::broker_context& context_;
  runtime::run_loop& loop_;
  connection_counts& counts_;
  observe::counter_block& counters_;
  observe::latency_block& latencies_;
  net::loop_context net_;
  std::vector<std::uint64_t> waiting_for_store_;
  std::string scratch_;
  std::shared_ptr<broker::client_batch> batch_;
  std::shared_ptr<broker::client_batch> spare_batch_;
  std::uint64_t next_number_;
  std::unique_ptr<lag_probe> probe_;  // made on the loop, with the first connection
};

}  // namespace troupe::device
