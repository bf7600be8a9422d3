#pragma once

#include "tools/troupe-bench/engine/session_client.hpp"

namespace troupe::bench {

class turnstile;

/// A client that is there and nothing more; a message for it is a fault.
class guest final : public session_client {
 public:
  /// `door` is told when the guest is there; null: nobody is.
  guest(worker& home, const connect_settings& how, client_terms terms, const run_plan& plan,
        std::string filter = {}, turnstile* door = nullptr)
      : session_client(home, how, std::move(terms), plan, std::move(filter)), door_(door) {}

 private:
  void on_ready() override;
  void on_packet(const mqtt::frame& packet, std::int64_t now) override;

  turnstile* door_;
};

}  // namespace troupe::bench
