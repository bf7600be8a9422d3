#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "actors/broker/inspect/inspector.hpp"
#include "cluster/network.hpp"

namespace troupe::broker {

/// Administrators' questions to other nodes, on a channel of their own: one bounded question,
/// one bounded answer. What is sent may be lost with the pairing; whoever asks waits with a
/// limit and then gives up. Any thread; events on the loop of the links.
class cluster_questions final : public cluster::network_events {
 public:
  /// Questions of one other node that this one works on at a time.
  static constexpr unsigned most_of_a_peer = 8;

  explicit cluster_questions(cluster::network& net) : net_(net), state_(std::make_shared<state>()) {}

  /// Answers what others ask. Before the links start; `here` outlives the links.
  void serve(inspector& here) { here_ = &here; }

  /// Null: lost with the pairing, or not sent.
  using answered = std::function<void(const observe::admin_answer*)>;
  /// `done` is called once, perhaps at once, unless it is given up. Answers a number for that.
  std::uint64_t ask(cluster::node_id node, const observe::admin_question& question, answered done);
  void give_up(std::uint64_t request);

  /// What every node is to know: `all` is told to each that comes, `told` hears what others
  /// say. Before the links start.
  struct shared_texts {
    std::function<std::vector<std::string>()> all;
    std::function<void(std::string_view)> told;
  };
  void share(shared_texts what) { shared_ = std::move(what); }
  /// To all nodes that are there. What is lost is told again when they come back.
  void tell_all(const std::string& text);

  void peer_up(cluster::node_id peer, std::uint64_t pairing) override;
  void peer_down(cluster::node_id peer, std::uint64_t pairing) override;
  void received(cluster::node_id from, cluster::channel to, std::string_view bytes) override;

 private:
  struct waiting {
    cluster::node_id node = cluster::no_node;
    answered done;
  };
  struct state {
    std::mutex mutex;
    std::map<std::uint64_t, waiting> asked;
    std::map<cluster::node_id, unsigned> served;  // questions of others under way
    std::set<cluster::node_id> up;
    std::uint64_t next = 1;
  };

  void serve_one(cluster::node_id from, std::string_view bytes);
  void take(cluster::node_id from, std::string_view bytes);
  void reply(cluster::node_id to, std::uint64_t request, const observe::admin_answer& answer);
  answered take_out(std::uint64_t request, cluster::node_id from);

  cluster::network& net_;
  inspector* here_ = nullptr;
  shared_texts shared_;
  std::shared_ptr<state> state_;
};

}  // namespace troupe::broker
