#include "tools/troupectl/interrupt.hpp"
#include "tools/troupectl/showing.hpp"
#include "tools/troupectl/terminal_text.hpp"
#include "tools/troupectl/verbs/declare.hpp"
#include "tools/troupectl/verbs/trace_text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <unistd.h>
#include <vector>

namespace troupe::ctl {
namespace {

using nlohmann::json;

constexpr auto page_size = "250";
constexpr auto between_looks = std::chrono::milliseconds(500);
// What is printed at once; of more, the rest is asked for with --json or --follow.
constexpr std::size_t most_shown = 200'000;

const std::vector<column> trace_columns{
    {"TRACE", "/name"},     {"OF", "/type"},     {"WHAT", "/what"},   {"STATE", "/status"},
    {"BEGAN", "/start_at"}, {"ENDS", "/end_at"}, {"NODES", "/nodes"}, {"EVENTS", "/events"},
    {"LOST", "/lost"},      {"BY", "/by"}};

struct trace_options {
  node_address address;
  std::string name, type, what;
  std::uint64_t seconds = 600;
  std::uint64_t events = 5'000;
  std::string message, output;
  bool json = false;
  bool follow = false;
};

/// Type as the API has it.
std::string type_of(const std::string& word) {
  if (word == "client") return "clientid";
  if (word == "address") return "ip_address";
  return word;
}

void add_bounds(CLI::App& command, trace_options& given) {
  command
      .add_option("--duration", given.seconds,
                  "How long at most: seconds, or a number with min or h, up to an hour")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, std::uint64_t>{{"s", 1}, {"min", 60}, {"h", 3600}},
          CLI::AsNumberWithUnit::CASE_INSENSITIVE, "TIME"))
      ->check(CLI::Range(1.0, 3600.0))
      ->capture_default_str();
  command.add_option("--events", given.events, "Events that each node keeps; older ones are lost")
      ->check(CLI::Range(100, 20'000))
      ->capture_default_str();
}

void add_output(CLI::App& command, trace_options& given) {
  command.add_flag("--json", given.json, "Print events as JSON, one a line");
  command.add_option("--output", given.output, "Write to this file");
  command.add_option("--message", given.message,
                     "Only the message with this number, or its last digits");
}

/// Where the text goes; null if that file cannot be written.
class sink {
 public:
  sink(console& with, const std::string& file) : with_(with), name_(file) {
    if (!file.empty()) file_.open(file, std::ios::binary | std::ios::trunc);
  }
  std::ostream& out() { return name_.empty() ? with_.out : file_; }
  bool good() { return static_cast<bool>(out()); }
  exit_code end() {
    out().flush();
    return good() ? success : fail(with_, "\"" + name_ + "\" cannot be written.");
  }

 private:
  console& with_;
  const std::string name_;
  std::ofstream file_;
};

std::string log_path(const std::string& name) {
  return path_of("/api/v1/trace", name) + "/log";
}

/// The pages of a trace, one after the other; each asks for what came after the last.
class reading {
 public:
  reading(node_address at, const std::string& name) : at_(std::move(at)), path_(log_path(name)) {}

  http_answer next(json& page) {
    query_values query{{"limit", page_size}};
    if (!cursor_.empty()) query.emplace_back("cursor", cursor_);
    auto answer = http_get(at_, with_query(path_, query));
    if (!answer.problem.empty()) return answer;
    page = json::parse(answer.body, nullptr, false);
    const json::json_pointer cursor("/meta/cursor");
    if (!page.is_object() || !page.contains("data") || !page.contains("trace") ||
        !page.contains(cursor)) {
      answer.problem = "What answers at " + at_.url + " is no Troupe node.";
      return answer;
    }
    cursor_ = page.at(cursor).get<std::string>();
    return answer;
  }

 private:
  const node_address at_;
  const std::string path_;
  std::string cursor_;
};

std::string said_of(const json& trace) {
  const auto type = trace.value("type", std::string());
  return trace.value("name", std::string()) + ", " + type + " " + trace.value(type, std::string());
}

/// "Trace t1, clientid dev-7: running until ..., 42 events on n1, n2, 0 lost".
std::string head_of(const json& page) {
  const auto& trace = page.at("trace");
  std::string nodes;
  for (const auto& each : trace.at("nodes"))
    nodes += (nodes.empty() ? "" : ", ") + each.get<std::string>();
  const bool running = trace.value("status", std::string()) == "running";
  return harmless("Trace " + said_of(trace) + ": " +
                  (running ? "runs until " + trace.value("end_at", std::string("?")) : "is over") +
                  ", " + std::to_string(trace.value("events", std::uint64_t{0})) + " events on " +
                  nodes + ", " + std::to_string(trace.value("lost", std::uint64_t{0})) +
                  " of them lost") +
         "\n" + missing_text(page);
}

void print(std::ostream& out, const json& page, const trace_options& given, trace_lines& lines) {
  for (const auto& event : page.at("data")) {
    if (!of_message(event, given.message)) continue;
    out << (given.json ? event.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"
                       : lines.line_of(event));
  }
  out.flush();
}

/// Prints what comes until the trace is over, or Ctrl-C.
exit_code follow(console& with, const trace_options& given, const std::string& name, sink& to) {
  reading pages(resolved(given.address, with), name);
  trace_lines lines;
  std::string missing;
  for (;;) {
    json page;
    const auto answer = pages.next(page);
    if (interrupted()) return success;
    if (!answer.problem.empty()) return fail(with, answer);
    print(to.out(), page, given, lines);
    if (const auto now = missing_text(page); now != std::exchange(missing, now) && !now.empty())
      with.err << now;
    if (!to.good()) return to.end();
    if (page.at("meta").value("hasnext", false)) continue;
    if (page.at("trace").value("status", std::string()) != "running") return success;
    if (!wait_for(between_looks)) return success;
  }
}

exit_code show_all(console& with, const trace_options& given, sink& to) {
  reading pages(resolved(given.address, with), given.name);
  std::vector<json> events;
  trace_lines lines;
  json page;
  do {
    const auto answer = pages.next(page);
    if (!answer.problem.empty()) return fail(with, answer);
    if (given.json)
      print(to.out(), page, given, lines);
    else
      for (auto& event : page.at("data"))
        if (of_message(event, given.message)) events.push_back(std::move(event));
  } while (page.at("meta").value("hasnext", false) && events.size() < most_shown && !interrupted());
  if (!given.json) {
    auto head = head_of(page);
    if (with.colours && given.output.empty()) head = "\x1b[1m" + head + "\x1b[0m";
    to.out() << head << "\n" << trace_text(events);
  }
  return to.end();
}

http_answer start(console& with, const trace_options& given) {
  const auto type = type_of(given.type);
  const json body = {{"name", given.name},
                     {"type", type},
                     {type, given.what},
                     {"duration", given.seconds},
                     {"max_events", given.events}};
  return http_send(resolved(given.address, with), http_method::post, "/api/v1/trace",
                   body.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::shared_ptr<trace_options> add_named(CLI::App& command) {
  auto given = std::make_shared<trace_options>();
  add_address_options(command, given->address);
  command.add_option("trace", given->name, "Name of a trace")->required();
  return given;
}

/// Starts a trace, shows what comes and deletes it.
exit_code live(console& with, trace_options given) {
  given.name = "ctl-" + std::to_string(std::time(nullptr)) + "-" + std::to_string(::getpid());
  sink to(with, given.output);
  if (!to.good()) return to.end();
  const interrupt_guard guard;
  const auto begun = start(with, given);
  if (!begun.problem.empty()) return fail(with, begun);
  with.err << "Following " << harmless(given.type + " " + given.what) << " for "
           << span_text(given.seconds) << "; Ctrl-C ends it.\n";
  const auto code = follow(with, given, given.name, to);
  // Ctrl-C ends what waits for a node, too: the trace must still go.
  const interrupt_guard again;
  http_send(resolved(given.address, with), http_method::erase, path_of("/api/v1/trace", given.name),
            {});
  return code == success ? to.end() : code;
}

action declare_live(CLI::App& command, console& with, const char* type, const char* argument,
                    const char* help) {
  const auto given = std::make_shared<trace_options>();
  given->type = type;
  add_address_options(command, given->address);
  command.add_option(argument, given->what, help)->required();
  add_bounds(command, *given);
  add_output(command, *given);
  return [given, &with] { return live(with, *given); };
}

}  // namespace

action declare_trace_start(CLI::App& command, console& with) {
  const auto given = std::make_shared<trace_options>();
  add_address_options(command, given->address);
  command.add_option("name", given->name, "For the other verbs: letters, digits, - _ .")
      ->required();
  command.add_option("type", given->type, "client, topic or address")
      ->required()
      ->check(CLI::IsMember({"client", "topic", "address"}));
  command.add_option("what", given->what, "Client id, topic filter, or how an address begins")
      ->required();
  add_bounds(command, *given);
  return [given, &with] {
    const auto answer = start(with, *given);
    if (!answer.problem.empty()) return fail(with, answer);
    with.out << harmless("Trace " + given->name + " follows " + given->type + " " + given->what)
             << " for " << span_text(given->seconds) << ".\n";
    return success;
  };
}

action declare_trace_list(CLI::App& command, console& with) {
  const auto how = add_showing_options(command);
  return [=, &with] {
    return show(with, *how, "/api/v1/trace", [&with](json list) {
      for (auto& each : list.at("data")) {
        each["what"] = each.value(each.value("type", std::string()), std::string());
        each["nodes"] = each.at("nodes").size();
      }
      return with_head(with, list_table(list, trace_columns));
    });
  };
}

action declare_trace_show(CLI::App& command, console& with) {
  const auto given = add_named(command);
  command.add_flag("--follow", given->follow, "Go on until the trace is over or Ctrl-C");
  add_output(command, *given);
  return [given, &with] {
    sink to(with, given->output);
    if (!to.good()) return to.end();
    const interrupt_guard guard;
    return given->follow ? follow(with, *given, given->name, to) : show_all(with, *given, to);
  };
}

action declare_trace_stop(CLI::App& command, console& with) {
  const auto given = add_named(command);
  return [given, &with] {
    return order(with, given->address, http_method::put,
                 path_of("/api/v1/trace", given->name) + "/stop", {},
                 "Trace " + given->name + " is over; what it has seen stays for an hour.");
  };
}

action declare_trace_delete(CLI::App& command, console& with) {
  const auto given = add_named(command);
  return [given, &with] {
    return order(with, given->address, http_method::erase, path_of("/api/v1/trace", given->name),
                 {}, "Trace " + given->name + " is gone.");
  };
}

action declare_trace_client(CLI::App& command, console& with) {
  return declare_live(command, with, "client", "client", "Client id");
}

action declare_trace_topic(CLI::App& command, console& with) {
  return declare_live(command, with, "topic", "filter", "Topic filter, such as plant/+/temp");
}

action declare_trace_address(CLI::App& command, console& with) {
  return declare_live(command, with, "address", "beginning",
                      "How the address of a client begins, such as 10.1.");
}

}  // namespace troupe::ctl
