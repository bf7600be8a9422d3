#pragma once

namespace troupe::broker {
class inspector;
}

namespace troupe::node {

class cluster_parts;

/// "shard_await", "shard_move": an administrator gives a shard of this node to another one; that
/// one is told before. `cluster` outlives what is asked.
void add_shard_questions(broker::inspector& to, const cluster_parts& cluster);

}  // namespace troupe::node
