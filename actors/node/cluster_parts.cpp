#include "actors/node/cluster_parts.hpp"

#include "actors/broker/context.hpp"
#include "actors/broker/inspect/cluster_questions.hpp"
#include "actors/broker/remote/dispatcher.hpp"
#include "actors/broker/remote/peers.hpp"
#include "actors/broker/remote/store_front.hpp"
#include "actors/cluster/link_contacts.hpp"
#include "actors/cluster/membership.hpp"
#include "actors/cluster/meta_group.hpp"
#include "actors/cluster/peer_gate.hpp"
#include "actors/cluster/shard_keeper.hpp"
#include "actors/link/links.hpp"
#include "actors/link/tell.hpp"
#include "actors/node/node_identity.hpp"
#include "actors/node/replica_groups.hpp"
#include "actors/node/version.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "storage/raft/rocks_raft_log.hpp"
#include "storage/rocks_store.hpp"

#include <caf/actor_system.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <optional>
#include <utility>

namespace troupe::node {

using link::tell;

namespace {

constexpr storage::raft_group_no meta_number = 0;
constexpr auto link_stop_limit = std::chrono::seconds(2);
constexpr auto group_stop_limit = std::chrono::seconds(3);

/// Frames on their way out, as soon as there are links.
class late_network final : public cluster::network {
 public:
  void set(cluster::network* to) { to_.store(to); }
  bool send(cluster::node_id node, cluster::frame what) override {
    auto* to = to_.load();
    return to != nullptr && to->send(node, std::move(what));
  }

 private:
  std::atomic<cluster::network*> to_{nullptr};
};

/// HTTP asks the membership.
class membership_source final : public observe::cluster_source {
 public:
  explicit membership_source(caf::strong_actor_ptr to) : to_(std::move(to)) {}
  void view(std::function<void(observe::cluster_view)> answer) override {
    tell(to_, clustering::cluster_look{std::move(answer)});
  }
  void shards(std::function<void(std::vector<observe::shard_view>)> answer) override {
    tell(to_, clustering::shards_look{std::move(answer)});
  }
  void order(observe::cluster_order what,
             std::function<void(observe::cluster_answer)> answer) override {
    tell(to_, clustering::give_order{std::move(what), std::move(answer)});
  }
  void release() { to_ = nullptr; }

 private:
  caf::strong_actor_ptr to_;
};

std::string bind_host(const std::string& host) { return host == "localhost" ? "127.0.0.1" : host; }

/// Answers for the actors of all loops: each has had its turn.
void visit_loops(runtime::loop_coordinator& loops, const std::function<void()>& done) {
  const auto left = std::make_shared<std::atomic<unsigned>>(loops.loops());
  for (unsigned i = 0; i < loops.loops(); ++i) {
    loops.loop(i).post([left, done] {
      if (left->fetch_sub(1) == 1) done();
    });
  }
}

}  // namespace

// Destroyed from the last to the first.
struct cluster_parts::parts {
  std::shared_ptr<const config::configuration> configuration;
  std::function<void(std::string)> end_node;
  cluster::node_id self = cluster::no_node;
  std::uint16_t shards = 0;
  clustering::cluster_record record;
  storage::raft_log_content meta_content;
  clustering::told_reasons reasons;
  std::optional<cluster::shard_owners> owners;
  late_network network;
  clustering::peer_gate gate{network};
  replica_news news;
  std::unique_ptr<replication::replicas> replicas;
  std::unique_ptr<replica_groups> groups;
  std::unique_ptr<broker::peers> peers;
  std::unique_ptr<broker::store_front> front;
  std::unique_ptr<broker::dispatcher> dispatcher;
  broker::cluster_questions questions{network};
  std::unique_ptr<storage::rocks_raft_log> log;  // its last callbacks are for the replicas
  mutable std::mutex log_mutex;                  // of its end, and of whoever copies it
  std::unique_ptr<link::links> links;
  std::unique_ptr<clustering::link_contacts> contacts;
  caf::strong_actor_ptr membership;
  caf::strong_actor_ptr meta;
  caf::strong_actor_ptr keeper;
  std::shared_ptr<membership_source> source;

