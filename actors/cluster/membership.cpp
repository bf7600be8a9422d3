// Peers, phases, and what is told to whom.
#include "actors/cluster/membership.hpp"

#include <algorithm>

#include "actors/link/tell.hpp"
#include "actors/observe/log.hpp"
#include "actors/runtime/payload.hpp"

namespace troupe::clustering {

using link::tell;
using observe::log_event;
using observe::log_level;
using observe::log_module;
namespace talk = cluster::talk;

namespace {

constexpr std::int64_t tick_ms = 100;
constexpr unsigned ticks_of_second = 10;
// So long a node that is gone may hear why, before its link ends.
constexpr std::int64_t parting_ms = 5'000;
constexpr std::size_t most_contacts = 512;

}  // namespace

membership::membership(caf::actor_config& cfg, membership_settings settings,
                       cluster::network& net, contacts& links, cluster::shard_owners& owners,
                       told_reasons& reasons, membership_hooks hooks)
    : lean_actor(cfg),
      settings_(std::move(settings)),
      net_(net),
      links_(links),
      owners_(owners),
      reasons_(reasons),
      hooks_(std::move(hooks)),
      self_(settings_.self),
      record_(settings_.record),
      state_(std::make_shared<const cluster::cluster_state>()),
      patience_(settings_.patience_ms),
      cut_off_watch_(settings_.patience_ms) {}

void membership::receive(caf::mailbox_element& m) {
  if (receive_peers(m)) return;
  if (auto* news = runtime::mutable_payload<meta_news>(m)) {
    heard_news(*news);
  } else if (const auto* mine = runtime::payload<shard_owned>(m)) {
    own(*mine);
  } else if (const auto* lost = runtime::payload<shard_disowned>(m)) {
    disown(*lost);
  } else if (const auto* held = runtime::payload<shards_held>(m)) {
    held_ = held->count;
  } else if (const auto* look = runtime::payload<cluster_look>(m)) {
    look->answer(view());
  } else if (const auto* shards = runtime::payload<shards_look>(m)) {
    shards->answer(shard_views());
  } else if (const auto* wanted = runtime::payload<figures_look>(m)) {
    wanted->answer(figures());
  } else if (auto* given = runtime::mutable_payload<give_order>(m)) {
    order(*given);
  } else if (const auto* at = runtime::payload<begin_membership>(m)) {
    if (phase_ == phase::made) begin(*at);
  } else if (auto* last = runtime::mutable_payload<end_membership>(m)) {
    phase_ = phase::ended;
    reasons_.set({"The node is stopping"});
    // First the shards: the meta group is not needed for that, but is good to have.
    tell(keeper_, leave_leadership{[meta = meta_, done = last->done] {
           tell(meta, leave_leadership{done});
         }});
    if (!keeper_) tell(meta_, leave_leadership{std::move(last->done)});
  }
}

bool membership::receive_peers(caf::mailbox_element& m) {
  if (const auto* word = runtime::payload<peer_said>(m)) {
    said(word->node, word->bytes);
  } else if (const auto* up = runtime::payload<peer_came>(m)) {
    came(up->node);
  } else if (const auto* down = runtime::payload<peer_went>(m)) {
    went(down->node);
  } else if (const auto* found = runtime::payload<peer_found>(m)) {
    looked_for_.erase({found->host, found->port});
  } else {
    return false;
  }
  return true;
}

void membership::on_exit(const caf::error& reason) {
  if (scheduled() && home() == runtime::run_loop::current()) home()->timers().cancel(*this);
  phase_ = phase::ended;
  meta_ = keeper_ = nullptr;
  hooks_ = {};
  questions_.clear();
  lean_actor::on_exit(reason);
}

// -- phases -----------------------------------------------------------------------------

void membership::begin(const begin_membership& at) {
  using kept = cluster_record::phase;
  self_.host = at.host;
  self_.port = at.port;
  if (record_.at == kept::member && settings_.empty_log)
    return end("This node is a member of cluster " + cluster::to_string(cluster::node_id{record_.cluster}) +
               ", but its Raft log is gone: what it promised the others is forgotten. Evict it "
               "from the cluster, move its data directory away, and it joins as a new node.");
  const auto now = loop().now();
  lonely_since_ = now;
  if (record_.at != kept::none) {
    phase_ = phase::member;
    tell(meta_, start_group{record_.at == kept::forming});
  } else if (settings_.expect > 1 || settings_.seeds.empty()) {
    phase_ = phase::forming;
    forming_.emplace(self_.node, self_.kind == cluster::member_kind::witness, settings_.expect);
  } else {
    phase_ = phase::joining;
  }
  introduce();
  set_peers();
  if (record_.at == kept::none) {
    for (const auto& seed : settings_.seeds) find(seed.host, seed.port);
  }
  look_at_readiness(now);
  loop().timers().schedule(*this, now + tick_ms);
  if (forming_) follow(forming_->begin());
}

void membership::on_timer() {
  if (++ticks_ % ticks_of_second == 0 && hooks_.every_second) hooks_.every_second();
  const auto now = loop().now();
  loop().timers().schedule(*this, now + tick_ms);
  if (phase_ == phase::ended) return;
  give_up_questions(now);
  if (phase_ == phase::forming || phase_ == phase::joining)
    try_joining(now);
  else if (phase_ == phase::member)
    keep_own_record(now);
  look_for_members(now);
  if (std::erase_if(parting_, [&](const auto& each) { return each.second <= now; }) != 0)
    set_peers();
  look_at_readiness(now);
}

void membership::end(std::string why) {
  if (phase_ == phase::ended) return;
  phase_ = phase::ended;
  reasons_.set({why});
  log_event(log_module::cluster, log_level::critical, why);
  if (hooks_.end_node) hooks_.end_node(std::move(why));
}

void membership::heard_news(meta_news& news) {
  const bool newer = news.state && news.state != state_;
  if (news.leader != news_.leader)
    log_event(log_module::cluster, log_level::info, "Leader of the cluster's meta group",
              {{"node", news.leader == cluster::no_node ? "none" : name_of(news.leader)},
               {"term", news.term}});
  news_ = std::move(news);
  if (!news_.failure.empty()) return end("The meta group of the cluster failed: " + news_.failure);
  if (phase_ == phase::ended) return;
  if (newer) {
    const auto before = std::exchange(state_, news_.state);
    for (const auto& [node, who] : before->members()) {
      if (state_->find(node) || node == self_.node) continue;
      links_.bar(node);
      say(node, talk::gone{record_.cluster, "Member " + who.name + " left this cluster or was evicted. Move its data directory away, and it joins as a new node."});
      parting_[node] = loop().now() + parting_ms;
      log_event(log_module::cluster, log_level::info, "A member is gone", {{"member", who.name}});
    }
    for (const auto& [node, who] : state_->members()) {
      const auto* was = before->find(node);
      if (!was || was->state != who.state)
        log_event(log_module::cluster, log_level::info, "Member",
                  {{"name", who.name}, {"state", cluster::to_string(who.state)}});
    }
    if (state_->gone(self_.node))
      return end("This node left cluster " + state_->name() +
                 " or was evicted. Move its data directory away, and it joins as a new node.");
    note_confirmed();
    set_peers();
    introduce();
    for (auto& [node, at] : peers_) admit(node, at);
    tell(keeper_, map_news{state_});
    if (hooks_.state_changed) hooks_.state_changed(state_);
  }
  finish_forming();
  look_at_readiness(loop().now());
}

// -- peers ------------------------------------------------------------------------------

void membership::came(cluster::node_id node) {
  peers_[node] = {};
  tell(meta_, peer_heard{node, true});
  tell(keeper_, peer_heard{node, true});
}

void membership::went(cluster::node_id node) {
  peers_.erase(node);
  tell_who_is_heard();
  tell(meta_, peer_heard{node, false});
  tell(keeper_, peer_heard{node, false});
  std::vector<answered> lost;
  for (auto at = questions_.begin(); at != questions_.end();) {
    if (at->second.to != node) {
      ++at;
      continue;
    }
    lost.push_back(std::move(at->second.then));
    at = questions_.erase(at);
  }
  for (auto& then : lost) {
    talk::answer none;
    none.sentence = "The node that was asked is lost.";
    then(none);
  }
  for (const auto shard : owners_.peer_lost(node)) tell_owner(shard);
  if (forming_) follow(forming_->lost(node));
}

void membership::said(cluster::node_id from, const std::string& bytes) {
  std::string error;
  auto what = talk::decode(bytes, error);
  if (!what || phase_ == phase::ended || !peers_.contains(from)) return;
  std::visit([&](const auto& each) { heard(from, each); }, *what);
}

void membership::heard(cluster::node_id from, const talk::hello& hello) {
  auto& at = peers_[from];
  const bool changed = !at.hello || at.hello->cluster != hello.cluster;
  at.hello = hello;
  const bool outside = phase_ == phase::forming || phase_ == phase::joining;
  if (outside || !state_->formed()) {
    auto known = hello.known;
    known.push_back({from, hello.self.name, hello.self.host, hello.self.port});
    bool news = false;
    for (auto& each : known) {
      if (each.node == self_.node || contacts_.size() >= most_contacts) continue;
      auto& to = contacts_[each.node];
      if (to == each) continue;
      to = std::move(each);
      news = true;
    }
    if (news) {
      set_peers();
      introduce();
    }
  }
  if (outside) {
    if (forming_) {
      const bool part = hello.cluster == 0 && hello.takes_part;
      if (part && hello.expect != settings_.expect)
        observe::log_limited(log_module::cluster, log_level::warning,
                             "Nodes of a new cluster differ in bootstrap_expect",
                             {{"node", hello.self.name}, {"theirs", hello.expect}});
      follow(part ? forming_->heard(from, hello.round) : forming_->lost(from));
    }
    if (changed && hello.cluster != 0) join_at_ = 0;
  } else if (hello.cluster != 0 && record_.cluster != 0 && hello.cluster != record_.cluster) {
    if (changed)
      log_event(log_module::cluster, log_level::error,
                "A node of another cluster of the same name is not let in: one of the two has the "
                "wrong data directory, or a cluster was made twice",
                {{"node", hello.self.name},
                 {"address", hello.self.host + ":" + std::to_string(hello.self.port)},
                 {"its_cluster", cluster::to_string(cluster::node_id{hello.cluster})}});
  } else if (state_->gone(from)) {
    say(from, talk::gone{record_.cluster,
                         "This node left cluster " + state_->name() +
                             " or was evicted, and what it holds is out of date. Move its data "
                             "directory away, and it joins as a new node."});
  }
  admit(from, at);
}

/// As the gate does it.
void membership::admit(cluster::node_id node, peer& at) {
  const bool wanted = at.hello && record_.cluster != 0 && at.hello->cluster == record_.cluster &&
                      !state_->gone(node) && phase_ == phase::member;
  if (wanted == at.admitted) return;
  at.admitted = wanted;
  tell_who_is_heard();
  if (wanted) return tell_all_owned(node);
  for (const auto shard : owners_.peer_lost(node)) tell_owner(shard);
}

void membership::heard(cluster::node_id from, const talk::gone& gone) {
  if (gone.cluster == 0 || gone.cluster != record_.cluster) return;
  (void)from;
  end(gone.sentence);
}

void membership::heard(cluster::node_id from, const talk::hears& hears) {
  tell(meta_, peer_hears{from, hears.nodes});
  tell(keeper_, peer_hears{from, hears.nodes});
}

void membership::tell_who_is_heard() {
  talk::hears all;
  for (const auto& [node, at] : peers_)
    if (at.admitted) all.nodes.push_back(node);
  tell_members(all);
}

bool membership::say(cluster::node_id to, const talk::any& what) {
  return net_.send(to, {cluster::channel::member, talk::encode(what), nullptr, false});
}

void membership::introduce() {
  talk::hello hello;
  // Before it is formed nobody can be a member of it.
  const bool formed = record_.at != cluster_record::phase::forming || state_->formed();
  hello.cluster = formed ? record_.cluster : 0;
  hello.self = self_;
  hello.expect = settings_.expect;
  hello.takes_part = phase_ == phase::forming;
  hello.round = forming_ ? forming_->round() : 0;
  // Who joins has to dial those whose id is higher, the leader perhaps: it must know them.
  if (state_->formed()) {
    for (const auto& [node, who] : state_->members()) {
      if (node != self_.node && hello.known.size() < talk::most_known)
        hello.known.push_back({node, who.name, who.host, who.port});
    }
  } else if (phase_ == phase::forming) {
    for (const auto& [node, each] : contacts_) {
      if (hello.known.size() < talk::most_known) hello.known.push_back(each);
    }
  }
  if (hello == introduced_) return;
  introduced_ = hello;
  links_.introduce(talk::encode(hello), hello.cluster);
}

void membership::set_peers() {
  std::map<cluster::node_id, link::peer_address> wanted;
  const auto add = [&](cluster::node_id node, const std::string& name, const std::string& host,
                       std::uint16_t port) {
    if (node != self_.node) wanted[node] = {node, name, host, port};
  };
  if (phase_ == phase::forming || phase_ == phase::joining) {
    for (const auto& [node, each] : contacts_) add(node, each.name, each.host, each.port);
  } else {
    const auto& from = state_->formed() ? *state_ : settings_.guess;
    for (const auto& [node, who] : from.members()) add(node, who.name, who.host, who.port);
    // Those who let it in, or are about to come in.
    if (!state_->formed() || state_->map().shards.empty()) {
      for (const auto& [node, each] : contacts_) {
        if (!state_->gone(node)) add(node, each.name, each.host, each.port);
      }
    }
    for (const auto& [node, at] : peers_) {
      if (!at.hello || (state_->gone(node) && !parting_.contains(node))) continue;
      const auto& who = at.hello->self;
      const bool stranger = at.hello->cluster != 0 && at.hello->cluster != record_.cluster;
      if (!stranger && !state_->find(node)) add(node, who.name, who.host, who.port);
    }
  }
  std::vector<link::peer_address> peers;
  for (auto& [node, each] : wanted) peers.push_back(std::move(each));
  links_.set_peers(std::move(peers));
}

void membership::find(const std::string& host, std::uint16_t port) {
  if (looked_for_.insert({host, port}).second) links_.find(host, port);
}

/// A member that nobody calls: the others may know another address of it, or know it no
/// more. Who wants to join asks its seeds again and again.
void membership::look_for_members(std::int64_t now) {
  const bool lonely =
      phase_ == phase::member
          ? peers_.empty()
          : std::ranges::none_of(peers_, [](const auto& each) {
              return each.second.hello && each.second.hello->cluster != 0;
            });
  if (!lonely) lonely_since_ = now;
  if (now - lonely_since_ < settings_.lonely_ms) return;
  lonely_since_ = now;
  for (const auto& seed : settings_.seeds) find(seed.host, seed.port);
  const auto& from = state_->formed() ? *state_ : settings_.guess;
  for (const auto& [node, who] : from.members()) {
    if (node != self_.node) find(who.host, who.port);
  }
}

}  // namespace troupe::clustering
