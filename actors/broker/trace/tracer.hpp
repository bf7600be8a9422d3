#pragma once

#include "actors/broker/context.hpp"
#include "actors/broker/inspect/inspector.hpp"
#include "actors/broker/trace/trace_set.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::broker {

/// The traces of this node: those that run, and those that are over, until somebody deletes them
/// or an hour has passed. The run loops see those that run as a snapshot, without a lock. Made
/// before the first actor, outlives the last. Any thread.
class tracer {
 public:
  /// How long what a trace has seen is kept after its end.
  static constexpr std::int64_t kept_ms = 3'600'000;

  /// `micros`: wall time in microseconds; none: the system's.
  tracer(broker_context& context, std::string node, std::function<std::int64_t()> micros = {});
  ~tracer();
  tracer(const tracer&) = delete;
  tracer& operator=(const tracer&) = delete;

  struct one {
    trace_spec spec;
    std::shared_ptr<trace_ring> events;
    std::int64_t stopped_at = 0;  // 0: nobody has
    /// When it is over, or was: wall milliseconds.
    std::int64_t over_at() const noexcept { return stopped_at != 0 ? stopped_at : spec.ends_at(); }
  };

  /// Empty, or why not, in a sentence; "slot" if only its place is taken. The same one again is
  /// no mistake.
  std::string start(const trace_spec& spec);
  /// False: there is none of that name.
  bool stop(std::string_view name);
  /// `started_at`: only the one that began then; 0: whenever it did.
  bool erase(std::string_view name, std::int64_t started_at = 0);
  std::vector<one> all();

  const std::string& node() const noexcept { return node_; }
  std::uint64_t node_number() const noexcept;
  broker_context& context() const noexcept { return context_; }

  // --- for hops, while broker_context::tracing is set; on a run loop ---

  /// What runs, as the calling loop knows it until its next call.
  const trace_set& here();
  /// For a message that is published, unique in the cluster.
  std::uint64_t next_number();
  std::int64_t now_us() const { return micros_(); }

 private:
  struct alignas(64) seen_by_loop {
    std::shared_ptr<const trace_set> set;
    std::uint64_t version = 0;
    std::uint64_t numbers = 0;
  };
  class clockwork;

  void forget_old();
  void publish();
  void look_again_at(std::int64_t wall_ms);

  broker_context& context_;
  const std::string node_;
  const std::function<std::int64_t()> micros_;
  std::vector<seen_by_loop> loops_;
  reloadable<trace_set> published_;
  std::mutex mutex_;
  std::vector<one> traces_;
  std::uint32_t version_ = 0;
  std::shared_ptr<clockwork> clock_;
};

/// "traces", "trace_start", "trace_stop", "trace_delete", "trace_log".
void add_trace_questions(inspector& to, tracer& traces);

}  // namespace troupe::broker
