#include "actors/config/load.hpp"
#include "actors/node/admin/restore_backups.hpp"
#include "actors/node/node_runtime.hpp"
#include "actors/node/startup_memory.hpp"
#include "actors/node/version.hpp"
#include "actors/observe/log.hpp"
#include "actors/observe/notify.hpp"
#include "protocol/net/tls/tls_memory.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

using namespace troupe;

namespace {

/// EX_CONFIG of sysexits.h: starting again as it is does not help.
constexpr int refused_configuration = 78;

struct arguments {
  std::string config_file;
  std::string ready_file;
  std::vector<std::string> join;
  std::string cluster_listen;
  std::vector<std::string> restore;
  bool test_config = false;

  /// What of it overrides the configuration.
  config::options overrides() const {
    config::options result;
    if (!cluster_listen.empty())
      result.push_back({"cluster.listen", cluster_listen, "--cluster-listen"});
    std::string seeds;
    for (const auto& each : join) seeds += (seeds.empty() ? "" : ",") + each;
    if (!seeds.empty()) result.push_back({"cluster.seeds", seeds, "--join"});
    return result;
  }
};

observe::log_settings log_settings_of(const config::log_configuration& from) {
  observe::log_settings to;
  to.format = from.format == config::log_format::json ? observe::log_format::json
                                                      : observe::log_format::human;
  to.level = static_cast<observe::log_level>(from.level);
  if (from.target != "stderr") to.file = from.target;
  return to;
}

config::load_result read(const arguments& given) {
  return config::load(given.config_file, config::process_environment(), given.overrides());
}

std::shared_ptr<const config::configuration> load(const arguments& given) {
  auto loaded = read(given);
  for (const auto& problem : loaded.problems)
    std::cerr << "troupe: " << config::to_string(problem) << '\n';
  if (!loaded.ok()) return nullptr;
  return std::make_shared<const config::configuration>(std::move(loaded.value));
}

/// What a test or a script needs to know, complete or not there at all.
bool write_ready_file(const std::string& path, const node::node_runtime& running) {
  nlohmann::json ready;
  ready["listeners"] = nlohmann::json::array();
  for (const auto& l : running.listeners()) {
    nlohmann::json entry{{"name", l.name}, {"transport", l.transport}, {"address", l.address}, {"port", l.port}};
    if (l.transport == "http" || l.transport == "cluster")
      ready[l.transport] = entry;
    else
      ready["listeners"].push_back(entry);
  }
  const auto temporary = path + ".new";
  std::ofstream(temporary) << ready.dump() << '\n';
  return std::rename(temporary.c_str(), path.c_str()) == 0;
}

void greet(const config::configuration& from, const node::node_runtime& running) {
  std::cerr << "Troupe " << node::version << ", node " << from.node.name << '\n';
  std::string sample;
  for (const auto& l : running.listeners()) {
    std::cerr << "  " << l.transport << " on " << l.address;
    if (l.port != 0) std::cerr << ':' << l.port;
    std::cerr << '\n';
    if (l.transport == "tcp" && sample.empty())
      sample = "mosquitto_sub -h " + l.address + " -p " + std::to_string(l.port) + " -t 'hello/#' -v";
  }
  std::cerr << "  data in " << from.node.data_dir << '\n';
  if (!sample.empty()) std::cerr << "Try: " << sample << '\n';
}

int serve(const arguments& given, std::shared_ptr<const config::configuration> from) {
  // Handled by sigwait() below, on this thread alone: blocked before there is any other,
  // which would end the process in its place.
  sigset_t signals;
  sigemptyset(&signals);
  for (int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  if (auto error = observe::start_logging(log_settings_of(from->log)); !error.empty()) {
    std::cerr << "troupe: " << error << '\n';
    return 1;
  }
  node::node_runtime running(from, [given] { return read(given); });
  if (auto error = running.start(); !error.empty()) {
    observe::stop_logging();
    std::cerr << "troupe: " << error << '\n';
    return 1;
  }
  greet(*from, running);
  if (!given.ready_file.empty() && !write_ready_file(given.ready_file, running)) {
    std::cerr << "troupe: cannot write " << given.ready_file << '\n';
    return 1;
  }
  node::release_startup_memory();
  observe::notify_ready("Serving devices");
  const auto watchdog = observe::watchdog_interval();
  for (;;) {
    timespec wait{3600, 0};
    if (watchdog) wait = {watchdog->count() / 1'000'000, (watchdog->count() % 1'000'000) * 1000};
    const int signal = sigtimedwait(&signals, nullptr, &wait);
    if (signal == SIGTERM || signal == SIGINT) break;
    if (watchdog) observe::notify_watchdog();
    if (signal != SIGHUP) continue;
    observe::notify_reloading();
    observe::reopen_log();
    if (auto next = load(given)) running.reload(std::move(next));
    observe::notify_ready("Serving devices");
  }
  observe::notify_stopping("Saying goodbye to devices");
  observe::log_event(observe::log_module::node, observe::log_level::info, "Stopping");
  running.stop();
  observe::stop_logging();
  if (const auto why = running.end_reason(); !why.empty()) {
    std::cerr << "troupe: " << why << '\n';
    return refused_configuration;
  }
  return 0;
}

/// A data directory out of backups, to be started afterwards.
int restore(const std::vector<std::string>& backups, const config::configuration& from) {
  const auto made = node::restore_backups(backups, from);
  if (!made.error.empty()) {
    std::cerr << "troupe: " << made.error << '\n';
    return 1;
  }
  for (const auto& each : made.warnings) std::cerr << "troupe: WARNING: " << each << '\n';
  std::cerr << made.done << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // Before anything uses OpenSSL.
  (void)net::use_tls_pools();
  arguments given;
  CLI::App app("Troupe, an MQTT broker");
  app.set_version_flag("--version", std::string("troupe ") + node::version);
  app.add_option("-c,--config", given.config_file, "Configuration file (TOML); none: defaults");
  app.add_flag("--test-config", given.test_config, "Check the configuration and exit");
  app.add_option("--join", given.join,
                 "A node (host:port) to ask for the cluster, any number of times; instead of "
                 "cluster.seeds")
      ->allow_extra_args(false);
  app.add_option("--cluster-listen", given.cluster_listen,
                 "Address and port for the other nodes; instead of cluster.listen");
  app.add_option("--ready-file", given.ready_file,
                 "File to write the addresses to when the node is ready");
  app.add_option(
         "--restore", given.restore,
         "A backup to make the data directory of (node.data_dir), which must be empty; exits "
         "then. Of a cluster any number of times: the copies of its nodes make one node")
      ->allow_extra_args(false);
  CLI11_PARSE(app, argc, argv);

  auto from = load(given);
  if (!from) return refused_configuration;
  if (given.test_config) {
    std::cerr << "The configuration is good\n";
    return 0;
  }
  if (!given.restore.empty()) return restore(given.restore, *from);
  return serve(given, std::move(from));
}
