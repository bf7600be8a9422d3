#include "actors/node/drain.hpp"

#include <algorithm>
#include <atomic>

#include "actors/observe/log.hpp"
#include "actors/runtime/loop_coordinator.hpp"

namespace troupe::node {

using observe::log_event;
using observe::log_level;
using observe::log_module;

namespace {

constexpr std::int64_t tick_ms = 100;
constexpr std::int64_t longest_pause_ms = 1'000;

}  // namespace

std::uint32_t drain_pace::due(std::int64_t now) {
  const auto passed = std::clamp<std::int64_t>(now - last_, 0, longest_pause_ms);
  last_ = std::max(last_, now);
  earned_ += passed * rate_;
  const auto whole = earned_ / 1'000;
  earned_ %= 1'000;
  return static_cast<std::uint32_t>(whole);
}

drain::drain(broker::broker_context& context, const loops& devices, std::string configured)
    : context_(context), devices_(devices), configured_(std::move(configured)) {
  tell_reference();
}

runtime::run_loop& drain::loop() const { return *runtime::run_loop::current(); }

void drain::begin(const observe::drain_order& order) {
  if (order.server_reference) ordered_ = order.server_reference;
  rate_ = order.rate;
  tell_reference();
  pace_.emplace(rate_, loop().now());
  context_.draining.store(true);
  empty_ = false;
  log_event(log_module::node, log_level::info, "Draining: clients are sent to other servers",
            {{"rate", rate_},
             {"connected", context_.connected.load()},
             {"reference", ordered_.value_or(configured_)}});
  plan();
}

void drain::end() {
  if (!pace_) return;
  cancel();
  pace_.reset();
  ordered_.reset();
  tell_reference();
  rate_ = 0;
  context_.draining.store(false);
  log_event(log_module::node, log_level::info, "No longer draining: clients are welcome");
}

void drain::configured(std::string server_reference) {
  configured_ = std::move(server_reference);
  tell_reference();
}

void drain::tell_reference() {
  context_.server_reference.set(
      std::make_shared<const std::string>(ordered_.value_or(configured_)));
}

void drain::cancel() {
  if (scheduled()) loop().timers().cancel(*this);
}

void drain::plan() { loop().timers().schedule(*this, loop().now() + tick_ms); }

void drain::on_timer() {
  if (!pace_ || context_.stopping.load()) return;
  plan();
  const auto due = pace_->due(loop().now());
  if (context_.connected.load() == 0) {
    if (!std::exchange(empty_, true))
      log_event(log_module::node, log_level::info, "Drained: no client is connected");
    return;
  }
  empty_ = false;
  if (due == 0) return;
  // Clients are spread unevenly: every loop takes from the same heap until it is gone.
  const auto left = std::make_shared<std::atomic<std::int64_t>>(due);
  for (const auto& devices : devices_)
    devices->loop().post([&devices = *devices, left] { devices.send_elsewhere(*left); });
}

observe::drain_figures drain::figures() const {
  observe::drain_figures f;
  f.draining = pace_.has_value();
  f.rate = rate_;
  f.remaining = f.draining ? context_.connected.load() : 0;
  f.server_reference = ordered_.value_or(configured_);
  return f;
}

}  // namespace troupe::node
