#include "actors/observe/exposition.hpp"

#include "actors/observe/log.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <initializer_list>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Builds families in the order in which they are shown.
class families {
 public:
  void open(MetricType type, std::string name, std::string_view help) {
    all_.emplace_back();
    all_.back().type = type;
    all_.back().name = std::move(name);
    all_.back().help = help;
  }

  void add(double value, labels pairs = {}) {
    ClientMetric metric;
    for (const auto& [key, text] : pairs)
      metric.label.push_back({std::string(key), std::string(text)});
    if (all_.back().type == MetricType::Counter)
      metric.counter.value = value;
    else
      metric.gauge.value = value;
    all_.back().metric.push_back(std::move(metric));
  }

  /// `counts`: by class, the last one is above all bounds.
  template <class Bounds, class Counts>
  void histogram(std::string name, std::string_view help, const Bounds& bounds,
                 const Counts& counts, double sum) {
    open(MetricType::Histogram, std::move(name), help);
    ClientMetric metric;
    fill(metric, bounds, counts, sum);
    all_.back().metric.push_back(std::move(metric));
  }

  /// One metric of several histograms.
  void add(const latency_figures& of, labels pairs) {
    ClientMetric metric;
    for (const auto& [key, text] : pairs)
      metric.label.push_back({std::string(key), std::string(text)});
    fill(metric, latency_bounds, of.counts, of.seconds);
    all_.back().metric.push_back(std::move(metric));
  }

  void gauge(std::string name, std::string_view help, double value) {
    open(MetricType::Gauge, std::move(name), help);
    add(value);
  }
  void gauge(std::string name, std::string_view help, std::uint64_t value) {
    gauge(std::move(name), help, static_cast<double>(value));
  }
  void counter(std::string name, std::string_view help, double value) {
    open(MetricType::Counter, std::move(name), help);
    add(value);
  }

  std::string text() const { return prometheus::TextSerializer().Serialize(all_); }

 private:
  template <class Bounds, class Counts>
  static void fill(ClientMetric& metric, const Bounds& bounds, const Counts& counts, double sum) {
    metric.histogram.sample_sum = sum;
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      so_far += counts[i];
      const auto bound =
          i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({so_far, bound});
    }
    metric.histogram.sample_count = so_far;
  }

  std::vector<MetricFamily> all_;
};

void add_counters(families& out, const counter_values& counters) {
  std::string_view metric;
  for (std::size_t i = 0; i < counter_count; ++i) {
    const auto& row = counter_table[i];
    if (row.metric != metric) {
      metric = row.metric;
      out.open(MetricType::Counter, "troupe_" + std::string(metric) + "_total", row.help);
    }
    const auto value = static_cast<double>(counters[i]);
    if (row.key.empty())
      out.add(value);
    else
      out.add(value, {{row.key, row.value}});
  }
}

void add_node(families& out, const snapshot& now) {
  out.open(MetricType::Gauge, "troupe_node_info", "Always 1; the labels name the node.");
  out.add(1, {{"node", now.node}, {"version", now.version}});
  out.gauge("troupe_uptime_seconds", "Seconds since the node started.", now.uptime_seconds);
  out.gauge("troupe_connections_count", "Open connections of devices.", now.connections);
  out.gauge("troupe_connections_max", "Most connections at one time since the start.",
            now.connections_maximum);
  out.gauge("troupe_connections_limit", "Connections that the node accepts; 0 means no limit.",
            now.connections_limit);
  out.gauge("troupe_sessions_count", "Sessions, connected or not.", now.sessions);
  out.gauge("troupe_sessions_connected", "Sessions with a connection.", now.sessions_connected);
  out.gauge("troupe_sessions_durable", "Sessions that survive their connection.",
            now.sessions_durable);
  out.gauge("troupe_sessions_passive", "Sessions that rest on disk alone.",
            now.sessions_passivated);
  out.gauge("troupe_subscriptions_count", "Subscriptions, shared ones included.",
            now.subscriptions);
  out.gauge("troupe_subscriptions_shared_count", "Shared subscriptions.", now.subscriptions_shared);
  out.gauge("troupe_retained_count", "Retained messages.", now.retained);
  out.counter("troupe_retained_refused_total", "Messages not retained because of the limit.",
              now.retained_refused);
  out.gauge("troupe_log_bodies_count",
            "Message bodies that are large or that several durable sessions are owed.",
            now.log_bodies);
  out.gauge("troupe_owed_backlog_bytes", "Bytes of the messages that durable sessions are owed.",
            now.owed_backlog_bytes);
  out.gauge("troupe_draining", "1 while the node sends its clients to other servers.",
            now.drain.draining ? 1.0 : 0.0);
  out.gauge("troupe_drain_remaining", "Clients that a draining node still has.",
            now.drain.remaining);
  out.gauge("troupe_messages_queued",
            "Messages that durable sessions are owed and have not acknowledged.",
            now.queued_messages);
}

