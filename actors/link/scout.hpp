#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <caf/actor_control_block.hpp>

namespace troupe::link {

/// Finds out whether somebody listens at an address, with a time limit: CAF's
/// own connect has none and blocks every other call meanwhile. Host names are
/// resolved here, so that CAF gets a numeric address.
///
/// Each call is a short-lived thread: looking up a name blocks for as long as
/// it likes. Any thread.
class scout {
 public:
  scout();
  ~scout();
  scout(const scout&) = delete;
  scout& operator=(const scout&) = delete;

  /// Sends `scouted{attempt, ...}` to `to`, unless retire() comes first. At
  /// most `limit_ms` for the connection itself.
  void look(const std::string& host, std::uint16_t port, std::int64_t limit_ms,
            std::uint64_t attempt, caf::strong_actor_ptr to);

  /// Nobody is told anything any more, and no handle is kept.
  void retire();

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

}  // namespace troupe::link
