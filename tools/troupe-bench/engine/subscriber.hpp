#pragma once

#include "tools/troupe-bench/engine/session_client.hpp"
#include "tools/troupe-bench/measure/sequence_checker.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace troupe::bench {

/// What a subscriber may get.
struct expected_messages {
  /// Publishers [first, first + count) by their number.
  std::uint32_t first = 0;
  std::uint32_t count = 1;
  group_ledger* group = nullptr;  // not null: in any order, together with the others of its group
  bool retained = false;          // marked as retained, on a topic that ends with the number
};

/// Takes the messages of its subscription, acknowledges and checks them.
class subscriber final : public session_client {
 public:
  subscriber(worker& home, const connect_settings& how, client_terms terms, const run_plan& plan,
             std::span<publisher_flow> flows, std::string filter, expected_messages expected);

  /// Of publisher first + `offset`; without a group. When the worker has ended.
  const sequence_checker& of(std::uint32_t offset) const { return checkers_[offset]; }
  const expected_messages& expected() const noexcept { return expected_; }

 private:
  void on_packet(const mqtt::frame& packet, std::int64_t now) override;
  void on_publish(const mqtt::frame& packet, std::int64_t now);
  void on_message(const mqtt::frame& packet, std::string_view topic, std::string_view payload,
                  std::int64_t now);
  bool as_sent(const mqtt::frame& packet, std::string_view topic, std::string_view payload,
               std::uint32_t sequence) const;
  void give_room(publisher_flow& flow, std::uint32_t sequence);

  std::span<publisher_flow> flows_;
  expected_messages expected_;
  std::vector<sequence_checker> checkers_;
};

}  // namespace troupe::bench
