#include "tools/troupe-bench/scenario/command_line.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <string>

namespace troupe::bench {
namespace {

constexpr int usage_error = 2;

constexpr const char* description =
    "Load on MQTT brokers: rates, latency, CPU and memory, with every message checked.\n"
    "\nScenarios:\n"
    "  fan-in     many publishers, one subscriber\n"
    "  fan-out    one publisher, many subscribers\n"
    "  pairs      each publisher has a subscriber of its own\n"
    "  shared     many publishers, the members of one shared group\n"
    "  connect    connection storm: clients connect and leave\n"
    "  idle       clients connect and hold still: memory and CPU of a connection\n"
    "  offline    messages for sessions that are away are stored, then drained\n"
    "  retained   retained messages are set, then delivered to a new subscriber\n"
    "  reconnect  durable sessions lose their connections all at once and come back\n";

constexpr const char* examples =
    "\nExamples:\n"
    "  troupe-bench pairs --qos 1 --pid $(pidof troupe)       as fast as it goes\n"
    "  troupe-bench pairs --qos 1 --rate 20000 --time 30      latency at a fixed rate\n"
    "  troupe-bench fan-out --subscribers 1000 --mqtt 5\n"
    "  troupe-bench shared --publish-to a:1883 --subscribe-to b:1883\n"
    "  troupe-bench connect --connections 50000 --concurrency 200\n"
    "  troupe-bench idle --clients 15000 --time 30 --pid $(pidof troupe)\n"
    "  troupe-bench offline --clients 100 --messages 1000 --qos 2\n"
    "Exit status: 0 all is well, 1 something was lost, came twice or failed, 2 usage.\n";

constexpr scenario all_scenarios[] = {scenario::fan_in,  scenario::fan_out,  scenario::pairs,
                                      scenario::shared,  scenario::connect,  scenario::idle,
                                      scenario::offline, scenario::retained, scenario::reconnect};

constexpr unsigned bit(scenario which) noexcept {
  return 1U << static_cast<unsigned>(which);
}

constexpr unsigned traffic =
    bit(scenario::fan_in) | bit(scenario::fan_out) | bit(scenario::pairs) | bit(scenario::shared);
constexpr unsigned connect = bit(scenario::connect);
constexpr unsigned idle = bit(scenario::idle);
constexpr unsigned offline = bit(scenario::offline);
constexpr unsigned retained = bit(scenario::retained);
constexpr unsigned reconnect = bit(scenario::reconnect);

struct owned_option {
  const char* name;
  unsigned scenarios;  // bits
};

/// Options that are not for all scenarios.
constexpr owned_option owned_options[] = {
    {"--publishers", traffic | retained},
    {"--subscribers", traffic | retained},
    {"--qos", traffic | offline | retained},
    {"--payload", traffic | offline | retained},
    {"--messages", traffic | offline},
    {"--topics", retained},
    {"--window", traffic | offline | retained},
    {"--batch", traffic | offline | retained},
    {"--settle", traffic | offline},
    {"--clients", idle | offline | reconnect},
    {"--connections", connect},
    {"--hold", connect},
    {"--subscribe", idle},
    {"--rounds", reconnect},
    {"--reset", connect | reconnect},
    {"--time", traffic | connect | idle},
    {"--warm-up", traffic | connect},
    {"--rate", traffic | connect},
    {"--expiry", traffic | offline | reconnect},
    {"--publish-to", traffic | offline | retained},
    {"--subscribe-to", traffic | offline | retained},
};

void add_messages(CLI::App& app, options& o) {
  auto* g =
      app.add_option_group("Messages", "fan-in, fan-out, pairs, shared, offline and retained");
  g->add_option("-p,--publishers", o.publishers, "Publishing clients (not offline)");
  g->add_option("-s,--subscribers", o.subscribers, "Subscribing clients (not offline)");
  g->add_option("-q,--qos", o.qos, "Of messages and subscriptions (0; offline, retained: 1)")
      ->check(CLI::Range(0, 2));
  g->add_option("--payload", o.payload, "Bytes of a message, 16 or more")->capture_default_str();
  g->add_option("-n,--messages", o.messages,
                "Messages to send in all, instead of a time; offline: for each session (1000)");
  g->add_option("--topics", o.messages, "retained: messages, each on a topic of its own (10000)");
  g->add_option("-w,--window", o.window,
                "Messages of a publisher that are under way at most, without --rate (by payload)");
  g->add_option("--batch", o.batch, "Room in the window that a publisher waits for (half of it)");
  g->add_option("--settle", o.settle, "Seconds between the last SUBACK and the first message");
}

void add_clients(CLI::App& app, options& o) {
  auto* g = app.add_option_group("Clients", "connect, idle, offline and reconnect");
  g->add_option("-c,--clients", o.clients, "idle (1000), offline (100), reconnect (1000): clients");
  g->add_option("--connections", o.messages, "connect: connections in all (10000)");
  g->add_flag("--hold", o.hold, "connect: keep them until all are there");
  g->add_flag("--subscribe", o.subscribe, "idle: each client subscribes to a topic of its own");
  g->add_option("--rounds", o.rounds, "reconnect: times that connections break")
      ->capture_default_str();
  g->add_flag("--reset", o.reset, "connect, reconnect: end with RST, which frees the port at once");
}

void add_course(CLI::App& app, options& o) {
  auto* g = app.add_option_group("Course");
  g->add_option("-t,--time", o.seconds,
                "Seconds to measure (5); connect: instead of --connections; idle: to hold still");
  g->add_option("--warm-up", o.warm_up, "Seconds before that (not idle)")->capture_default_str();
  g->add_option("-r,--rate", o.rate,
                "Messages per second of all publishers, connect: connections per second; latency "
                "then counts from when each was due. Without it: as fast as nothing is lost");
  g->add_option("--concurrency", o.concurrency, "Connections being made at a time")
      ->capture_default_str();
  g->add_option("--expiry", o.expiry,
                "Seconds that sessions of subscribers outlive them, which makes them durable "
                "(offline, reconnect: 3600)");
}

void add_connection(CLI::App& app, options& o) {
  auto* g = app.add_option_group("Connection");
  g->add_option("-b,--broker", o.brokers, "HOST[:PORT], repeated for several (127.0.0.1)");
  g->add_option("--publish-to", o.publish_to, "HOST[:PORT] for publishers");
  g->add_option("--subscribe-to", o.subscribe_to, "HOST[:PORT] for all others");
  g->add_option(
      "--source", o.source_addresses,
      "Local address to connect from, repeated (several of 127.0.0.x where ports may run out)");
  g->add_option("--mqtt", o.version, "3.1.1 or 5")->capture_default_str();
  g->add_option("-u,--user", o.user, "User name");
  g->add_option("-P,--password", o.password, "Password")->envname("TROUPE_BENCH_PASSWORD");
  g->add_option("-k,--keep-alive", o.keep_alive, "Seconds, 0: none")->capture_default_str();
  g->add_option("--topic", o.topic_prefix, "First level of topics")->capture_default_str();
  g->add_option("--client-prefix", o.client_prefix, "Beginning of client ids")
      ->capture_default_str();
  g->add_flag("--websocket", o.websocket, "MQTT over WebSocket");
  g->add_option("--path", o.websocket_path, "Its path")->capture_default_str();
  g->add_flag("--tls", o.tls, "TLS");
  g->add_option("--ca", o.ca, "Certificates to trust (PEM)");
  g->add_option("--cert", o.certificate, "Certificate of the clients (PEM)");
  g->add_option("--key", o.key, "Its key (PEM)");
  g->add_flag("--insecure", o.insecure, "Trust any certificate");
}

void add_tool(CLI::App& app, options& o) {
  auto* g = app.add_option_group("Tool");
  g->add_option("--threads", o.threads, "Threads of this tool")->capture_default_str();
  g->add_flag("--spin", o.spin, "Never sleep: finer latency for a core of its own");
  g->add_option("--pid", o.pids, "Broker process to watch, repeated");
  g->add_option("--json", o.json, "Write the result as JSON to a file, or - for standard output");
  g->add_flag("--quiet", o.quiet, "No progress, no summary");
  g->add_option("--stall", o.stall, "Seconds without progress that end the run")
      ->capture_default_str();
  g->add_option("--deadline", o.deadline, "Seconds that the whole run may take (by the load)");
}

/// Takes the scenario of that name. A sentence, or empty.
std::string choose(const std::string& name, options& o) {
  std::string names;
  for (const auto each : all_scenarios) {
    if (name_of(each) == name) {
      o.run = each;
      return {};
    }
    names += (names.empty() ? "" : ", ") + std::string(name_of(each));
  }
  return "There is no scenario '" + name + "'; there are " + names + ".";
}

/// Options that would have no effect: who gives them expects one.
std::string complain_of_strangers(const CLI::App& app, scenario run) {
  for (const auto& [name, scenarios] : owned_options) {
    if (app.count(name) == 0 || (scenarios & bit(run)) != 0) continue;
    std::string owners;
    for (const auto each : all_scenarios) {
      if ((scenarios & bit(each)) != 0)
        owners += (owners.empty() ? "" : ", ") + std::string(name_of(each));
    }
    return std::string(name) + " is not for " + std::string(name_of(run)) + ", but for: " + owners +
           ".";
  }
  return {};
}

}  // namespace

command parse_command_line(int argc, const char* const* argv) {
  command out;
  auto& o = out.given;
  CLI::App app(description, "troupe-bench");
  app.set_version_flag("--version", std::string("troupe-bench ") + TROUPE_VERSION);
  app.footer(examples);
  std::string which;
  app.add_option("scenario", which, "One of the above")->required();
  add_messages(app, o);
  add_clients(app, o);
  add_course(app, o);
  add_connection(app, o);
  add_tool(app, o);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    out.leave = app.exit(e) == 0 ? 0 : usage_error;
    return out;
  }
  auto wrong = choose(which, o);
  if (wrong.empty()) wrong = complain_of_strangers(app, o.run);
  if (wrong.empty()) {
    complete(o);
    wrong = complaint(o);
  }
  if (!wrong.empty()) {
    std::cerr << "troupe-bench: " << wrong << '\n';
    out.leave = usage_error;
  }
  return out;
}

}  // namespace troupe::bench