void add_connects(families& out, const connect_figures& of) {
  out.gauge("troupe_connects_in_progress",
            "Connections that were accepted and whose CONNECT is not answered.", of.in_progress);
  out.gauge("troupe_connects_in_progress_limit",
            "As many as the node takes in at a time; 0 means no limit.", of.in_progress_limit);
  out.gauge("troupe_connect_lag_seconds",
            "How long a ready socket waits on the slowest run loop, while connections come.",
            of.lag_seconds);
  out.histogram("troupe_connect_admission_delay_seconds",
                "How long connections waited in the kernel's backlog.", connect_figures::bounds,
                of.delays, of.delay_seconds);
}

void add_latencies(families& out, const latency_table& of) {
  out.open(MetricType::Histogram, "troupe_message_latency_seconds",
           "Time since the node of its publisher had read a message, of up to 1,000 messages a "
           "second and run loop, by how far they have come; of those from other nodes it is as "
           "exact as the clocks of the nodes agree.");
  for (std::size_t i = 0; i < latency_stages; ++i) {
    const auto stage = static_cast<latency_stage>(i);
    out.add(of.own[i], {{"stage", to_string(stage)}, {"from", "client"}});
    // Who publishes is answered by his own node alone.
    if (stage != latency_stage::answered)
      out.add(of.others[i], {{"stage", to_string(stage)}, {"from", "node"}});
  }
}

void add_listeners(families& out, const snapshot& now) {
  if (!now.listeners.empty()) {
    out.open(MetricType::Gauge, "troupe_listener_connections", "Open connections by listener.");
    for (const auto& listener : now.listeners) {
      out.add(static_cast<double>(listener.connections),
              {{"listener", listener.name}, {"kind", listener.kind}});
    }
  }
  if (!now.certificates.empty()) {
    out.open(MetricType::Gauge, "troupe_cert_expiry_timestamp_seconds",
             "When the certificate of a listener ends, in Unix seconds.");
    for (const auto& certificate : now.certificates)
      out.add(static_cast<double>(certificate.not_after), {{"listener", certificate.name}});
  }
}

void add_run_loops(families& out, const std::vector<run_loop_figures>& loops) {
  if (loops.empty()) return;
  const auto each = [&](MetricType type, const char* name, const char* help, auto value_of) {
    out.open(type, name, help);
    for (std::size_t i = 0; i < loops.size(); ++i)
      out.add(static_cast<double>(value_of(loops[i])), {{"loop", std::to_string(i)}});
  };
  each(MetricType::Counter, "troupe_run_loop_busy_seconds_total",
       "Seconds in which a run loop did not wait for events.",
       [](const run_loop_figures& loop) { return loop.busy_seconds; });
  each(MetricType::Gauge, "troupe_run_loop_lag_seconds", "Longest recent wait of a ready task.",
       [](const run_loop_figures& loop) { return loop.lag_seconds; });
  each(MetricType::Gauge, "troupe_run_loop_queue", "Tasks and actors that wait to run.",
       [](const run_loop_figures& loop) { return loop.queue; });
}

void add_actors(families& out, const std::vector<actor_figures>& actors) {
  if (actors.empty()) return;
  const auto each = [&](const char* name, const char* help, auto value_of) {
    out.open(MetricType::Gauge, name, help);
    for (const auto& actor : actors)
      out.add(static_cast<double>(value_of(actor)), {{"class", actor.name}});
  };
  each("troupe_actors_count", "Actors by class.", [](const actor_figures& a) { return a.count; });
  each("troupe_mailbox_depth", "Messages in the mailboxes of a class.",
       [](const actor_figures& a) { return a.mailbox; });
  each("troupe_mailbox_depth_max", "Messages in the fullest mailbox of a class.",
       [](const actor_figures& a) { return a.deepest; });
}

