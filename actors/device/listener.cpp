#include "actors/device/listener.hpp"

#include "actors/device/interfaces.hpp"
#include "actors/runtime/payload.hpp"

namespace troupe::device {

listener::listener(caf::actor_config& cfg, std::vector<std::unique_ptr<device_loop>>& loops,
                   std::unique_ptr<net::acceptor> acceptor,
                   std::shared_ptr<const listener_settings> settings,
                   std::shared_ptr<std::atomic<std::uint64_t>> count)
    : lean_actor(cfg),
      loops_(loops),
      acceptor_(std::move(acceptor)),
      settings_(std::move(settings)),
      count_(std::move(count)) {}

void listener::accepted(int fd, std::string peer, bool loopback) {
  loops_[next_++ % loops_.size()]->take(fd, std::move(peer), loopback, settings_, count_);
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
