// How a node becomes a member: it forms a cluster, or is let into one.
#include "actors/cluster/membership.hpp"

#include <algorithm>

#include "actors/link/tell.hpp"
#include "actors/observe/log.hpp"

namespace troupe::clustering {

using link::tell;
using observe::log_event;
using observe::log_level;
using observe::log_module;
namespace talk = cluster::talk;

void membership::follow(const cluster::forming::step& step) {
  if (step.hello) introduce();
  if (step.promise) say(*step.promise, talk::promise{step.promise_round});
  if (step.form && phase_ == phase::forming) form();
}

void membership::heard(cluster::node_id from, const talk::promise& promise) {
  if (forming_ && phase_ == phase::forming) follow(forming_->promised(from, promise.round));
}

void membership::form() {
  std::uint64_t cluster = 0;
  while (cluster == 0) cluster = settings_.random();
  if (!store({cluster, cluster_record::phase::forming})) return;
  log_event(log_module::cluster, log_level::info, "Forming a cluster",
            {{"name", settings_.cluster_name},
             {"id", cluster::to_string(cluster::node_id{cluster})},
             {"expect", settings_.expect}});
  phase_ = phase::member;
  forming_.reset();
  tell(meta_, start_group{true});
}

/// The first command of a new group says what cluster it is.
void membership::finish_forming() {
  if (record_.at != cluster_record::phase::forming || phase_ != phase::member) return;
  if (state_->formed() || !news_.owner || proposing_form_) return;
  cluster::command::form what;
  what.cluster = record_.cluster;
  what.name = settings_.cluster_name;
  what.shards = settings_.shards;
  what.replicas = settings_.replicas;
  what.expect = settings_.expect;
  what.first = self_;
  proposing_form_ = true;
  tell(meta_, propose_command{std::move(what), [this, keep = caf::strong_actor_ptr{ctrl()}](
                                                  const decision& how) {
         proposing_form_ = false;
         if (how.decided && !how.what.ok()) return end(how.what.sentence);
         if (how.decided) return;
         // The next news or tick tries again.
       }});
}

void membership::note_confirmed() {
  const auto* me = state_->find(self_.node);
  if (me == nullptr || me->state == cluster::member_state::joining) return;
  if (record_.at == cluster_record::phase::member) return;
  const bool formed_it = record_.at == cluster_record::phase::forming;
  if (!store({record_.cluster, cluster_record::phase::member})) return;
  log_event(log_module::cluster, log_level::info, "This node is a member of the cluster",
            {{"name", state_->name()}, {"members", state_->members().size()}});
  if (formed_it) introduce();
}

bool membership::store(cluster_record what) {
  if (auto error = store_record(settings_.data_dir, what); !error.empty()) {
    end(std::move(error));
    return false;
  }
  record_ = what;
  return true;
}

void membership::try_joining(std::int64_t now) {
  if (joining_asked_ || now < join_at_) return;
  const auto at = std::ranges::find_if(
      peers_, [](const auto& each) { return each.second.hello && each.second.hello->cluster != 0; });
  if (at == peers_.end()) return;
  joining_asked_ = true;
  cluster::command::join what{self_, settings_.cluster_name, settings_.shards};
  ask(at->first, what, false, [this](const talk::answer& answer) { join_answered(answer); });
}

void membership::join_answered(const talk::answer& answer) {
  joining_asked_ = false;
  if (phase_ == phase::ended) return;
  if (answer.gone) return end(answer.sentence);
  if (answer.ok() && answer.cluster != 0) {
    join_refusal_.clear();
    if (phase_ != phase::member) let_in(answer.cluster);
    return;
  }
  if (!answer.sentence.empty() && answer.sentence != join_refusal_)
    log_event(log_module::cluster, log_level::warning, "This node could not join yet",
              {{"why", answer.sentence}});
  join_refusal_ = answer.what == talk::answer::result::refused ? answer.sentence : std::string();
  join_retry_ms_ =
      std::clamp(join_retry_ms_ * 2, settings_.first_retry_ms, settings_.longest_retry_ms);
  join_at_ = loop().now() + join_retry_ms_;
}

void membership::let_in(std::uint64_t cluster) {
  if (!store({cluster, cluster_record::phase::joining})) return;
  log_event(log_module::cluster, log_level::info, "Let into the cluster",
            {{"name", settings_.cluster_name},
             {"id", cluster::to_string(cluster::node_id{cluster})}});
  phase_ = phase::member;
  forming_.reset();
  join_retry_ms_ = 0;
  // It can take the log before anybody sends it.
  tell(meta_, start_group{false});
  introduce();
  set_peers();
  for (auto& [node, at] : peers_) admit(node, at);
}

/// The cluster is to know where this node is now, and of what release it is.
void membership::keep_own_record(std::int64_t now) {
  finish_forming();
  if (joining_asked_ || now < join_at_ || !state_->formed()) return;
  const auto* me = state_->find(self_.node);
  if (me != nullptr && me->state == cluster::member_state::leaving) {
    // Given away is what is here no more: then others may forget this node.
    if (held_ != 0 || state_->replicas_on(self_.node) != 0) return;
    joining_asked_ = true;
    decide(cluster::command::retire{self_.node}, false, [this](const talk::answer&) {
      joining_asked_ = false;
      join_at_ = loop().now() + settings_.longest_retry_ms;
    });
    return;
  }
  auto wanted = self_;
  if (me != nullptr) {
    wanted.state = me->state;
    wanted.joined = me->joined;
    if (*me == wanted) return;
  } else if (news_.leader == cluster::no_node) {
    return;
  }
  joining_asked_ = true;
  decide(cluster::command::join{self_, settings_.cluster_name, settings_.shards}, false,
         [this](const talk::answer& answer) {
           join_answered(answer);
           join_at_ = std::max(join_at_, loop().now() + settings_.longest_retry_ms);
         });
}

}  // namespace troupe::clustering
