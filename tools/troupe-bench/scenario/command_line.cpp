#include "tools/troupe-bench/scenario/command_line.hpp"

#include <CLI/CLI.hpp>

#include <iostream>

namespace troupe::bench {
namespace {

constexpr int usage_error = 2;

constexpr const char* description =
    "Load on MQTT brokers: rates, latency and CPU, with every message checked.\n";

constexpr const char* examples =
    "\nExamples:\n"
    "  troupe-bench pairs --qos 1 --pid $(pidof troupe)       as fast as it goes\n"
    "  troupe-bench pairs --qos 1 --rate 20000 --time 30      latency at a fixed rate\n"
    "  troupe-bench fan-out --subscribers 1000 --mqtt 5\n"
    "  troupe-bench shared --publish-to a:1883 --subscribe-to b:1883\n"
    "Exit status: 0 all is well, 1 something was lost, came twice or failed, 2 usage.\n";

constexpr scenario all_scenarios[] = {scenario::fan_in, scenario::fan_out, scenario::pairs,
                                      scenario::shared};

void add_load(CLI::App& app, options& o) {
  auto* g = app.add_option_group("Load");
  g->add_option("-p,--publishers", o.publishers, "Publishing clients");
  g->add_option("-s,--subscribers", o.subscribers, "Subscribing clients");
  g->add_option("-q,--qos", o.qos, "QoS of messages and subscriptions")->capture_default_str();
  g->add_option("--payload", o.payload, "Bytes of a message, 16 or more")->capture_default_str();
  g->add_option("-t,--time", o.seconds, "Seconds to measure (5)");
  g->add_option("--warm-up", o.warm_up, "Seconds before that")->capture_default_str();
  g->add_option("-n,--messages", o.messages, "Messages to send in all, instead of a time");
  g->add_option("-r,--rate", o.rate,
                "Messages per second of all publishers; latency then counts from when each was "
                "meant to leave. Without it: as fast as nothing is lost");
  g->add_option("-w,--window", o.window,
                "Messages of a publisher that are under way at most, without --rate (by payload)");
  g->add_option("--batch", o.batch, "Room in the window that a publisher waits for (half of it)");
  g->add_option("--expiry", o.expiry,
                "Seconds that the sessions of subscribers outlive them: durable subscribers");
}

void add_connection(CLI::App& app, options& o) {
  auto* g = app.add_option_group("Connection");
  g->add_option("-b,--broker", o.brokers, "HOST[:PORT], repeated for several (127.0.0.1)");
  g->add_option("--publish-to", o.publish_to, "HOST[:PORT] for publishers only");
  g->add_option("--subscribe-to", o.subscribe_to, "HOST[:PORT] for subscribers only");
  g->add_option("--source", o.source_addresses, "Local address to connect from, repeated");
  g->add_option("--mqtt", o.version, "3.1.1 or 5")->capture_default_str();
  g->add_option("-u,--user", o.user, "User name");
  g->add_option("-P,--password", o.password, "Password")->envname("TROUPE_BENCH_PASSWORD");
  g->add_option("-k,--keep-alive", o.keep_alive, "Seconds, 0: none")->capture_default_str();
  g->add_option("--concurrency", o.concurrency, "Connections being made at a time")
      ->capture_default_str();
  g->add_option("--topic", o.topic_prefix, "First level of topics")->capture_default_str();
  g->add_option("--client-prefix", o.client_prefix, "Beginning of client ids")
      ->capture_default_str();
  g->add_option("--settle", o.settle, "Seconds between the last SUBACK and the first message");
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

}  // namespace

command parse_command_line(int argc, const char* const* argv) {
  command out;
  auto& o = out.given;
  CLI::App app(description, "troupe-bench");
  app.set_version_flag("--version", std::string("troupe-bench ") + TROUPE_VERSION);
  app.footer(examples);
  std::string which;
  std::string names;
  for (const auto each : all_scenarios)
    names += (names.empty() ? "" : ", ") + std::string(name_of(each));
  app.add_option("scenario", which, "One of " + names)->required();
  add_load(app, o);
  add_connection(app, o);
  add_tool(app, o);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    out.leave = app.exit(e) == 0 ? 0 : usage_error;
    return out;
  }
  const auto found = std::find_if(std::begin(all_scenarios), std::end(all_scenarios),
                                  [&](scenario each) { return name_of(each) == which; });
  std::string wrong;
  if (found == std::end(all_scenarios)) {
    wrong = "There is no scenario '" + which + "'; there are " + names + ".";
  } else {
    o.run = *found;
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
