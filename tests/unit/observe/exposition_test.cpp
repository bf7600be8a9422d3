#include "actors/observe/exposition.hpp"

#include "tests/support/catch.hpp"

#include <map>
#include <regex>
#include <sstream>
#include <string>

using namespace troupe::observe;

namespace {

/// Series with their labels -> value; checks every line against the format.
std::map<std::string, double> parse_exposition(const std::string& text) {
  static const std::regex sample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{[a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\})?) (\S+))re");
  std::map<std::string, double> series;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) continue;
    std::smatch parts;
    INFO(line);
    REQUIRE(std::regex_match(line, parts, sample));
    CHECK(series.emplace(parts[1], std::stod(parts[2])).second);
  }
  return series;
}

}  // namespace

TEST_CASE("the exposition can be read back") {
  counter_values counters{};
  counters[index(counter::messages_dropped_queue_full)] = 3;
  counters[index(counter::bytes_sent)] = 123456789012;
  snapshot now;
  now.node = "n\"1\\";
  now.version = "0.1.0";
  now.connections = 7;
  now.run_loops = {{1.5, 0.25, 4}, {2.5, 0, 0}};
  now.actors = {{"session", 3, 5, 2}};
  now.certificates = {{"tls", 1'800'000'000}};
  now.listeners = {{"default", "127.0.0.1:1883", "tcp", 7, 0}};
  now.connects.in_progress = 12;
  now.connects.delays[0] = 5;
  now.connects.delays[3] = 2;
  now.connects.delays.back() = 1;
  now.connects.delay_seconds = 20.5;
  now.latencies.own[1].counts[2] = 4;
  now.latencies.own[1].counts.back() = 1;
  now.latencies.own[1].seconds = 30;
  now.latencies.others[3].counts[0] = 6;
  now.cluster.emplace();
  now.cluster->members_stopped = 2;
  now.cluster->leads = true;
  now.cluster->peers.push_back({"n2", true, 10, 20, 5, 1, 0.5});
  const auto text = exposition(counters, now, read_process_figures());
  auto series = parse_exposition(text);
  CHECK(series.at("troupe_messages_dropped_total{reason=\"queue_full\"}") == 3);
  CHECK(series.at("troupe_bytes_sent_total") == 123456789012.0);
  CHECK(series.at("troupe_connections_count") == 7);
  CHECK(series.at("troupe_connects_in_progress") == 12);
  CHECK(series.at("troupe_connect_admission_delay_seconds_bucket{le=\"0.001\"}") == 5);
  CHECK(series.at("troupe_connect_admission_delay_seconds_bucket{le=\"0.1\"}") == 7);
  CHECK(series.at("troupe_connect_admission_delay_seconds_bucket{le=\"+Inf\"}") == 8);
  CHECK(series.at("troupe_connect_admission_delay_seconds_count") == 8);
  CHECK(series.at("troupe_connect_admission_delay_seconds_sum") == 20.5);
  const auto latency = [&](const std::string& what, const std::string& labels) {
    return series.at("troupe_message_latency_seconds_" + what + "{" + labels + "}");
  };
  CHECK(latency("bucket", R"(stage="committed",from="client",le="0.00025")") == 0);
  CHECK(latency("bucket", R"(stage="committed",from="client",le="0.0005")") == 4);
  CHECK(latency("count", R"(stage="committed",from="client")") == 5);
  CHECK(latency("sum", R"(stage="committed",from="client")") == 30);
  CHECK(latency("count", R"(stage="sent",from="node")") == 6);
  CHECK(latency("count", R"(stage="acknowledged",from="node")") == 0);
  CHECK(series.at("troupe_run_loop_busy_seconds_total{loop=\"1\"}") == 2.5);
  CHECK(series.at("troupe_mailbox_depth{class=\"session\"}") == 5);
  CHECK(series.at("troupe_cert_expiry_timestamp_seconds{listener=\"tls\"}") == 1'800'000'000);
  CHECK(series.at("troupe_listener_connections{listener=\"default\",kind=\"tcp\"}") == 7);
  CHECK(series.at("process_resident_memory_bytes") > 1e6);
  CHECK(series.at("process_open_fds") >= 3);
  CHECK(series.at("process_start_time_seconds") > 1.5e9);
  CHECK(series.at("process_threads") >= 1);
  CHECK(series.at("troupe_cluster_nodes_stopped") == 2);
  CHECK(series.at("troupe_cluster_leader") == 1);
  CHECK(series.at("troupe_cluster_majority") == 0);
  CHECK(series.at("troupe_cluster_link_window_bytes{peer=\"n2\"}") == 5);
}

TEST_CASE("every metric is declared once, before its samples") {
  const auto text = exposition(counter_values{}, snapshot{}, process_figures{});
  std::map<std::string, int> types;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const auto metric = line.substr(7, line.find(' ', 7) - 7);
    CHECK(++types[metric] == 1);
    CHECK(metric.ends_with("_total") == line.ends_with(" counter"));
  }
  CHECK(types.size() > 50);
  CHECK_FALSE(types.contains("troupe_cluster_leader"));
}
