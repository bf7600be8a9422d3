#include "actors/device/device_loop.hpp"

#include <unistd.h>

#include <utility>

#include "actors/device/connection.hpp"
#include "actors/observe/log.hpp"
#include "protocol/net/peer/network_set.hpp"

namespace troupe::device {

using observe::counter;

namespace {

// What the writer may be behind before publishers are held back, and how often
// to look whether it has caught up.
constexpr std::uint64_t store_backlog_limit = 64ULL << 20;
constexpr std::int64_t store_poll_ms = 20;
constexpr std::size_t kept_packets = 1024;  // in the batch that is used again

}  // namespace

device_loop::device_loop(broker::broker_context& context, runtime::run_loop& loop,
                         connection_counts& counts)
    : context_(context),
      loop_(loop),
      counts_(counts),
      counters_(context.counters.block(loop.index())),
      latencies_(context.counters.latencies(loop.index())),
      net_{loop.io(), loop.scratch()},
      next_number_(1 + loop.index()) {}

device_loop::~device_loop() {
  for (auto& [number, port] : std::exchange(table(), {})) delete of(port);
}

connection* device_loop::of(broker::device_port* port) noexcept {
  return static_cast<connection*>(port);
}

void device_loop::take(int fd, std::string peer, bool loopback,
                       std::shared_ptr<const listener_settings> settings,
                       std::shared_ptr<std::atomic<std::uint64_t>> listener_count) {
  const bool posted =
      loop_.post([this, fd, peer = std::move(peer), loopback, settings = std::move(settings),
                  listener_count = std::move(listener_count)]() mutable {
        add(fd, std::move(peer), loopback, std::move(settings), std::move(listener_count));
      });
  if (posted) return;
  gate().leave();
  ::close(fd);
}

void device_loop::add(int fd, std::string peer, bool loopback,
                      std::shared_ptr<const listener_settings> settings,
                      std::shared_ptr<std::atomic<std::uint64_t>> listener_count) {
  context_.count(counter::connections_accepted);
  if (!probe_) probe_ = std::make_unique<lag_probe>(loop_, gate());
  probe_->connection_came();
  const bool node_full = counts_.limit != 0 && counts_.open.load() >= counts_.limit;
  const bool listener_full =
      settings->max_connections != 0 && listener_count->load() >= settings->max_connections;
  if (node_full || listener_full || context_.stopping.load()) {
    gate().leave();
    context_.count(counter::connections_refused_limit);
    context_.count(counter::connections_closed);
    ::close(fd);
    return;
  }
  if (const auto& proxies = settings->transport.proxies; proxies && !proxies->contains(peer)) {
    gate().leave();
    context_.count(counter::connections_refused_proxy);
    context_.count(counter::connections_closed);
    observe::log_limited(observe::log_module::net, observe::log_level::warning,
                         "A connection from elsewhere than a trusted proxy was refused",
                         {{"listener", settings->name}, {"address", peer}});
    ::close(fd);
    return;
  }
  const auto open = counts_.open.fetch_add(1) + 1;
  auto most = counts_.maximum.load();
  while (most < open && !counts_.maximum.compare_exchange_weak(most, open)) {
  }
  // Unique in the node: a session that moves to another loop hears the end of
  // connections of both.
  const auto number = next_number_;
  next_number_ += context_.devices.size();
  auto made = std::make_unique<connection>(*this, number, std::move(settings),
                                           std::move(listener_count));
  auto& c = *made;
  table().emplace(number, &c);
  made.release();  // the table owns it now
  c.start(net_, fd, std::move(peer), loopback);
}

connection* device_loop::find(std::uint64_t number) {
  auto it = table().find(number);
  return it == table().end() ? nullptr : of(it->second);
}

void device_loop::remove(std::uint64_t number) {
  auto node = table().extract(number);
  if (node.empty()) return;
  counts_.open.fetch_sub(1);
  context_.count(counter::connections_closed);
  loop_.destroy_later(std::unique_ptr<connection>(of(node.mapped())));
}

broker::client_batch& device_loop::batch() {
  if (!batch_) batch_ = std::move(spare_batch_);
  if (!batch_) batch_ = std::make_shared<broker::client_batch>();
  return *batch_;
}

void device_loop::give_batch(std::shared_ptr<broker::client_batch>&& batch) noexcept {
  const auto done = std::move(batch);
  if (!done || done.use_count() != 1 || done->packets.capacity() > kept_packets) return;
  // Whoever had it before may have let go of it on another thread.
  std::atomic_thread_fence(std::memory_order_acquire);
  done->held.give_back();
  done->packets.clear();
  spare_batch_ = done;
}

bool device_loop::store_is_behind() const {
  return context_.store.backlog_bytes() > store_backlog_limit;
}

void device_loop::wait_for_store(std::uint64_t number) {
  waiting_for_store_.push_back(number);
  if (!scheduled()) loop_.timers().schedule(*this, loop_.now() + store_poll_ms);
}

void device_loop::on_timer() {
  if (store_is_behind()) {
    loop_.timers().schedule(*this, loop_.now() + store_poll_ms);
    return;
  }
  for (auto number : std::exchange(waiting_for_store_, {}))
    if (auto* c = find(number)) c->store_caught_up();
}

void device_loop::close_all() {
  for (auto& [number, port] : table()) port->disconnect(mqtt::reason_code::server_shutting_down, "");
}

void device_loop::send_elsewhere(std::atomic<std::int64_t>& left) {
  for (auto& [number, port] : table()) {
    if (left.load() <= 0) return;
    if (left.fetch_sub(1) <= 0) return;
    if (of(port)->send_elsewhere())
      counters_.add(counter::clients_redirected_connected);
    else
      left.fetch_add(1);
  }
}

}  // namespace troupe::device
