// A cluster's configuration is refused unless it is safe: nobody joins without the
// secret, nothing of it leaves the machine without TLS.
#include "actors/config/define_key.hpp"
#include "actors/config/draft.hpp"

#include <array>

namespace troupe::config {

namespace {

constexpr std::size_t shortest_secret = 16;

/// Keys that say that a cluster is wanted.
constexpr std::array<std::string_view, 6> telling_keys{
    "cluster.seeds",   "cluster.advertise",       "cluster.bootstrap_expect",
    "cluster.witness", "cluster.tls.certificate", "cluster.secret_file"};

bool has_control_characters(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

}  // namespace

void draft::check_cluster() {
  auto& cluster = value_.cluster;
  if (!cluster.enabled()) {
    // The example file names every key: only values that ask for others count.
    if (!cluster.seeds.empty() || cluster.witness || cluster.bootstrap_expect > 1) {
      for (const auto key : telling_keys) {
        if (!given_.contains(key)) continue;
        refuse(place_of(key),
               std::string(key) + " needs cluster.listen: the nodes of a cluster reach each other");
        return;
      }
    }
    return;
  }
  check_cluster_secret();
  check_cluster_addresses();
  check_cluster_times();
}

void draft::check_cluster_secret() {
  auto& cluster = value_.cluster;
  std::string place =
      place_of(given_.contains("cluster.secret") ? "cluster.secret" : "cluster.listen");
  if (!cluster.secret_file.empty()) {
    place = place_of("cluster.secret_file");
    if (!cluster.secret.empty())
      return refuse(place, "cluster.secret_file and cluster.secret are both set: remove one");
    std::string problem;
    const setting from{"file://" + cluster.secret_file, false};
    auto text = definition::read_text(from, key_kind::secret, {0, 4096}, problem);
    if (!text) return refuse(place, "cluster.secret_file must be " + problem);
    cluster.secret = std::move(*text);
  }
  if (cluster.secret.empty())
    refuse(place, "a node of a cluster needs cluster.secret or cluster.secret_file");
  else if (cluster.secret.size() < shortest_secret)
    refuse(place,
           "cluster.secret must have at least " + std::to_string(shortest_secret) + " characters");
  else if (has_control_characters(cluster.secret))
    refuse(place, "cluster.secret must be one line of text");
}

void draft::check_cluster_addresses() {
  const auto& cluster = value_.cluster;
  const auto& tls = cluster.tls;
  const bool some = !tls.certificate.empty() || !tls.key.empty() || !tls.ca.empty();
  if (some && (tls.certificate.empty() || tls.key.empty() || tls.ca.empty()))
    refuse(place_of(!tls.certificate.empty() ? "cluster.tls.certificate"
                    : !tls.key.empty()       ? "cluster.tls.key"
                                             : "cluster.tls.ca"),
           "TLS between nodes needs all of cluster.tls.certificate, cluster.tls.key and "
           "cluster.tls.ca");
  if (!some && !cluster.insecure) {
    if (!is_loopback(*cluster.listen))
      refuse(place_of("cluster.listen"),
             "cluster.listen " + to_string(*cluster.listen) +
                 " can be reached from other machines: set cluster.tls, use a loopback address, or "
                 "say cluster.insecure = true in a network that nobody else is in");
    for (const endpoint& each : cluster.seeds) {
      if (is_loopback(each)) continue;
      refuse(place_of("cluster.seeds"),
             "the seed " + to_string(each) +
                 " is on another machine: set cluster.tls, or say cluster.insecure = true in a "
                 "network that nobody else is in");
      break;
    }
  }
  if (cluster.advertise) {
    if (is_wildcard(*cluster.advertise))
      refuse(place_of("cluster.advertise"),
             "cluster.advertise must be an address that other nodes "
             "can reach, not " +
                 to_string(*cluster.advertise));
  } else if (is_wildcard(*cluster.listen)) {
    refuse(place_of("cluster.listen"),
           "cluster.listen " + to_string(*cluster.listen) +
               " says no address that other nodes could reach: set cluster.advertise");
  }
  if (cluster.witness && cluster.seeds.empty())
    refuse(place_of("cluster.witness"),
           "a witness needs cluster.seeds: it cannot make a cluster of its own");
}

void draft::check_cluster_times() {
  const auto& cluster = value_.cluster;
  if (cluster.election_timeout < 3 * cluster.heartbeat)
    refuse(place_of(given_.contains("cluster.heartbeat") ? "cluster.heartbeat"
                                                         : "cluster.election_timeout"),
           "cluster.election_timeout must be at least three times cluster.heartbeat");
}

}  // namespace troupe::config
