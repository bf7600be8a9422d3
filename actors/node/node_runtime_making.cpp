// How the parts of a node are made, in the order of their making.
#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "actors/broker/topic_shard.hpp"
#include "actors/broker/wildcard_index.hpp"
#include "actors/node/admin/backup_questions.hpp"
#include "actors/node/node_runtime_parts.hpp"
#include "actors/node/shard_questions.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "cluster/shard_hash.hpp"

#include <charconv>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <random>

namespace troupe::node {

using broker::tell;
using observe::log_event;
using observe::log_level;
using observe::log_module;

namespace {

// A start that restores longer than this is stuck.
constexpr auto restore_timeout = std::chrono::minutes(10);

std::uint64_t new_run_id() {
  std::random_device source;
  return (std::uint64_t{source()} << 32 | source()) | 1;
}

}  // namespace

std::string node_runtime::parts::open_store() {
  std::error_code error;
  std::filesystem::create_directories(configuration->node.data_dir, error);
  if (error)
    return "Cannot make the data directory " + configuration->node.data_dir + ": " +
           error.message();
  storage::store_options options;
  options.directory = configuration->node.data_dir;
  options.shards = static_cast<std::uint16_t>(configuration->node.shards);
  options.replicated = cluster != nullptr;
  options.durability = configuration->durability.mode == config::durability_mode::fsync
                           ? storage::durability::fsync
                           : storage::durability::process;
  options.cache_bytes = configuration->durability.cache_size;
  options.retained_memory = configuration->durability.retained_memory;
  const auto shards = options.shards;
  options.shard_of = [shards](std::string_view topic) { return cluster::shard_of(topic, shards); };
  options.report = [](std::string_view sentence) {
    log_event(log_module::storage, log_level::warning, sentence);
  };
  auto opened = storage::open_store(std::move(options));
  store = std::move(opened.store);
  return store ? std::string{} : opened.error;
}

void node_runtime::parts::make_actors() {
  auto& options = system_configuration.runtime;
  options.loops = configuration->node.run_loops;
  options.on_failure = [](const runtime::failure& f) {
    log_event(log_module::runtime, log_level::error, "An actor failed",
              {{"where", f.where}, {"actor", f.actor_id}, {"why", f.sentence}});
  };
  options.on_stopped = [this] {
    node = nullptr;
    listeners.clear();
    if (cluster) cluster->release();
    if (!context) return;
    context->client_event = nullptr;
    context->release_handles();
  };
  system = std::make_unique<caf::actor_system>(system_configuration);
  auto& loops = runtime::loop_coordinator::of(*system);
  counters = std::make_unique<observe::counter_set>(loops.loops());
  storage::store& durable = cluster ? cluster->make_store(*system, *store) : *store;
  context = std::make_unique<broker::broker_context>(*system, loops, durable, *counters);
  if (cluster) cluster->attach(*context);
  context->limits.set(limits_of(*configuration));
  context->sharing.set(sharing_of(*configuration));
  context->run_id = new_run_id();
  auto& c = *context;
  c.wildcard_index = caf::actor_cast<broker::wildcard_index_actor>(
      runtime::spawn_lean<broker::wildcard_index>(*system, &loops.loop(0), c));
  for (std::uint16_t i = 0; i < store->shards(); ++i) {
    const auto shard = static_cast<shard_id>(i);
    c.topic_shards.push_back(
        caf::actor_cast<broker::topic_shard_actor>(runtime::spawn_lean<broker::topic_shard>(
            *system, nullptr, c, shard, cluster ? 1 : store->next_offset(shard))));
  }
  counts.gate = std::make_unique<device::connect_gate>(loops.loops());
  counts.gate->set(connect_limits_of(*configuration));
  for (unsigned i = 0; i < loops.loops(); ++i)
    device_loops.push_back(std::make_unique<device::device_loop>(c, loops.loop(i), counts));
  make_inspector();
  if (cluster) cluster->make_actors(*system);
}

void node_runtime::parts::make_inspector() {
  bans = std::make_unique<broker::ban_keeper>(*context, configuration->node.data_dir);
  inspector = std::make_unique<broker::inspector>(*context, configuration->node.name);
  broker::add_ban_questions(*inspector, *bans);
  traces = std::make_unique<broker::tracer>(*context, configuration->node.name);
  broker::add_trace_questions(*inspector, *traces);
  add_storage_questions();
  add_backup_questions(*inspector, {configuration, *store, cluster.get(), *workers, readings});
  if (!cluster) {
    nodes = std::make_shared<broker::all_nodes>(*inspector, nullptr, nullptr);
    return;
  }
  add_shard_questions(*inspector, *cluster);
  cluster->questions().serve(*inspector);
  cluster->questions().share({[this] { return bans->texts(); },
                              [this](std::string_view text) { bans->told(text); }});
  bans->tell_others([this](const std::string& text) { cluster->questions().tell_all(text); });
  using members = std::vector<broker::all_nodes::member>;
  nodes = std::make_shared<broker::all_nodes>(
      *inspector, &cluster->questions(), [this](std::function<void(members)> answer) {
        cluster->source()->view([answer = std::move(answer)](const observe::cluster_view& view) {
          members all;
          for (const auto& each : view.members) {
            std::uint64_t id = 0;
            std::from_chars(each.node.data(), each.node.data() + each.node.size(), id, 16);
            all.push_back({troupe::cluster::node_id{id}, each.name});
          }
          answer(std::move(all));
        });
      });
}

std::string node_runtime::parts::restore() {
  auto& c = *context;
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  try {
    for (std::uint16_t i = 0; i < store->shards(); ++i) {
      const auto shard = static_cast<shard_id>(i);
      auto handle = runtime::spawn_lean<broker::session_shard>(
          *system, &c.loops.loop(i % c.loops.loops()), c, shard,
          cluster ? 1 : store->next_session_count(shard));
      auto& actor = *static_cast<broker::session_shard*>(
          caf::actor_cast<caf::abstract_actor*>(handle));
      c.session_shards.push_back(caf::actor_cast<broker::session_shard_actor>(handle));
      if (cluster) continue;  // the owner of the shard restores it, whenever that is this node
      std::map<session_id, std::vector<storage::subscription_record>> subscriptions;
      store->each_subscription(shard, [&](session_id id, storage::subscription_record s) {
        subscriptions[id].push_back(std::move(s));
      });
      store->each_session(shard, [&](storage::session_record r) {
        auto found = subscriptions.extract(r.id);
        actor.restore(std::move(r), found.empty() ? std::vector<storage::subscription_record>{}
                                                  : std::move(found.mapped()),
                      now);
      });
    }
  } catch (const std::exception& e) {
    return e.what();
  }
  // Devices come in only when every restored filter is in force.
  auto all_in = std::make_shared<std::promise<void>>();
  auto done = all_in->get_future();
  tell(c.wildcard_index, broker::deferred{[all_in] { all_in->set_value(); }});
  if (done.wait_for(restore_timeout) != std::future_status::ready)
    return "Restoring the subscriptions took too long";
  if (cluster) return {};
  for (const auto& shard : c.session_shards) tell(shard, broker::wake_session{});
  return {};
}

}  // namespace troupe::node
