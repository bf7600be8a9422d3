#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <caf/actor_control_block.hpp>

namespace troupe::link {

/// Finds out whether somebody listens at an address, and passes the gate there,
/// with a time limit: CAF's own connect has none and blocks every other call
/// meanwhile. Host names are resolved here, so that CAF gets a numeric address.
///
/// Each call is a short-lived thread: looking up a name blocks for as long as
/// it likes. Any thread.
class scout {
 public:
  scout();
  ~scout();
  scout(const scout&) = delete;
  scout& operator=(const scout&) = delete;

  struct task {
    std::string host;
    std::uint16_t port = 0;
    std::int64_t limit_ms = 0;  ///< For the connection, and again for each answer of a gate.
    std::uint64_t attempt = 0;
    std::string secret;  ///< To pass the gate with; "": only look.
  };
  /// Sends `scouted{attempt, ...}` to `to`, unless retire() comes first.
  void look(task what, caf::strong_actor_ptr to);

  /// Nobody is told anything any more, and no handle is kept.
  void retire();

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

}  // namespace troupe::link
