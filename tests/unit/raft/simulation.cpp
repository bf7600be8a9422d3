#include "tests/unit/raft/simulation.hpp"

#include <algorithm>
#include <utility>

namespace troupe::cluster::raft::test {

simulation::simulation(const simulation_options& options)
    : options_(options), now_faults_(options.faults), random_(options.seed) {
  membership first;
  for (std::uint32_t i = 0; i < options.voters; ++i) first.push_back({node_id{i + 1U}});
  for (std::uint32_t i = 0; i < options.nodes; ++i) {
    nodes_.push_back(std::make_unique<sim_node>(*this, node_id{i + 1U}));
    if (i < options.voters) {
      storage::raft_log_batch unused;
      (void)group::bootstrap(first, nodes_[i]->disk().content(), unused);
    }
  }
  for (auto& one : nodes_) one->start();
  at(500, [this] { client(); });
  at(1000, [this] { trouble(); });
  at(1000, [this] { admin(); });
}

simulation::~simulation() {
  violation_ = "over";
  for (auto& one : nodes_) one->crash();
}

void simulation::at(time_ms when, std::function<void()> what) {
  events_.push({when, ++order_, std::move(what)});
}

std::uint64_t simulation::random(std::uint64_t least, std::uint64_t most) {
  return least + random_() % (most - least + 1);
}

bool simulation::chance(double of) {
  return static_cast<double>(random_() >> 11) < of * 9007199254740992.0;
}

void simulation::violate(const std::string& what) {
  if (violation_.empty()) {
    violation_ =
        "seed " + std::to_string(options_.seed) + ", at " + std::to_string(now_) + " ms: " + what;
  }
}

std::string simulation::describe() {
  std::string out;
  for (auto& one : nodes_) {
    out += "\n  node " + std::to_string(number(one->id()));
    if (!one->up()) continue;
    const auto at = one->group().figures();
    out += " role " + std::to_string(static_cast<int>(at.role)) + " term " +
           std::to_string(at.term) + " leader " + std::to_string(number(at.leader)) + " log " +
           std::to_string(at.first) + ".." + std::to_string(at.last) + " committed " +
           std::to_string(at.committed) + " applied " + std::to_string(at.applied) + " snapshot " +
           std::to_string(at.snapshot) + (one->owns() ? " owner" : "") + " dropped " +
           std::to_string(at.dropped) + " members";
    out += one->describe();
    for (const auto& member : one->group().members()) {
      out += ' ' + std::to_string(number(member.node)) + ':' +
             std::to_string(static_cast<int>(member.role));
    }
    for (const auto& follower : at.followers) {
      out += " [" + std::to_string(number(follower.node)) + " match " +
             std::to_string(follower.match) + (follower.snapshot ? " snapshot]" : "]");
    }
  }
  return out;
}

bool simulation::run_until(time_ms span, const std::function<bool()>& done) {
  const auto end = now_ + span;
  while (violation_.empty() && !events_.empty() && events_.top().when <= end) {
    auto next = std::move(const_cast<event&>(events_.top()));
    events_.pop();
    now_ = next.when;
    next.what();
    if (done && done()) return true;
  }
  now_ = std::max(now_, end);
  return false;
}

void simulation::run_for(time_ms span) {
  (void)run_until(span, nullptr);
}

void simulation::transmit(node_id from, node_id to, char channel, std::string bytes) {
  if (!violation_.empty()) return;
  if (!find(to)) return violate("a message to nobody");
  if (cut(from, to) || chance(now_faults_.drop)) return;
  const auto copies = chance(now_faults_.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    const auto late = chance(0.02) ? 10U : 1U;  // it may come when nobody expects it any more
    const auto delay = random(now_faults_.least_delay_ms, now_faults_.most_delay_ms * late);
    at(now_ + delay, [this, from, to, channel, bytes] {
      if (!cut(from, to)) find(to)->receive(from, channel, bytes);
    });
  }
}

sim_node* simulation::find(node_id id) {
  const auto i = number(id) - 1;
  return i < nodes_.size() ? nodes_[i].get() : nullptr;
}

sim_node* simulation::owner() {
  sim_node* found = nullptr;
  for (auto& one : nodes_) {
    if (one->owns() && (!found || found->owned_term() < one->owned_term())) found = one.get();
  }
  return found;
}

void simulation::look(sim_node& who) {
  if (!who.up()) return;
  if (who.group().role() == role::leader) {
    const auto [entry, fresh] = leaders_.emplace(who.group().term(), who.id());
    if (!fresh && entry->second != who.id()) {
      violate("two leaders in term " + std::to_string(who.group().term()));
    }
  }
  for (auto& one : nodes_) {
    if (one->lease_valid() && !leaders_.empty() && leaders_.rbegin()->first > one->group().term()) {
      violate("node " + std::to_string(number(one->id())) + " has a lease in term " +
              std::to_string(one->group().term()) + ", but term " +
              std::to_string(leaders_.rbegin()->first) + " has a leader");
    }
  }
}

void simulation::saw_applied(sim_node& who, log_index index, term_no term,
                             const std::string& value) {
  const auto [entry, fresh] = committed_.emplace(index, std::pair{term, value});
  if (!fresh && entry->second != std::pair{term, value}) {
    violate("node " + std::to_string(number(who.id())) + " applies at " + std::to_string(index) +
            " \"" + value.substr(0, 20) + "\" of term " + std::to_string(term) + ", but \"" +
            entry->second.second.substr(0, 20) + "\" of term " +
            std::to_string(entry->second.first) + " was committed there");
  }
}

void simulation::saw_owned(sim_node& who, term_no term) {
  const auto& commands = who.state().commands;
  for (auto at = acked_.rbegin(); at != acked_.rend(); ++at) {
    if (at->second.term >= term) continue;
    if (who.state().index < at->first) {
      return violate("an owner has not applied what was acknowledged before, " +
                     std::to_string(at->first));
    }
    const auto found = std::lower_bound(
        commands.begin(), commands.end(), at->first,
        [](const auto& command, log_index index) { return command.first < index; });
    if (found == commands.end() || found->first != at->first || found->second != at->second.value) {
      return violate("an owner lacks what was acknowledged, " + std::to_string(at->first));
    }
    if (at->first + 200 < acked_.rbegin()->first) break;
  }
}

void simulation::propose(sim_node& to, std::size_t size) {
  auto value = "v" + std::to_string(++proposals_) + " ";
  value.resize(std::max(value.size(), size), 'x');
  const auto term = to.group().term();
  to.group().propose(value, [this, value, term](outcome result, log_index index) {
    if (result != outcome::done || violation_ == "over") return;
    const auto found = committed_.find(index);
    if (found == committed_.end() || found->second.second != value) {
      return violate("acknowledged, but not committed: " + std::to_string(index));
    }
    if (!acked_.emplace(index, acknowledgement{term, value}).second) violate("acknowledged twice");
  });
}

void simulation::client() {
  at(now_ + random(1, 20), [this] { client(); });
  if (!clients_) return;
  for (auto& one : nodes_) {
    if (!one->up() || one->group().role() != role::leader) continue;
    for (auto count = random(0, 4); count > 0; --count) {
      propose(*one, chance(0.05) ? random(100, 3000) : random(0, 60));
    }
    one->group().flush(one->clock());
    look(*one);
  }
}

void simulation::admin() {
  at(now_ + random(100, 1500), [this] { admin(); });
  for (auto& one : nodes_) {
    if (!one->owns()) continue;
    if (now_faults_.transfers && chance(0.3)) {
      const auto to = node_id{random(1, nodes_.size())};
      one->group().transfer_leadership(one->clock(), to, [this](outcome result) {
        if (result == outcome::done) ++transfers_done_;
      });
    } else if (now_faults_.changes) {
      change_members(*one);
    }
    look(*one);
  }
}

void simulation::change_members(sim_node& leader) {
  const auto members = leader.group().members();
  const auto voters = std::count_if(members.begin(), members.end(), [](const member& one) {
    return one.role == member_role::voter;
  });
  const auto counted = [this](outcome result) {
    if (result == outcome::done) ++changes_done_;
  };
  const auto now = leader.clock();
  const auto id = node_id{random(1, nodes_.size())};
  const auto known = std::find_if(members.begin(), members.end(),
                                  [&](const member& one) { return one.node == id; });
  if (known == members.end()) return leader.group().add(now, id, counted);
  switch (known->role) {
    case member_role::spare:
      return leader.group().assign(now, id, chance(0.8) ? member_role::standby : member_role::voter,
                                   counted);
    case member_role::standby:
      return leader.group().assign(now, id, member_role::voter, counted);
    case member_role::voter:
      if (voters <= 2) return;
      if (chance(0.5)) return leader.group().remove(now, id, counted);
      return leader.group().assign(now, id, member_role::standby, counted);
  }
}

void simulation::trouble() {
  at(now_ + random(5, now_faults_.every_ms), [this] { trouble(); });
  auto id = node_id{random(1, nodes_.size())};
  if (!find(id)->up()) {
    if (chance(0.7)) restart(*find(id));
    return;
  }
  const auto what = random(0, 9);
  if (what % 2 == 0) {
    // Whoever leads is hit more often than chance would have it, and before it owns.
    for (auto& one : nodes_) {
      if (one->up() && one->group().role() == role::leader) id = one->id();
    }
  }
  if (now_faults_.crashes && what < 3) return crash(*find(id));
  if (!now_faults_.cuts) return;
  if (what == 3 || what == 4) {
    isolate(id, true);
  } else if (what == 5) {
    cuts_.insert({id, node_id{random(1, nodes_.size())}});  // one way
  } else if (what >= 7) {
    cuts_.clear();
  }
}

void simulation::isolate(node_id id, bool on) {
  for (auto& other : nodes_) {
    for (const auto& way : {std::pair{id, other->id()}, std::pair{other->id(), id}}) {
      if (on) cuts_.insert(way);
      if (!on) cuts_.erase(way);
    }
  }
}

void simulation::crash(sim_node& which) {
  which.crash();
}

void simulation::restart(sim_node& which) {
  which.start();
}

void simulation::heal() {
  now_faults_ = {};
  cuts_.clear();
  for (auto& one : nodes_) {
    if (!one->up()) restart(*one);
  }
}

bool simulation::all_equal() {
  auto* leads = owner();
  if (!leads) return false;
  for (const auto& one : leads->group().members()) {
    if (one.role == member_role::spare) continue;
    const auto& node = *find(one.node);
    if (node.state().index != leads->state().index ||
        node.state().commands != leads->state().commands) {
      return false;
    }
  }
  for (const auto& [index, acknowledged] : acked_) {
    const auto& commands = leads->state().commands;
    if (index > leads->state().index) return false;
    const auto found = std::lower_bound(
        commands.begin(), commands.end(), index,
        [](const auto& command, log_index wanted) { return command.first < wanted; });
    if (found == commands.end() || found->first != index || found->second != acknowledged.value) {
      violate("what was acknowledged is lost: " + std::to_string(index));
      return false;
    }
  }
  return true;
}

}  // namespace troupe::cluster::raft::test