  std::string check_restored(const storage::rocks_store& store) const;
  link::link_settings link_settings() const;
  clustering::membership_settings membership_settings() const;
  replication::replication_settings replication_settings() const;
  clustering::membership_hooks hooks() const;
  void make_keeper(caf::actor_system& system);
};

cluster_parts::cluster_parts(std::shared_ptr<const config::configuration> from,
                             std::function<void(std::string)> end_node)
    : parts_(std::make_unique<parts>()) {
  parts_->configuration = std::move(from);
  parts_->end_node = std::move(end_node);
}

cluster_parts::~cluster_parts() = default;

std::string cluster_parts::prepare(runtime::runtime_config& system) {
  const auto& tls = parts_->configuration->cluster.tls;
  if (!tls.key_passphrase.empty())
    return "cluster.tls.key must not be encrypted: leave cluster.tls.key_passphrase out";
  return link::prepare(system, {tls.certificate, tls.key, tls.ca});
}

std::string cluster_parts::open(const storage::rocks_store& store) {
  auto& p = *parts_;
  const auto shards = store.shards();
  const auto& directory = p.configuration->node.data_dir;
  const auto identity = identify(directory, kernel_random);
  if (!identity.error.empty()) return identity.error;
  p.self = identity.node;
  p.shards = shards;
  auto record = clustering::load_record(directory);
  if (!record.error.empty()) return record.error;
  p.record = record.value;
  storage::raft_log_options options;
  options.directory = directory + "/raft";
  options.durability = p.configuration->durability.mode == config::durability_mode::fsync
                           ? storage::durability::fsync
                           : storage::durability::process;
  options.report = [](std::string_view sentence) {
    observe::log_event(observe::log_module::storage, observe::log_level::warning, sentence);
  };
  auto opened = storage::rocks_raft_log::open(std::move(options));
  if (!opened.value) return opened.error;
  p.log = std::move(opened.value);
  auto loaded = p.log->load(meta_number);
  if (!loaded.error.empty()) return loaded.error;
  p.meta_content = std::move(loaded.content);
  if (p.record.at == clustering::cluster_record::phase::none && !p.meta_content.empty())
    return "The data directory " + directory +
           " has a Raft log, but its file cluster-id is gone: restore it from a backup; or evict "
           "this node from the cluster and move its data directory away.";
  if (p.record.at == clustering::cluster_record::phase::none) {
    if (auto error = p.check_restored(store); !error.empty()) return error;
  }
  p.owners.emplace(shards);
  return clustering::states_of(p.meta_content).error;
}

/// What was restored is in no log: only who begins alone with it can give it to others.
std::string cluster_parts::parts::check_restored(const storage::rocks_store& store) const {
  const auto& from = configuration->cluster;
  if (from.seeds.empty() && from.bootstrap_expect == 1 && !from.witness) return {};
  for (std::uint16_t shard = 0; shard < shards; ++shard) {
    if (store.marks(static_cast<shard_id>(shard)).index != storage::shard_marks::restored) continue;
    return "The data directory " + configuration->node.data_dir +
           " was restored from backups: its node forms the cluster alone. Start it without seeds "
           "(--join), without cluster.witness and with cluster.bootstrap_expect = 1; the others "
           "join "
           "it, with empty directories.";
  }
  return {};
}

link::link_settings cluster_parts::parts::link_settings() const {
  const auto& from = configuration->cluster;
  const auto reached = from.advertise.value_or(*from.listen);
  link::link_settings to;
  std::uint64_t incarnation = 0;
  while (incarnation == 0) incarnation = kernel_random();
  to.terms.self = {self, configuration->node.name, incarnation, bind_host(reached.host),
                   reached.port};
  to.terms.cluster = from.name;
  to.terms.secret = from.secret;
  to.bind = bind_host(from.listen->host);
  to.port = from.listen->port;
  to.limits.window = from.window;
  to.limits.hard_limit = std::max<std::size_t>(to.limits.hard_limit, 8 * from.window);
  to.limits.resume_ms = from.resume_time.count();
  to.limits.suspect_ms = from.suspect_time.count();
  to.limits.question_ms = std::max<std::int64_t>(100, from.suspect_time.count() / 3);
  return to;
}

clustering::membership_settings cluster_parts::parts::membership_settings() const {
  const auto& from = configuration->cluster;
  clustering::membership_settings to;
  to.self.node = self;
  to.self.name = configuration->node.name;
  to.self.kind = from.witness ? cluster::member_kind::witness : cluster::member_kind::full;
  to.self.protocol = 1;
  to.self.release = version;
  to.cluster_name = from.name;
  to.shards = shards;
  to.replicas = from.replicas;
  to.expect = from.bootstrap_expect;
  for (const auto& seed : from.seeds) to.seeds.push_back({bind_host(seed.host), seed.port});
  to.data_dir = configuration->node.data_dir;
  to.record = record;
  to.empty_log = meta_content.empty();
  to.guess = clustering::states_of(meta_content).guess;
  to.random = kernel_random;
  return to;
}

replication::replication_settings cluster_parts::parts::replication_settings() const {
  const auto& from = configuration->cluster;
  replication::replication_settings to;
  to.self = self;
  to.group.election_timeout_ms = static_cast<std::uint32_t>(from.election_timeout.count());
  to.group.heartbeat_ms = static_cast<std::uint32_t>(from.heartbeat.count());
  to.seed = kernel_random();
  to.report = [](std::string_view sentence) {
    observe::log_limited(observe::log_module::cluster, observe::log_level::warning, sentence);
  };
  return to;
}

storage::store& cluster_parts::make_store(caf::actor_system& system, storage::rocks_store& local) {
  auto& p = *parts_;
  p.replicas = std::make_unique<replication::replicas>(system, p.network, *p.log, local, local,
                                                       p.news, p.replication_settings());
  p.groups = std::make_unique<replica_groups>(*p.replicas);
  p.peers = std::make_unique<broker::peers>(p.self, p.network, p.shards, kernel_random());
  p.front = std::make_unique<broker::store_front>(p.replicas->store(), p.replicas->store(),
                                                  *p.peers);
  return *p.front;
}

void cluster_parts::attach(broker::broker_context& context) {
  auto& p = *parts_;
  context.remote = p.peers.get();
  context.front = p.front.get();
  p.dispatcher = std::make_unique<broker::dispatcher>(context, *p.front);
  p.gate.add(*p.replicas);
  p.gate.add(*p.dispatcher);
  p.gate.add(p.questions);
}

clustering::membership_hooks cluster_parts::parts::hooks() const {
  clustering::membership_hooks told;
  told.end_node = end_node;
  told.owner_changed = [to = dispatcher.get()](shard_id shard, cluster::shard_owner owner) {
    to->owner_changed(shard, {owner.node, owner.epoch});
  };
  told.majority_changed = [to = dispatcher.get()](bool seen) { to->majority_changed(seen); };
  told.every_second = [to = dispatcher.get()] { to->tick(); };
  return told;
}

void cluster_parts::parts::make_keeper(caf::actor_system& system) {
  clustering::keeper_settings settings;
  settings.self = self;
  for (const auto group : log->groups()) {
    if (group > meta_number && group <= shards)
      settings.held.push_back(static_cast<shard_id>(group - 1));
  }
  keeper = caf::actor_cast<caf::strong_actor_ptr>(runtime::spawn_lean<clustering::shard_keeper>(
      system, &runtime::loop_coordinator::of(system).loop(0), std::move(settings), *groups,
      membership));
  news.set(keeper);
}

void cluster_parts::make_actors(caf::actor_system& system) {
  auto& p = *parts_;
  auto& loops = runtime::loop_coordinator::of(system);
  auto& home = loops.loop(0);
  auto& link_loop = loops.loop(loops.loops() - 1);
  link::link_hooks hooks;
  hooks.answer_question = [&loops](const std::function<void()>& done) {
    visit_loops(loops, done);
  };
  hooks.found = [&p](const cluster::link_identity& who, const std::string& host,
                     std::uint16_t port) {
    tell(p.membership, clustering::peer_found{who.node, host, port});
  };
  p.links = std::make_unique<link::links>(system, link_loop, p.link_settings(), p.gate,
                                          std::move(hooks));
  p.network.set(p.links.get());
  p.contacts = std::make_unique<clustering::link_contacts>(*p.links, p.gate, link_loop);
  auto handle = runtime::spawn_lean<clustering::membership>(
      system, &home, p.membership_settings(), p.network, *p.contacts, *p.owners, p.reasons,
      p.hooks());
  p.membership = caf::actor_cast<caf::strong_actor_ptr>(handle);
  const auto& from = p.configuration->cluster;
  clustering::meta_settings meta;
  meta.self = p.self;
  meta.election_timeout_ms = static_cast<std::uint32_t>(from.election_timeout.count());
  meta.heartbeat_ms = static_cast<std::uint32_t>(from.heartbeat.count());
  meta.seed = kernel_random();
  p.meta = caf::actor_cast<caf::strong_actor_ptr>(runtime::spawn_lean<clustering::meta_group>(
      system, &home, meta, *p.log, p.network, std::exchange(p.meta_content, {}), p.membership));
  p.make_keeper(system);
  auto* actor =
      static_cast<clustering::membership*>(caf::actor_cast<caf::abstract_actor*>(handle));
  actor->set_meta(p.meta);
  actor->set_keeper(p.keeper);
  p.gate.attach(p.membership, p.meta);
  p.source = std::make_shared<membership_source>(p.membership);
}

std::string cluster_parts::start() {
  auto& p = *parts_;
  if (auto error = p.links->start(); !error.empty()) return error;
  const auto& from = p.configuration->cluster;
  const auto reached = from.advertise.value_or(*from.listen);
  tell(p.keeper, clustering::begin_keeping{});
  tell(p.membership, clustering::begin_membership{
                         bind_host(reached.host),
                         reached.port != 0 ? reached.port : p.links->port()});
  return {};
}

cluster_parts::ids cluster_parts::identity() const {
  // The file is written once for each step, before the node acts as what it says.
  const auto record = clustering::load_record(parts_->configuration->node.data_dir);
  return {number(parts_->self), record.error.empty() ? record.value.cluster : 0};
}

std::string cluster_parts::copy_log(const std::string& directory) const {
  const std::lock_guard lock(parts_->log_mutex);
  return parts_->log ? parts_->log->checkpoint(directory) : "The node is stopping.";
}

std::uint16_t cluster_parts::port() const { return parts_->links ? parts_->links->port() : 0; }

std::vector<std::string> cluster_parts::reasons() const { return parts_->reasons.get(); }

std::shared_ptr<observe::cluster_source> cluster_parts::source() const { return parts_->source; }

broker::cluster_questions& cluster_parts::questions() const { return parts_->questions; }

void cluster_parts::move_shard(shard_id shard, cluster::node_id to,
                               std::function<void(unsigned, std::string)> answer) const {
  using ending = clustering::move_shard::ending;
  tell(parts_->keeper,
       clustering::move_shard{shard, to,
                              [answer = std::move(answer)](clustering::move_shard::outcome what) {
                                answer(what.how == ending::done      ? 200
                                       : what.how == ending::refused ? 409
                                                                     : 503,
                                       std::move(what.why));
                              }});
}

void cluster_parts::await_shard(shard_id shard) const {
  tell(parts_->keeper, clustering::await_shard{shard});
}

void cluster_parts::look(std::function<void(observe::cluster_figures)> answer) const {
  tell(parts_->membership, clustering::figures_look{std::move(answer)});
}

void cluster_parts::give_away(std::chrono::steady_clock::time_point until) {
  auto& p = *parts_;
  if (!p.membership) return;
  auto gone = std::make_shared<std::promise<void>>();
  auto done = gone->get_future();
  tell(p.membership, clustering::end_membership{[gone] { gone->set_value(); }});
  done.wait_until(until);
}

void cluster_parts::stop() {
  auto& p = *parts_;
  const auto until = std::chrono::steady_clock::now() + group_stop_limit;
  bool ended = true;
  if (p.meta) {
    auto told = std::make_shared<std::promise<void>>();
    auto done = told->get_future();
    tell(p.meta, clustering::end_group{[told] { told->set_value(); }});
    ended = done.wait_until(until) == std::future_status::ready;
  }
  if (p.replicas) {
    auto told = std::make_shared<std::promise<void>>();
    auto done = told->get_future();
    p.replicas->stop([told] { told->set_value(); });
    ended = done.wait_until(until) == std::future_status::ready && ended;
  }
  if (p.replicas) p.replicas->end_loading();
  if (p.links) p.links->stop(link_stop_limit);
  // Its last answers are for actors, so it ends before them; unless one of them still uses it.
  const std::lock_guard lock(p.log_mutex);
  if (ended) p.log.reset();
}

void cluster_parts::release() {
  auto& p = *parts_;
  p.gate.detach();
  if (p.source) p.source->release();
  if (p.replicas) p.replicas->release_handles();
  p.news.set(nullptr);
  p.membership = p.meta = p.keeper = nullptr;
}

}  // namespace troupe::node
