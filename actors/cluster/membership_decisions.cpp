// Commands: decided by the leader of the meta group, here or over one other node.
#include "actors/cluster/membership.hpp"

#include <algorithm>

#include "actors/link/tell.hpp"
#include "cluster/map/placement.hpp"

namespace troupe::clustering {

using link::tell;
namespace talk = cluster::talk;
namespace raft = cluster::raft;
using observe::cluster_answer;
using observe::cluster_order;
using result = talk::answer::result;

namespace {

constexpr std::size_t most_questions = 1024;

talk::answer unavailable(std::string why) {
  talk::answer none;
  none.sentence = std::move(why);
  return none;
}

talk::answer answer_of(const decision& how) {
  if (!how.decided) return unavailable(std::string(raft::describe(how.why)));
  talk::answer made;
  made.sentence = how.what.sentence;
  switch (how.what.what) {
    case cluster::outcome::kind::changed:
      made.what = result::changed;
      break;
    case cluster::outcome::kind::unchanged:
      made.what = result::unchanged;
      break;
    default:
      made.what = result::refused;
  }
  return made;
}

cluster_answer refusal(std::string why) { return {false, false, std::move(why)}; }

/// "4f2a..." or a name.
const cluster::member* member_called(const cluster::cluster_state& state, const std::string& text) {
  if (const auto* who = state.find(std::string_view(text))) return who;
  for (const auto& [node, who] : state.members()) {
    if (cluster::to_string(node) == text) return &who;
  }
  return nullptr;
}

}  // namespace

void membership::decide(cluster::command::any what, bool relayed, answered then) {
  if (phase_ != phase::member || !state_->formed())
    return then(unavailable("This node is no member of a cluster yet."));
  if (news_.owner) {
    const auto* join = std::get_if<cluster::command::join>(&what);
    const auto who = join != nullptr ? join->who.node : cluster::no_node;
    tell(meta_, propose_command{std::move(what), [this, keep = caf::strong_actor_ptr{ctrl()},
                                                  who, then = std::move(then)](
                                                     const decision& how) {
           auto answer = answer_of(how);
           answer.cluster = record_.cluster;
           answer.gone = who != cluster::no_node && answer.what == result::refused &&
                         state_->gone(who);
           then(std::move(answer));
         }});
    return;
  }
  if (news_.leader == cluster::no_node || relayed || news_.leader == self_.node)
    return then(unavailable("The cluster has no leader that this node knows: it has no majority, "
                            "or is just electing one."));
  ask(news_.leader, what, true, std::move(then));
}

void membership::ask(cluster::node_id of, const cluster::command::any& what, bool relayed,
                     answered then) {
  if (questions_.size() >= most_questions)
    return then(unavailable("This node has too many questions under way."));
  const auto request = ++last_request_;
  if (!say(of, talk::forward{request, cluster::command::encode(what), relayed}))
    return then(unavailable("The node that decides cannot be reached."));
  questions_[request] = {std::move(then), loop().now() + settings_.answer_ms, of};
}

void membership::heard(cluster::node_id from, const talk::forward& forward) {
  const auto reply = [this, from, request = forward.request](talk::answer answer) {
    answer.request = request;
    say(from, answer);
  };
  std::string error;
  auto what = cluster::command::decode(forward.command, error);
  if (!what) return reply({0, result::refused, error, 0, false});
  // Who is no member may ask to be one, for itself.
  const auto* join = std::get_if<cluster::command::join>(&*what);
  if (!peers_[from].admitted && (join == nullptr || join->who.node != from))
    return reply({0, result::refused, "This is decided by members alone.", 0, false});
  decide(std::move(*what), forward.relayed, reply);
}

void membership::heard(cluster::node_id from, const talk::answer& answer) {
  const auto found = questions_.find(answer.request);
  if (found == questions_.end() || found->second.to != from) return;
  const auto then = std::move(found->second.then);
  questions_.erase(found);
  then(answer);
}

void membership::give_up_questions(std::int64_t now) {
  std::vector<answered> late;
  for (auto at = questions_.begin(); at != questions_.end();) {
    if (at->second.until > now) {
      ++at;
      continue;
    }
    late.push_back(std::move(at->second.then));
    at = questions_.erase(at);
  }
  for (auto& then : late)
    then(unavailable("No answer in time: the cluster may have no majority. It may still happen."));
}

// -- orders -----------------------------------------------------------------------------

void membership::order(give_order& given) {
  auto& what = given.what;
  if (what.what == cluster_order::kind::join) {
    if (phase_ == phase::member || phase_ == phase::ended)
      return given.answer(refusal("This node is a member of cluster " + settings_.cluster_name +
                                  " already."));
    const auto colon = what.address.rfind(':');
    unsigned long port = 0;
    if (colon != std::string::npos) {
      const auto digits = what.address.substr(colon + 1);
      if (!digits.empty() && digits.size() <= 5 &&
          digits.find_first_not_of("0123456789") == std::string::npos)
        port = std::stoul(digits);
    }
    auto host = what.address.substr(0, colon == std::string::npos ? 0 : colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
      host = host.substr(1, host.size() - 2);
    if (host.empty() || port == 0 || port > 65'535)
      return given.answer(refusal("\"" + what.address + "\" is no address: host:port is."));
    find(host, static_cast<std::uint16_t>(port));
    return given.answer({true, false,
                         "This node asks " + what.address +
                             " for its cluster; `troupectl cluster show` tells when it is in."});
  }
  if (phase_ != phase::member || !state_->formed())
    return given.answer({false, true, "This node is no member of a cluster yet."});
  if (what.what == cluster_order::kind::plan) return order_plan(what.apply, std::move(given.answer));
  order_node(what, std::move(given.answer));
}

void membership::order_plan(bool apply, std::function<void(cluster_answer)> answer) {
  const auto made = cluster::plan(*state_);
  const auto text = cluster::describe(made, *state_);
  if (!apply || made.moves.empty()) return answer({true, false, text});
  decide(cluster::command_of(made), false,
         [text, answer = std::move(answer)](const talk::answer& how) {
           if (how.ok()) return answer({true, false, "The shards move.\n" + text});
           answer({false, how.what == result::unavailable, how.sentence});
         });
}

void membership::order_node(const cluster_order& what,
                            std::function<void(cluster_answer)> answer) {
  const bool evict = what.what == cluster_order::kind::evict;
  const auto* who = what.node.empty() ? state_->find(self_.node) : member_called(*state_, what.node);
  if (who == nullptr) return answer(refusal("There is no member " + what.node + "."));
  const auto name = who->name;
  if (evict && !what.force && (who->node == self_.node || peers_.contains(who->node)))
    return answer(refusal("Member " + name +
                          " runs and is heard: let it leave, or stop it first, or force it."));
  cluster::command::any command = cluster::command::leave{who->node, what.force};
  if (evict) command = cluster::command::evict{who->node, what.force};
  decide(std::move(command), false,
         [evict, name, answer = std::move(answer)](const talk::answer& how) {
           if (!how.ok())
             return answer({false, how.what == result::unavailable, how.sentence});
           answer({true, false,
                   evict ? "Member " + name + " is evicted."
                         : "Member " + name + " leaves: first its shards go to others; `troupectl "
                           "cluster show` tells when it is gone."});
         });
}

}  // namespace troupe::clustering
