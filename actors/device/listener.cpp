#include "actors/device/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "actors/device/interfaces.hpp"
#include "actors/runtime/payload.hpp"

namespace troupe::device {

namespace {

/// How long the connection was in the kernel's backlog; 0 if that is not known. Nothing was sent
/// on it since it was established.
std::int64_t waited_ms(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  const bool told = ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  return told ? info.tcpi_last_data_sent : 0;
}

observe::counter deferred_as(deferral why) {
  switch (why) {
    case deferral::in_progress:
      return observe::counter::connects_deferred_in_progress;
    case deferral::lag:
      return observe::counter::connects_deferred_lag;
    default:
      return observe::counter::connects_deferred_rate;
  }
}

}  // namespace

listener::listener(caf::actor_config& cfg, std::vector<std::unique_ptr<device_loop>>& loops,
                   std::unique_ptr<net::acceptor> acceptor,
                   std::shared_ptr<const listener_settings> settings,
                   std::shared_ptr<std::atomic<std::uint64_t>> count,
                   broker::broker_context& context, connect_gate& gate)
    : lean_actor(cfg),
      loops_(loops),
      acceptor_(std::move(acceptor)),
      settings_(std::move(settings)),
      count_(std::move(count)),
      context_(context),
      gate_(gate) {}

std::chrono::milliseconds listener::may_enter() {
  const auto now = home()->now();
  const auto said = gate_.ask(now);
  if (said.why != deferral::none) {
    last_deferral_ = said.why;
    deferred_at_ = now;
  }
  return std::chrono::milliseconds(said.wait_ms);
}

void listener::accepted(int fd, std::string peer, bool loopback) {
  const auto now = home()->now();
  // It waited for the gate if it was there when that said no.
  std::int64_t waited = 0;
  if (last_deferral_ != deferral::none && gate_.deferred_lately(now)) {
    waited = waited_ms(fd);
    if (waited > now - deferred_at_) context_.count(deferred_as(last_deferral_));
  }
  gate_.enter(now, waited);
  loops_[next_++ % loops_.size()]->take(fd, std::move(peer), loopback, settings_, count_);
}

void listener::describe(runtime::actor_description& to) const {
  to.serves = settings_->name;
}

void listener::receive(caf::mailbox_element& m) {
  if (auto* reload = runtime::mutable_payload<listener_reload>(m)) {
    settings_ = std::move(reload->settings);
  } else if (runtime::mutable_payload<listener_stop>(m) != nullptr) {
    acceptor_->stop();
    quit(caf::exit_reason::normal);
  }
}

void listener::on_exit(const caf::error& reason) {
  acceptor_.reset();
  lean_actor::on_exit(reason);
}

}  // namespace troupe::device
