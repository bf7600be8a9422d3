#include "actors/config/define_key.hpp"

#include <limits>

namespace troupe::config {

namespace {

constexpr std::int64_t second = 1000;
constexpr std::int64_t day = 86'400 * second;
constexpr std::int64_t never_ms = std::chrono::milliseconds{never}.count();
constexpr std::int64_t mib = 1 << 20;
constexpr std::int64_t largest_packet = 256 * mib;
constexpr std::int64_t u32_max = std::numeric_limits<std::uint32_t>::max();
constexpr key_range any_flag{};
constexpr key_range file_path{0, 4096};

template <auto Member, class... Arguments>
constexpr auto node(Arguments... arguments) {
  return define<&configuration::node, Member>(arguments...);
}
template <auto Member, class... Arguments>
constexpr auto limit(Arguments... arguments) {
  return define<&configuration::limits, Member>(arguments...);
}
template <auto Member, class... Arguments>
constexpr auto auth(Arguments... arguments) {
  return define<&configuration::auth, Member>(arguments...);
}
template <auto Member, class... Arguments>
constexpr auto cluster(Arguments... arguments) {
  return define<&configuration::cluster, Member>(arguments...);
}
template <auto Member, class... Arguments>
constexpr auto cluster_tls(Arguments... arguments) {
  return define<&configuration::cluster, &cluster_configuration::tls, Member>(arguments...);
}

using c = configuration;
using n = node_configuration;
using l = limits_configuration;
using g = cluster_configuration;
using t = cluster_tls_configuration;
using k = key_kind;
constexpr effect reload = effect::on_reload;
constexpr effect restart = effect::on_restart;

constexpr key<configuration> table[] = {
    node<&n::name>("node.name", k::text, restart, key_range{1, 64}, R"("broker-1")",
                   "the host name", "Name of this node in logs, metrics and $SYS topics."),
    node<&n::data_dir>("node.data_dir", k::text, restart, key_range{1, 4096}, R"("./troupe-data")",
                       "",
                       "Directory of everything that must survive a restart, made when missing.\n"
                       "The variable TROUPE_DATA sets another default; the Debian package uses "
                       "/var/lib/troupe."),
    node<&n::run_loops>("node.run_loops", k::integer, restart, key_range{0, 1024}, "0", "",
                        "Threads that serve sockets and actors, 0 = one per core."),
    node<&n::shards>("node.shards", k::integer, restart, key_range{1, 4096}, "64", "",
                     "Number of shards, fixed when the data directory is made."),
    node<&n::shutdown_timeout>("node.shutdown_timeout", k::duration, restart,
                               key_range{second, 3600 * second}, R"("10s")", "",
                               "Longest time of an orderly stop."),
    node<&n::server_reference>(
        "node.server_reference", k::text, reload, key_range{0, 256},
        R"("broker-2.example.org:1883")", "none",
        "Server that MQTT 5 clients are told to use when this node is drained (troupectl node "
        "drain),\nunless the command names another."),

    limit<&l::connect_timeout>("limits.connect_timeout", k::duration, reload,
                               key_range{100, 3600 * second}, R"("10s")", "",
                               "From the connection to a complete CONNECT, handshakes included."),
    limit<&l::max_connections>("limits.max_connections", k::integer, reload, key_range{0, u32_max},
                               "0", "",
                               "Connections of all listeners, 0 = what file descriptors allow."),
    limit<&l::max_connects_in_progress>(
        "limits.max_connects_in_progress", k::integer, reload, key_range{0, u32_max}, "2000", "",
        "Connections whose CONNECT is not answered, handshakes included; more wait in the kernel's "
        "backlog. 0 = no limit."),
    limit<&l::max_connect_rate>(
        "limits.max_connect_rate", k::integer, reload, key_range{0, 10'000'000}, "5000", "",
        "Connections per second that are taken in; more wait in the kernel's backlog. 0 = no "
        "limit."),
    limit<&l::max_connect_lag>(
        "limits.max_connect_lag", k::duration, reload, key_range{0, 60 * second}, R"("250ms")", "",
        "When a ready socket waits longer than that on a run loop, new connections wait in the "
        "kernel's\nbacklog, but for one in 100 ms, so that connected clients are served. 0 = no "
        "limit."),
    limit<&l::max_packet_size>("limits.max_packet_size", k::size, reload,
                               key_range{64, largest_packet}, R"("2MiB")", "",
                               "Largest MQTT packet in either direction."),
    limit<&l::receive_maximum>("limits.receive_maximum", k::integer, reload, key_range{1, 65'535},
                               "256", "",
                               "Publishes of QoS 1 and 2 that a client may have under way to the "
                               "broker."),
    limit<&l::max_inflight>("limits.max_inflight", k::integer, reload, key_range{1, 65'535}, "256",
                            "",
                            "Publishes of QoS 1 and 2 under way to one client, whatever it "
                            "offers."),
    limit<&l::max_topic_alias>("limits.max_topic_alias", k::integer, reload, key_range{0, 65'535},
                               "64", "", "Topic aliases per connection and direction, 0 = none."),
    limit<&l::max_topic_levels>("limits.max_topic_levels", k::integer, reload, key_range{1, 65'535},
                                "128", "", "Levels of a topic or topic filter."),
    limit<&l::max_client_id_length>("limits.max_client_id_length", k::integer, reload,
                                    key_range{23, 65'535}, "1024", "",
                                    "Bytes of a client identifier."),
    limit<&l::max_subscriptions_per_session>("limits.max_subscriptions_per_session", k::integer,
                                             reload, key_range{1, 10'000'000}, "1000", "",
                                             "Subscriptions of one session."),
    limit<&l::max_queued_messages>("limits.max_queued_messages", k::integer, reload,
                                   key_range{1, u32_max}, "10000", "",
                                   "Messages that wait for one session, online or offline."),
    limit<&l::max_queued_bytes>("limits.max_queued_bytes", k::size, reload,
                                key_range{1024, 1ll << 50}, R"("64MiB")", "",
                                "Bytes that wait for one session."),
    limit<&l::queue_full_policy>("limits.queue_full_policy", k::choice, reload, any_flag,
                                 R"("drop_newest")", "",
                                 "What gives way when the queue of a session is full: "
                                 "drop_newest or drop_oldest.\nDropped messages are counted."),
    limit<&l::max_retained_messages>("limits.max_retained_messages", k::integer, reload,
                                     key_range{0, u32_max}, "0", "",
                                     "Retained messages of the node, 0 = no limit."),
    limit<&l::max_write_buffer>("limits.max_write_buffer", k::size, reload,
                                key_range{4096, 1ll << 40}, R"("4MiB")", "",
                                "Bytes on their way to one client; above it the client's session "
                                "waits."),
    limit<&l::max_keep_alive>("limits.max_keep_alive", k::duration, reload,
                              key_range{0, 65'535 * second}, "0", "",
                              "Longest keep-alive, told to MQTT 5 clients as Server Keep Alive,\n"
                              "0 = what the client asks for."),
    limit<&l::max_session_expiry>("limits.max_session_expiry", k::duration, reload,
                                  key_range{0, never_ms}, R"("never")", "",
                                  "Longest life of a session without connection; also that of "
                                  "MQTT 3 sessions\nthat are not clean."),
    limit<&l::max_message_expiry>("limits.max_message_expiry", k::duration, reload,
                                  key_range{second, never_ms}, R"("never")", "",
                                  "Longest life of a message; also that of messages without an "
                                  "expiry of their own."),
    limit<&l::passivation_delay>("limits.passivation_delay", k::duration, reload,
                                 key_range{second, 30 * day}, R"("60s")", "",
                                 "Time after which an offline session leaves memory for the "
                                 "disk."),

    define<&c::durability, &durability_configuration::mode>(
        "durability.mode", k::choice, restart, any_flag, R"("process")", "",
        "What an acknowledged message survives: \"process\" the end of the process,\n\"fsync\" a "
        "power cut as well."),
    define<&c::durability, &durability_configuration::cache_size>(
        "durability.cache_size", k::size, restart, key_range{mib, 1ll << 40}, R"("64MiB")", "",
        "Memory for blocks of the store, an upper bound."),
    define<&c::durability, &durability_configuration::retained_memory>(
        "durability.retained_memory", k::size, restart, key_range{0, 1ll << 40}, R"("64MiB")", "",
        "Retained messages are kept in memory as well while all of them fit into this much\n(about "
        "130 bytes each beside topic and payload); more are read from the store."),
    define<&c::durability, &durability_configuration::backup_dir>(
        "durability.backup_dir", k::text, restart, key_range{1, 4096}, R"("backups")", "",
        "Where `troupectl backup make` puts copies of the store: a path, or a name in "
        "node.data_dir.\n"
        "On the disk of the data directory they are links, made at once; on another one copies.\n"
        "In a cluster every node has its own, under the same name."),

    auth<&auth_configuration::allow_anonymous>("auth.allow_anonymous", k::boolean, reload, any_flag,
                                               "false", "only from loopback",
                                               "Whether clients without user name may connect."),
    auth<&auth_configuration::password_file>(
        "auth.password_file", k::text, reload, file_path, R"("/etc/troupe/passwd")", "none",
        "Users and password hashes in Mosquitto's format, written by `troupectl passwd`."),
    auth<&auth_configuration::acl_file>(
        "auth.acl_file", k::text, reload, file_path, R"("/etc/troupe/acl")",
        "everything is allowed", "Who may publish and subscribe to what, in Mosquitto's format."),
    auth<&auth_configuration::scram_file>(
        "auth.scram_file", k::text, reload, file_path, R"("/etc/troupe/scram")", "none",
        "Verifiers for SCRAM, the enhanced authentication of MQTT 5."),

    define<&c::shared_subscription, &shared_subscription_configuration::strategy>(
        "shared_subscription.strategy", k::choice, reload, any_flag, R"("round_robin")", "",
        "Which member of a shared subscription ($share/group/filter) gets a message, of those that "
        "are connected\nand have room: round_robin; local_first, in turn those on the publisher's "
        "node; sticky, the same one as long\nas it is there; hash_client, by the publisher's "
        "client "
        "id; random."),
    define<&c::shared_subscription, &shared_subscription_configuration::groups>(
        "shared_subscription.groups", k::list, reload, key_range{0, 1024}, R"([])", "",
        "Groups with another strategy, such as [\"billing=sticky\", \"audit=hash_client\"]."),

    define<&c::log, &log_configuration::level>("log.level", k::choice, reload, any_flag,
                                               R"("info")", "",
                                               "trace, debug, info, warning or error."),
    define<&c::log, &log_configuration::format>("log.format", k::choice, restart, any_flag,
                                                R"("human")", "", "human or json."),
    define<&c::log, &log_configuration::target>("log.target", k::text, restart, key_range{1, 4096},
                                                R"("stderr")", "",
                                                "stderr, or the path of a file."),

    define<&c::http, &http_configuration::enabled>(
        "http.enabled", k::boolean, restart, any_flag, "true", "",
        "Whether /metrics, /livez, /readyz and the admin API (/api) are served."),
    define<&c::http, &http_configuration::bind>(
        "http.bind", k::address, restart, any_flag, R"("127.0.0.1:18083")", "",
        "Address of that HTTP server. It speaks plain HTTP; beyond loopback it needs a token."),
    define<&c::http, &http_configuration::token>(
        "http.token", k::secret, reload, key_range{0, 4096}, R"("")", "",
        "Secret of at least 16 characters that requests must show, /livez and /readyz excepted:\n"
        "\"Authorization: Bearer <token>\". Best as \"file:///etc/troupe/http-token\", a file "
        "that\nholds it, or as the variable TROUPE_HTTP__TOKEN. Who shows it may do everything."),
    define<&c::http, &http_configuration::token_file>(
        "http.token_file", k::text, reload, file_path, R"("/etc/troupe/tokens")", "none",
        "More tokens, with the roles viewer, operator or admin, written by `troupectl token add`."),
    define<&c::http, &http_configuration::socket>(
        "http.socket", k::text, restart, key_range{1, 4096}, R"("admin.sock")", "",
        "Unix socket of the same, a path or a name in node.data_dir. On it root and the user "
        "that\nthe broker runs as need no token; troupectl finds it there. \"off\": none."),

    define<&c::sys, &sys_configuration::interval>("sys.interval", k::duration, restart,
                                                  key_range{0, day}, R"("10s")", "",
                                                  "Time between the $SYS topics, 0 = none."),

    cluster<&g::name>("cluster.name", k::text, restart, key_range{1, 64}, R"("troupe")", "",
                      "Name of the cluster; nodes that say another are turned away."),
    cluster<&g::listen>("cluster.listen", k::address, restart, any_flag, R"("off")", "",
                        "Address and port for the other nodes, such as \"10.0.0.1:4883\"; \"off\": "
                        "this node runs alone.\nWithout tls only loopback is taken."),
    cluster<&g::advertise>("cluster.advertise", k::address, restart, any_flag, R"("off")", "",
                           "Where the others reach it, if not at cluster.listen."),
    cluster<&g::secret>("cluster.secret", k::secret, restart, key_range{0, 4096}, R"("")", "",
                        "What every node of the cluster knows, at least 16 characters. Best as\n"
                        "\"file:///etc/troupe/cluster-secret\", a file that holds it, or as the "
                        "variable TROUPE_CLUSTER__SECRET."),
    cluster<&g::secret_file>("cluster.secret_file", k::text, restart, file_path,
                             R"("/etc/troupe/cluster-secret")", "none",
                             "File that holds the secret, instead of cluster.secret."),
    cluster<&g::seeds>(
        "cluster.seeds", k::list, restart, key_range{0, 64}, R"([])", "",
        "Nodes to ask for the cluster, such as [\"10.0.0.1:4883\", "
        "\"10.0.0.2:4883\"]. All nodes may\nhave the same list. A node without seeds "
        "makes a cluster of its own, unless bootstrap_expect says otherwise."),
    cluster<&g::bootstrap_expect>(
        "cluster.bootstrap_expect", k::integer, restart, key_range{1, 64}, "1", "",
        "Members that a new cluster waits for before it places shards and "
        "takes devices."),
    cluster<&g::replicas>("cluster.replicas", k::integer, restart, key_range{1, 7}, "3", "",
                          "Nodes that hold each shard of a new cluster, or as many as there are."),
    cluster<&g::witness>("cluster.witness", k::boolean, restart, any_flag, "false", "",
                         "Whether this node is there for its vote: it takes no devices, serves no "
                         "shard while another "
                         "node can, and holds the third replica where two nodes hold the others."),
    cluster<&g::election_timeout>("cluster.election_timeout", k::duration, restart,
                                  key_range{50, 60 * second}, R"("1s")", "",
                                  "Silence of a leader after which the others elect one."),
    cluster<&g::heartbeat>("cluster.heartbeat", k::duration, restart, key_range{5, 10 * second},
                           R"("100ms")", "", "Time between the signs of life of a leader."),
    cluster<&g::window>("cluster.window", k::size, restart, key_range{64 * 1024, 1024 * mib},
                        R"("8MiB")", "", "Messages under way to one node, unacknowledged."),
    cluster<&g::raft_window>("cluster.raft_window", k::size, restart,
                             key_range{64 * 1024, 1024 * mib}, R"("16MiB")", "",
                             "Replicated data under way to one node, unacknowledged."),
    cluster<&g::suspect_time>("cluster.suspect_time", k::duration, restart,
                              key_range{200, 60 * second}, R"("3s")", "",
                              "Time without an answer after which a node is taken for dead."),
    cluster<&g::resume_time>("cluster.resume_time", k::duration, restart,
                             key_range{0, 600 * second}, R"("10s")", "",
                             "How long a broken link between two living nodes is waited for."),
    cluster<&g::insecure>("cluster.insecure", k::boolean, restart, any_flag, "false", "",
                          "Whether nodes may talk beyond loopback without TLS: only in a network "
                          "that nobody else is in."),
    cluster_tls<&t::certificate>("cluster.tls.certificate", k::text, restart, file_path,
                                 R"("/etc/troupe/cluster/node.pem")", "none, no TLS between nodes",
                                 "PEM file: this node's certificate, then its chain."),
    cluster_tls<&t::key>("cluster.tls.key", k::text, restart, file_path,
                         R"("/etc/troupe/cluster/node.key")", "none", "PEM file: the private key."),
    cluster_tls<&t::key_passphrase>(
        "cluster.tls.key_passphrase", k::secret, restart, key_range{0, 4096}, R"("")", "",
        "Passphrase of the key, best as \"file:///path\" of a file that "
        "holds it."),
    cluster_tls<&t::ca>("cluster.tls.ca", k::text, restart, file_path,
                        R"("/etc/troupe/cluster/ca.pem")", "none",
                        "PEM file: the authority that signs the nodes of this cluster, and nobody "
                        "else."),
};

}  // namespace

std::span<const key<configuration>> node_keys() {
  return table;
}

}  // namespace troupe::config
