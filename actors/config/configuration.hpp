#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::config {

/// Four bytes of ones mean "never" in MQTT's expiry intervals; so they do here.
inline constexpr std::chrono::seconds never{0xFFFF'FFFF};

enum class transport_kind : std::uint8_t { tcp, tls, ws, wss, unix_socket };
enum class client_certificates : std::uint8_t { none, optional, required };
enum class certificate_username : std::uint8_t { none, cn, subject };
enum class tls_version : std::uint8_t { v1_2, v1_3 };
/// What a full queue of a session gives up: the message that comes or the oldest one that waits.
enum class queue_full_policy : std::uint8_t { drop_newest, drop_oldest };
/// What a commit survives: the end of the process or a power cut.
enum class durability_mode : std::uint8_t { process, fsync };
/// Which member of a shared subscription's group gets a message.
enum class share_strategy : std::uint8_t { round_robin, local_first, sticky, hash_client, random };
enum class log_level : std::uint8_t { trace, debug, info, warning, error };
enum class log_format : std::uint8_t { human, json };

/// Where a server listens. Port 0 lets the kernel choose (useful in tests).
struct endpoint {
  std::string host = "127.0.0.1";  // an address without brackets, or a name
  std::uint16_t port = 0;

  bool operator==(const endpoint&) const = default;
};

/// "127.0.0.1:1883" or "[::1]:1883".
std::string to_string(const endpoint& address);

/// True for 127.0.0.0/8, ::1 and "localhost".
bool is_loopback(const endpoint& address);

/// True for what stands for every address of the machine: 0.0.0.0, :: and "*".
bool is_wildcard(const endpoint& address);

struct tls_configuration {
  std::string certificate;     // PEM file, the server's certificate and its chain
  std::string key;             // PEM file
  std::string key_passphrase;  // the secret itself, already read when given as file://
  std::string ca;              // PEM file with the authorities of client certificates
  client_certificates clients = client_certificates::none;
  std::string crl;      // PEM file of revoked client certificates, or empty
  std::string ciphers;  // OpenSSL's cipher list for TLS 1.2, empty = OpenSSL's default
  tls_version min_version = tls_version::v1_2;

  bool operator==(const tls_configuration&) const = default;
};

struct listener_configuration {
  std::string name;  // never empty nor twice after load()
  transport_kind transport = transport_kind::tcp;
  endpoint bind;                             // tcp, tls, ws, wss
  std::string unix_path;                     // unix_socket
  std::uint32_t unix_mode = 0660;            // permission bits of the socket file
  std::string path = "/mqtt";                // ws, wss: path of the upgrade request
  std::vector<std::string> allowed_origins;  // ws, wss: empty = every origin
  std::uint32_t max_connections = 0;         // 0 = only the node's limit holds
  std::uint32_t max_packet_size = 0;         // bytes, 0 = limits.max_packet_size
  std::optional<bool> allow_anonymous;       // unset = auth.allow_anonymous
  certificate_username use_certificate_as_username = certificate_username::none;
  bool proxy_protocol = false;  // every connection begins with a PROXY header
  /// Addresses and networks ("10.0.0.0/8") that may connect then.
  std::vector<std::string> proxy_trusted{"127.0.0.0/8", "::1"};
  tls_configuration tls;

  /// True for tls and wss.
  bool secure() const noexcept {
    return transport == transport_kind::tls || transport == transport_kind::wss;
  }
  /// True for ws and wss.
  bool websocket() const noexcept {
    return transport == transport_kind::ws || transport == transport_kind::wss;
  }
  bool operator==(const listener_configuration&) const = default;
};

/// What a node without configuration offers: MQTT on 127.0.0.1:1883 and
/// WebSocket on 127.0.0.1:8083.
std::vector<listener_configuration> default_listeners();

struct node_configuration {
  std::string name;                                    // never empty after load(): the host name
  std::string data_dir = "./troupe-data";              // made when missing
  std::uint32_t run_loops = 0;                         // threads, 0 = one per core
  std::uint32_t shards = 64;                           // fixed when the data directory is made
  std::chrono::milliseconds shutdown_timeout{10'000};  // the longest orderly stop
  std::string server_reference;  // where clients go when the node drains, or empty

  bool operator==(const node_configuration&) const = default;
};

struct limits_configuration {
  std::chrono::milliseconds connect_timeout{10'000};  // handshakes and CONNECT together
  std::uint32_t max_connections = 0;                  // 0 = as many as file descriptors allow
  /// How CONNECTs are taken in, of all listeners; what is over waits in the kernel's backlog.
  std::uint32_t max_connects_in_progress = 2'000;  // accepted and not answered, 0 = no limit
  std::uint32_t max_connect_rate = 5'000;          // connections per second, 0 = no limit
  std::chrono::milliseconds max_connect_lag{250};  // of a run loop, 0 = no limit
  std::uint32_t max_packet_size = 2 * 1024 * 1024;    // bytes, both directions
  std::uint16_t receive_maximum = 256;  // unacknowledged QoS 1 and 2 publishes taken from a client
  std::uint16_t max_inflight = 256;     // and sent to a client, whatever it offers
  std::uint16_t max_topic_alias = 64;   // topic aliases per connection and direction
  std::uint32_t max_topic_levels = 128;
  std::uint32_t max_client_id_length = 1024;  // bytes
  std::uint32_t max_subscriptions_per_session = 1000;
  std::uint32_t max_queued_messages = 10'000;            // per session
  std::uint64_t max_queued_bytes = 64ull * 1024 * 1024;  // per session
  config::queue_full_policy queue_full_policy = config::queue_full_policy::drop_newest;
  std::uint64_t max_retained_messages = 0;              // 0 = no limit
  std::uint64_t max_write_buffer = 4ull * 1024 * 1024;  // bytes per connection
  std::chrono::seconds max_keep_alive{0};               // 0 = what the client asks for
  std::chrono::seconds max_session_expiry = never;
  std::chrono::seconds max_message_expiry = never;
  std::chrono::milliseconds passivation_delay{
      60'000};  // offline time before a session leaves memory

  bool operator==(const limits_configuration&) const = default;
};

struct durability_configuration {
  durability_mode mode = durability_mode::process;
  std::uint64_t cache_size = 64ull * 1024 * 1024;  // bytes of the store's block cache
  std::uint64_t retained_memory = 64ull * 1024 * 1024;  // bytes; more are read from the store
  std::string backup_dir = "backups";  // a path, or a name in the data directory

  bool operator==(const durability_configuration&) const = default;
};

struct auth_configuration {
  std::optional<bool> allow_anonymous;  // unset = peers on loopback only
  std::string password_file;            // Mosquitto's format, empty = none
  std::string acl_file;                 // Mosquitto's format, empty = everything is allowed
  std::string scram_file;               // SCRAM verifiers for enhanced authentication, empty = none

  bool operator==(const auth_configuration&) const = default;
};

struct shared_subscription_configuration {
  share_strategy strategy = share_strategy::round_robin;
  std::vector<std::string> groups;  // "group=strategy", checked by load()

  bool operator==(const shared_subscription_configuration&) const = default;
};

/// The parts of "group=strategy", or nothing.
std::optional<std::pair<std::string, share_strategy>> parse_group_strategy(std::string_view text);

struct log_configuration {
  log_level level = log_level::info;
  log_format format = log_format::human;
  std::string target = "stderr";  // "stderr" or the path of a file

  bool operator==(const log_configuration&) const = default;
};

struct http_configuration {
  bool enabled = true;
  endpoint bind{"127.0.0.1", 18083};  // /metrics, /livez, /readyz, /api
  std::string token;       // what an admin shows; this and token_file empty only on loopback
  std::string token_file;  // tokens with roles, as digests; empty = none
  std::string socket = "admin.sock";  // Unix socket, from the data directory on; "off" = none

  bool operator==(const http_configuration&) const = default;
};

struct sys_configuration {
  std::chrono::milliseconds interval{10'000};  // of the $SYS topics, 0 = none

  bool operator==(const sys_configuration&) const = default;
};

struct cluster_tls_configuration {
  std::string certificate;     // PEM file of this node, with its chain; shown to and by every peer
  std::string key;             // PEM file
  std::string key_passphrase;  // the secret itself
  std::string ca;              // PEM file: the authority of the cluster's nodes alone

  bool operator==(const cluster_tls_configuration&) const = default;
};

/// What makes the node one of a cluster; nothing of it matters while `listen` is unset.
struct cluster_configuration {
  std::string name = "troupe";         // nodes of another name are turned away
  std::optional<endpoint> listen;      // for the other nodes; unset = this node runs alone
  std::optional<endpoint> advertise;   // where they reach it, unset = `listen`; port 0 = as bound
  std::string secret;                  // after load() never empty in a cluster
  std::string secret_file;             // where `secret` was read from, or empty
  std::vector<endpoint> seeds;         // nodes to ask for a cluster; its own address does no harm
  std::uint32_t bootstrap_expect = 1;  // members that the first shard map waits for
  std::uint32_t replicas = 3;          // of a shard, wanted when the cluster is made
  bool witness = false;                // votes and takes no devices, see cluster/map/placement.hpp
  std::chrono::milliseconds election_timeout{1000};
  std::chrono::milliseconds heartbeat{100};
  std::uint64_t window = 8ull * 1024 * 1024;         // bytes under way to one peer
  std::uint64_t raft_window = 16ull * 1024 * 1024;   // bytes of log under way to one peer
  std::chrono::milliseconds suspect_time{3000};      // without an answer: the peer is dead
  std::chrono::milliseconds resume_time{10'000};     // a broken link may come back without loss
  bool insecure = false;                             // no TLS beyond loopback
  cluster_tls_configuration tls;

  bool enabled() const noexcept { return listen.has_value(); }
  bool secure() const noexcept { return !tls.certificate.empty(); }
  bool operator==(const cluster_configuration&) const = default;
};

/// Everything a node is told at start. Plain data: read it anywhere, share it
/// as a const snapshot; load() makes it, a reload makes a new one.
struct configuration {
  node_configuration node;
  std::vector<listener_configuration> listeners = default_listeners();
  limits_configuration limits;
  durability_configuration durability;
  auth_configuration auth;
  shared_subscription_configuration shared_subscription;
  log_configuration log;
  http_configuration http;
  sys_configuration sys;
  cluster_configuration cluster;

  bool operator==(const configuration&) const = default;
};

/// Whether a client without user name may come in through this listener.
/// The listener's own answer wins, then auth.allow_anonymous, then: only from loopback.
bool anonymous_allowed(const configuration& from, const listener_configuration& listener,
                       bool peer_is_loopback);

/// The listener's packet limit in bytes, falling back to the node's.
std::uint32_t max_packet_size(const configuration& from, const listener_configuration& listener);

}  // namespace troupe::config
