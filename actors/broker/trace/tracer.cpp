#include "actors/broker/trace/tracer.hpp"

#include "actors/broker/remote/peers.hpp"
#include "actors/runtime/loop_coordinator.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace troupe::broker {
namespace {

std::int64_t system_micros() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

/// The way back of timers, which may outlive the tracer.
class tracer::clockwork {
 public:
  explicit clockwork(tracer& owner) : owner_(&owner) {}
  void ring() {
    const std::lock_guard lock(mutex_);
    if (owner_ == nullptr) return;
    const std::lock_guard held(owner_->mutex_);
    owner_->forget_old();
    owner_->publish();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    owner_ = nullptr;
  }

 private:
  std::mutex mutex_;
  tracer* owner_;
};

tracer::tracer(broker_context& context, std::string node, std::function<std::int64_t()> micros)
    : context_(context),
      node_(std::move(node)),
      micros_(micros ? std::move(micros) : system_micros),
      loops_(context.loops.loops()),
      clock_(std::make_shared<clockwork>(*this)) {
  published_.set(std::make_shared<const trace_set>());
  context_.traces = this;
}

tracer::~tracer() {
  context_.tracing.set({});
  clock_->end();
}

std::uint64_t tracer::node_number() const noexcept {
  return context_.remote != nullptr ? number(context_.remote->self()) : 0;
}

std::string tracer::start(const trace_spec& spec) {
  if (auto problem = problem_of(spec); !problem.empty()) return problem;
  if (spec.slot >= trace_spec::slots) return "slot";
  const auto now = context_.loops.time().wall_ms();
  const std::lock_guard lock(mutex_);
  forget_old();
  const auto same = std::ranges::find(traces_, spec.name, [](const one& t) { return t.spec.name; });
  if (same != traces_.end()) {
    if (same->spec == spec) return {};
    return "There is a trace \"" + spec.name + "\" already: delete it first.";
  }
  if (std::ranges::any_of(traces_, [&](const one& t) { return t.spec.slot == spec.slot; }))
    return "slot";
  if (traces_.size() >= trace_spec::most)
    return "There are " + std::to_string(trace_spec::most) + " traces already: delete one.";
  traces_.push_back({spec, std::make_shared<trace_ring>(spec.events), 0});
  publish();
  look_again_at(std::max(spec.ends_at(), now));
  look_again_at(std::max(spec.ends_at(), now) + kept_ms);
  return {};
}

bool tracer::stop(std::string_view name) {
  const auto now = context_.loops.time().wall_ms();
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(
      traces_, name, [](const one& t) -> std::string_view { return t.spec.name; });
  if (found == traces_.end()) return false;
  if (now < found->over_at()) found->stopped_at = now;
  publish();
  return true;
}

bool tracer::erase(std::string_view name, std::int64_t started_at) {
  const std::lock_guard lock(mutex_);
  const bool found =
      std::erase_if(traces_, [&](const one& t) {
        return t.spec.name == name && (started_at == 0 || t.spec.started_at == started_at);
      }) != 0;
  if (found) publish();
  return found;
}

std::vector<tracer::one> tracer::all() {
  const std::lock_guard lock(mutex_);
  forget_old();
  return traces_;
}

void tracer::forget_old() {
  const auto now = context_.loops.time().wall_ms();
  std::erase_if(traces_, [&](const one& t) { return now >= t.over_at() + kept_ms; });
}

/// With the lock.
void tracer::publish() {
  const auto now = context_.loops.time().wall_ms();
  std::vector<trace_set::running> running;
  for (const auto& t : traces_)
    if (now < t.over_at()) running.push_back({t.spec, t.events});
  auto set = std::make_shared<const trace_set>(std::move(running), ++version_);
  const auto setting = set->setting();
  published_.set(std::move(set));
  context_.tracing.set(setting);
}

void tracer::look_again_at(std::int64_t wall_ms) {
  auto& loop = context_.loops.loop(0);
  const auto wait = std::chrono::milliseconds(
      std::max<std::int64_t>(wall_ms - context_.loops.time().wall_ms(), 0) + 1);
  loop.post([&loop, wait, clock = clock_] {
    auto timer = std::make_shared<boost::asio::steady_timer>(loop.io(), wait);
    timer->async_wait([timer, clock](const boost::system::error_code& cancelled) {
      if (!cancelled) clock->ring();
    });
  });
}

const trace_set& tracer::here() {
  static const trace_set none;
  const auto* loop = runtime::run_loop::current();
  if (loop == nullptr) return none;
  auto& mine = loops_[loop->index()];
  if (const auto version = published_.version(); !mine.set || mine.version != version) {
    mine.version = version;
    mine.set = published_.get();
  }
  return *mine.set;
}

std::uint64_t tracer::next_number() {
  const auto* loop = runtime::run_loop::current();
  if (loop == nullptr) return 0;
  auto& mine = loops_[loop->index()];
  // 48 bits: this life of the node, the loop, a counter.
  return (context_.run_id & 0xFFFF) << 32 | (std::uint64_t{loop->index()} & 0xFF) << 24 |
         (++mine.numbers & 0xFF'FFFF);
}

}  // namespace troupe::broker
