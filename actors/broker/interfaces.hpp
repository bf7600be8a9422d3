#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include "actors/broker/messages.hpp"

// Inside one process these travel as values; what crosses nodes is encoded by
// the link from the same structs, never by CAF.
#define TROUPE_LOCAL_MESSAGE(name) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::broker::name)
TROUPE_LOCAL_MESSAGE(publish_request)
TROUPE_LOCAL_MESSAGE(route_change)
TROUPE_LOCAL_MESSAGE(route_question)
TROUPE_LOCAL_MESSAGE(commit_done)
TROUPE_LOCAL_MESSAGE(deliver)
TROUPE_LOCAL_MESSAGE(deliver_alike)
TROUPE_LOCAL_MESSAGE(queue_elsewhere)
TROUPE_LOCAL_MESSAGE(publish_outcome)
TROUPE_LOCAL_MESSAGE(route_changed)
TROUPE_LOCAL_MESSAGE(attach_client)
TROUPE_LOCAL_MESSAGE(client_input)
TROUPE_LOCAL_MESSAGE(client_drained)
TROUPE_LOCAL_MESSAGE(client_gone)
TROUPE_LOCAL_MESSAGE(deferred)
TROUPE_LOCAL_MESSAGE(kick)
TROUPE_LOCAL_MESSAGE(wake_session)
TROUPE_LOCAL_MESSAGE(trim_queue)
TROUPE_LOCAL_MESSAGE(reread)
TROUPE_LOCAL_MESSAGE(shut_down)
TROUPE_LOCAL_MESSAGE(open_session)
TROUPE_LOCAL_MESSAGE(session_ended)
TROUPE_LOCAL_MESSAGE(session_resting)
TROUPE_LOCAL_MESSAGE(reopen)
TROUPE_LOCAL_MESSAGE(forget)
TROUPE_LOCAL_MESSAGE(peer_message)
TROUPE_LOCAL_MESSAGE(peer_changed)
TROUPE_LOCAL_MESSAGE(owner_now)
TROUPE_LOCAL_MESSAGE(routes_announced)
TROUPE_LOCAL_MESSAGE(wildcards_announced)
TROUPE_LOCAL_MESSAGE(majority_changed)
TROUPE_LOCAL_MESSAGE(peer_tick)
#undef TROUPE_LOCAL_MESSAGE

/// The map of the broker: who understands what.
namespace troupe::broker {

/// Everything that is told of other nodes.
using cluster_aware_actor = caf::typed_actor<
    caf::reacts_to<peer_message>, caf::reacts_to<peer_changed>, caf::reacts_to<owner_now>,
    // From session shards; not to themselves.
    caf::reacts_to<routes_announced>, caf::reacts_to<peer_tick>,
    // From membership, not to the wildcard index: it waits for nobody who cannot be heard.
    caf::reacts_to<majority_changed>>;

/// Owns the order and the commit of the topics of one shard: matches, stores
/// what durable sessions are owed, then answers the publisher and delivers.
using topic_shard_actor = cluster_aware_actor::extend<
    // From sessions and the node: messages to commit and deliver, in order.
    caf::reacts_to<publish_request>,
    // From sessions and session shards: a subscription without wildcards.
    caf::reacts_to<route_change>,
    // From the node, for people.
    caf::reacts_to<route_question>,
    // From the store writer.
    caf::reacts_to<commit_done>,
    // In a cluster, from the wildcard index.
    caf::reacts_to<wildcards_announced>>;

/// Owns the filters with wildcards of the node; publishes immutable snapshots.
using wildcard_index_actor = cluster_aware_actor::extend<
    // From sessions and session shards; answered when every later match sees it.
    caf::reacts_to<route_change>,
    // From the node, for people.
    caf::reacts_to<route_question>,
    // From the node, at start: runs when all changes before it are in.
    caf::reacts_to<deferred>>;

/// All that a topic shard knows of its receivers.
using subscriber_actor = caf::typed_actor<
    // From topic shards: messages chosen for this session.
    caf::reacts_to<deliver>, caf::reacts_to<deliver_alike>>;

/// The MQTT state of one client; a subscriber that also has a connection.
using session_actor = subscriber_actor::extend<
    // From the session shard: a connection that wants this session.
    caf::reacts_to<attach_client>,
    // From the connection: packets; room again; its end.
    caf::reacts_to<client_input>, caf::reacts_to<client_drained>, caf::reacts_to<client_gone>,
    // From topic shards: what became of its publishes.
    caf::reacts_to<publish_outcome>,
    // From topic shards and the wildcard index.
    caf::reacts_to<route_changed>,
    // From the store.
    caf::reacts_to<deferred>,
    // From its shard: end the connection or the session; stop; never come back.
    caf::reacts_to<kick>, caf::reacts_to<wake_session>, caf::reacts_to<trim_queue>,
    caf::reacts_to<reread>, caf::reacts_to<shut_down>, caf::reacts_to<forget>,
    // From its shard, if that is kept elsewhere: how long its queue is.
    caf::reacts_to<queue_elsewhere>>;

/// The directory of client ids of one shard; supervises its sessions.
using session_shard_actor = cluster_aware_actor::extend<
    // From sessions kept by another node's shard, and from those who changed routes for it.
    caf::reacts_to<route_change>, caf::reacts_to<route_changed>,
    // From connections.
    caf::reacts_to<open_session>,
    // From its sessions.
    caf::reacts_to<session_ended>, caf::reacts_to<session_resting>, caf::reacts_to<reopen>,
    // From topic shards.
    caf::reacts_to<trim_queue>,
    // From the store and from the node.
    caf::reacts_to<deferred>, caf::reacts_to<wake_session>, caf::reacts_to<shut_down>>;

}  // namespace troupe::broker
