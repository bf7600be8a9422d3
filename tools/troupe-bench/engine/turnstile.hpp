#pragma once

#include "tools/troupe-bench/engine/guest.hpp"
#include "tools/troupe-bench/engine/worker.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace troupe::bench {

/// The connections of a storm, shared by the turnstiles of all workers.
struct visit_plan {
  std::atomic<std::uint64_t> next{0};
  std::uint64_t limit = UINT64_MAX;
  std::atomic<bool> going{true};
  std::uint32_t at_a_time = 1;  // per turnstile
  bool hold = false;            // guests stay
  /// Each connection has a client id of its own, by its number: an id that is used
  /// again would have the broker end a session that it may not have seen leaving.
  std::function<client_terms(std::uint64_t)> terms;

  std::optional<std::uint64_t> take() noexcept;
};

/// Lets guests in on one worker, so many at a time: in a closed loop the next one
/// when one is there, in an open loop when one is due. Guests leave as soon as they
/// are there unless the plan holds them. On the worker's thread.
class turnstile final : public paced {
 public:
  turnstile(worker& home, const connect_settings& how, const run_plan& run, visit_plan& visits);

  /// Closed loop: the first ones set out.
  void begin();
  /// Open loop.
  void owe(std::int64_t intended) override;
  /// By a guest that is there.
  void arrived(guest& who);
  /// Guests that stay leave.
  void empty();

 private:
  /// False: there are no more to come. `due` as for client::become().
  bool let_in(std::int64_t due);
  guest& somebody();

  worker& home_;
  const connect_settings& how_;
  const run_plan& run_;
  visit_plan& visits_;
  std::vector<std::unique_ptr<guest>> guests_;
  std::vector<guest*> free_;
  std::deque<std::int64_t> owed_;
  std::uint32_t under_way_ = 0;
};

}  // namespace troupe::bench