void add_store(families& out, const store_figures& store) {
  out.counter("troupe_store_transactions_total", "Transactions given to the disk.",
              static_cast<double>(store.commits));
  out.counter("troupe_store_groups_total", "Group commits that carried them.",
              static_cast<double>(store.groups));
  out.gauge("troupe_store_backlog_bytes", "Bytes accepted by the store and not yet written.",
            store.backlog_bytes);
  out.gauge("troupe_store_writable", "1 while the store can write, 0 after a disk error.",
            store.writable ? 1.0 : 0.0);
}

void add_cluster(families& out, const cluster_figures& cluster) {
  out.gauge("troupe_cluster_nodes_running", "Members that are up, as this node sees them.",
            cluster.members_running);
  out.gauge("troupe_cluster_nodes_stopped", "Members that this node does not hear.",
            cluster.members_stopped);
  out.gauge("troupe_cluster_shards_owned", "Shards that this node answers for.",
            cluster.shards_owned);
  out.gauge("troupe_cluster_shards_held", "Shards of which this node has a replica.",
            cluster.shards_held);
  out.gauge("troupe_cluster_shards_without_owner", "Shards whose owner this node does not know.",
            cluster.shards_without_owner);
  out.counter("troupe_cluster_owner_changes_total", "Changes of owners of shards.",
              static_cast<double>(cluster.owner_changes));
  out.gauge("troupe_cluster_shard_map_version", "Version of the shard map.", cluster.map_version);
  out.gauge("troupe_cluster_term", "Term of the meta group.", cluster.term);
  out.gauge("troupe_cluster_leader", "1 on the node that leads the meta group.",
            cluster.leads ? 1.0 : 0.0);
  out.gauge("troupe_cluster_majority", "1 while a majority of the meta group is in sight.",
            cluster.has_majority ? 1.0 : 0.0);
  if (cluster.peers.empty()) return;
  const auto each = [&](MetricType type, const char* name, const char* help, auto value_of) {
    out.open(type, name, help);
    for (const auto& peer : cluster.peers)
      out.add(static_cast<double>(value_of(peer)), {{"peer", peer.name}});
  };
  using peer = cluster_figures::peer;
  each(MetricType::Gauge, "troupe_cluster_link_up", "1 while the link to that node is up.",
       [](const peer& p) { return p.up ? 1 : 0; });
  each(MetricType::Counter, "troupe_cluster_link_sent_bytes_total", "Bytes sent to that node.",
       [](const peer& p) { return p.sent_bytes; });
  each(MetricType::Counter, "troupe_cluster_link_received_bytes_total",
       "Bytes received from that node.", [](const peer& p) { return p.received_bytes; });
  each(MetricType::Gauge, "troupe_cluster_link_window_bytes",
       "Bytes sent to that node and not acknowledged.",
       [](const peer& p) { return p.window_bytes; });
  each(MetricType::Counter, "troupe_cluster_link_dropped_total",
       "Frames to that node that nobody waited for, given up.",
       [](const peer& p) { return p.dropped; });
  each(MetricType::Gauge, "troupe_cluster_link_round_trip_seconds", "Last round trip.",
       [](const peer& p) { return p.round_trip_seconds; });
}

void add_process(families& out, const process_figures& process) {
  out.counter("troupe_log_lines_dropped_total", "Lines of the log that nobody took fast enough.",
              static_cast<double>(log_lines_dropped()));
  out.counter("process_cpu_seconds_total", "User and system CPU seconds.", process.cpu_seconds);
  out.gauge("process_resident_memory_bytes", "Resident memory.", process.resident_bytes);
  out.gauge("process_resident_memory_max_bytes", "Most resident memory since the start.",
            process.resident_peak_bytes);
  out.gauge("process_virtual_memory_bytes", "Virtual memory.", process.virtual_bytes);
  out.gauge("process_start_time_seconds", "Start of the process, in Unix seconds.",
            process.start_time);
  out.gauge("process_open_fds", "Open file descriptors.", process.open_files);
  out.gauge("process_max_fds", "Limit of open file descriptors.", process.open_files_limit);
  out.gauge("process_threads", "Threads.", process.threads);
}

}  // namespace

std::string exposition(const counter_values& counters, const snapshot& now,
                       const process_figures& process) {
  families out;
  add_node(out, now);
  add_connects(out, now.connects);
  add_latencies(out, now.latencies);
  add_listeners(out, now);
  add_counters(out, counters);
  add_run_loops(out, now.run_loops);
  add_actors(out, now.actors);
  add_store(out, now.store);
  if (now.cluster) add_cluster(out, *now.cluster);
  add_process(out, process);
  return out.text();
}

}  // namespace troupe::observe
