#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/broker/inspect/cluster_questions.hpp"
#include "actors/broker/inspect/inspector.hpp"
#include "actors/observe/routes/admin_question.hpp"
#include "cluster/node_id.hpp"

namespace troupe::broker {

/// Asks this node and the others of its cluster, and makes one answer of theirs. Any node can
/// be asked for all. What is used here outlives it.
class all_nodes final : public observe::admin_source,
                        public std::enable_shared_from_this<all_nodes> {
 public:
  struct member {
    cluster::node_id node = cluster::no_node;
    std::string name;
  };
  /// Tells the members of the cluster, this node among them; on any thread, at most once.
  using member_list = std::function<void(std::function<void(std::vector<member>)>)>;

  /// How long others may take.
  static constexpr std::chrono::milliseconds patience{2'000};

  /// `others` and `members` null: the node runs alone.
  all_nodes(inspector& here, cluster_questions* others, member_list members)
      : here_(here), others_(others), members_(std::move(members)) {}

  void ask(observe::admin_question question, std::string node,
           std::function<void(observe::admin_gathered)> done) override;
  void ask_here(observe::admin_question question,
                std::function<void(observe::admin_gathered)> done) override;

 private:
  class gathering;

  void ask_these(const std::vector<member>& members, observe::admin_question question,
                 const std::string& node, std::function<void(observe::admin_gathered)> done);

  inspector& here_;
  cluster_questions* others_;
  const member_list members_;
};

}  // namespace troupe::broker
