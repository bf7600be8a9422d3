#include "actors/link/links.hpp"

#include <future>
#include <set>
#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>
#include <caf/openssl/publish.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/link/door.hpp"
#include "actors/link/link_context.hpp"
#include "actors/link/seeker.hpp"
#include "actors/link/tell.hpp"
#include "actors/observe/log.hpp"

namespace troupe::link {

using observe::log_event;
using observe::log_level;
using observe::log_module;

struct links::handles {
  caf::strong_actor_ptr door;
  std::vector<caf::strong_actor_ptr> seekers;  // on the loop; ended ones are swept
};

links::links(caf::actor_system& system, runtime::run_loop& loop, link_settings settings,
             cluster::network_events& events, link_hooks hooks)
    : context_(std::make_shared<link_context>(system, loop, std::move(settings), events,
                                              std::move(hooks))),
      handles_(std::make_unique<handles>()) {}

links::~links() { stop(); }

std::string links::start() {
  auto& c = *context_;
  auto& system = c.system;
  if (!system.has_middleman()) return "The actor system was not prepared for links";
  if (c.settings.terms.secret.empty()) return "A cluster needs a secret";
  if (c.settings.terms.cluster.empty()) return "A cluster needs a name";
  if (c.settings.terms.self.node == cluster::no_node || c.settings.terms.self.incarnation == 0)
    return "This node has no id";
  const bool tls = system.has_openssl_manager();
  c.middleman = caf::actor_cast<caf::strong_actor_ptr>(
      tls ? system.openssl_manager().actor_handle() : system.middleman().actor_handle());
  auto handle = runtime::spawn_lean<link::door>(system, &c.loop, context_);
  handles_->door = caf::actor_cast<caf::strong_actor_ptr>(handle);
  started_ = true;
  const char* at = c.settings.bind.empty() ? nullptr : c.settings.bind.c_str();
  auto opened = tls ? caf::openssl::publish(system, handles_->door, std::set<std::string>{},
                                            c.settings.port, at, true)
                    : system.middleman().publish(handle, c.settings.port, at, true);
  if (!opened) {
    stop();
    return "The cluster port " + c.settings.bind + ":" + std::to_string(c.settings.port) +
           " cannot be opened: " + system.render(opened.error());
  }
  port_ = *opened;
  c.loop.post([context = context_, port = port_] {
    auto& mine = context->settings.terms.self.port;
    if (mine == 0) mine = port;
  });
  if (!tls)
    log_event(log_module::cluster, log_level::warning,
              "The links have no TLS: whoever reaches the cluster port can use up this node's "
              "memory and read what is sent; keep the port private",
              {{"bind", c.settings.bind}, {"port", port_}});
  return {};
}

bool links::send(cluster::node_id to, cluster::frame what) {
  auto* record = context_->record_of(to);
  return record != nullptr && record->box.send(std::move(what));
}

void links::set_peers(std::vector<peer_address> peers) {
  context_->loop.post([context = context_, peers = std::move(peers)] {
    auto& c = *context;
    std::set<cluster::node_id> named;
    for (const auto& each : peers) {
      named.insert(each.node);
      if (c.link_with(each)) c.links[each.node].member = true;
    }
    for (auto at = c.links.begin(); at != c.links.end();) {
      if (!at->second.member || named.contains(at->first)) {
        ++at;
        continue;
      }
      tell(at->second.actor, part{"It is no longer a member"});
      at = c.links.erase(at);
    }
  });
}

void links::find(std::string host, std::uint16_t port) {
  context_->loop.post([this, context = context_, host = std::move(host), port] {
    auto& c = *context;
    if (c.stopping) return;
    auto& all = handles_->seekers;
    std::erase_if(all, [](auto& each) {
      return static_cast<seeker*>(caf::actor_cast<caf::abstract_actor*>(each))->ended();
    });
    all.push_back(caf::actor_cast<caf::strong_actor_ptr>(
        runtime::spawn_lean<seeker>(c.system, &c.loop, context, host, port)));
    tell(all.back(), outbox_filled{});  // its first message starts it
  });
}

std::vector<link_figures> links::figures() const {
  std::vector<link_figures> all;
  const std::shared_lock lock(context_->records_mutex);
  for (const auto& [node, record] : context_->records) {
    link_figures x;
    {
      const std::lock_guard one(record->mutex);
      x = record->figures;
    }
    const auto counted = record->box.now();
    x.window_bytes = counted.used;
    x.window_peak = counted.peak;
    x.frames_sent = counted.frames;
    x.bytes_sent = counted.bytes;
    x.frames_dropped = counted.dropped;
    all.push_back(std::move(x));
  }
  return all;
}

void links::stop(std::chrono::milliseconds limit) {
  if (!std::exchange(started_, false)) return;
  auto& c = *context_;
  const auto deadline = std::chrono::steady_clock::now() + limit;
  auto& system = c.system;
  // No new callers; then all say goodbye.
  if (port_ != 0)
    system.middleman().unpublish(caf::actor_cast<caf::actor>(handles_->door), port_);
  // From here on nothing begins any more, so what was posted with `this` before is done.
  auto ended = std::make_shared<std::promise<void>>();
  auto done = ended->get_future();
  auto end_all = [context = context_, parts = handles_.get(), ended] {
    auto& on_loop = *context;
    on_loop.stopping = true;
    on_loop.probe.retire();
    for (auto& [node, link] : on_loop.links) tell(link.actor, part{"The node stops"});
    for (auto& each : parts->seekers) tell(each, part{});
    tell(parts->door, part{});
    on_loop.links.clear();
    parts->seekers.clear();
    parts->door = nullptr;
    on_loop.middleman = nullptr;
    // Behind their last messages, for they are on this loop.
    on_loop.loop.post([ended] { ended->set_value(); });
  };
  if (c.loop.post(end_all)) done.wait_until(deadline);
}

}  // namespace troupe::link
