#include "actors/node/shard_questions.hpp"

#include "actors/broker/inspect/inspector.hpp"
#include "actors/node/cluster_parts.hpp"

#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

namespace troupe::node {
namespace {

using observe::admin_answer;
using observe::admin_question;
using answered = broker::inspector::answered;

shard_id shard_in(const admin_question& question) {
  return static_cast<shard_id>(question.number("shard"));
}

/// Ids of nodes are told in hexadecimal digits.
cluster::node_id node_in(std::string_view text) {
  std::uint64_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id, 16);
  return cluster::node_id{id};
}

}  // namespace

void add_shard_questions(broker::inspector& to, const cluster_parts& cluster) {
  to.add("shard_await", [&cluster](const admin_question& question, const answered& done) {
    cluster.await_shard(shard_in(question));
    done({204, {}, {}, false});
  });
  to.add("shard_move", [&cluster](const admin_question& question, answered done) {
    cluster.move_shard(shard_in(question), node_in(question.term("to")),
                       [done = std::move(done)](unsigned status, std::string why) {
                         done({status, std::move(why), {}, false});
                       });
  });
}

}  // namespace troupe::node
