// Questions about the actors of this node.

#include "actors/broker/inspect/inspector.hpp"
#include "actors/broker/inspect/json_row.hpp"
#include "actors/broker/tell.hpp"
#include "actors/runtime/inspect/actor_visit.hpp"
#include "actors/runtime/lean_actor.hpp"
#include "actors/runtime/loop_coordinator.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>

namespace troupe::broker {
namespace {

using nlohmann::json;
using observe::admin_question;
using clock = std::chrono::steady_clock;

std::string text_of(const json& from) {
  return from.dump(-1, ' ', false, json::error_handler_t::replace);
}

const observe::admin_answer too_busy{503, "The node is too busy", {}, false};

/// What an actor had done at the first of two looks.
struct earlier {
  std::uint64_t messages = 0;
  std::uint64_t busy_ns = 0;
};
using earlier_by_id = std::unordered_map<std::uint64_t, earlier>;

/// One question for a list of actors, on its way through the loops.
struct actor_list {
  inspector& of;
  const admin_question question;
  inspector::answered done;
  std::vector<page_rows> rows;
  std::vector<earlier_by_id> before;  // by the loop of the look
  clock::time_point looked{};
  double passed = 0;  // seconds between the looks; 0: there is only one

  void first_look(const runtime::lean_actor& actor) {
    const auto r = actor.row();
    before[runtime::run_loop::current()->index()][r.id] = {r.messages_handled, r.busy_ns};
  }

  earlier at_first(std::uint64_t id, const earlier& now) const {
    for (const auto& each : before) {
      if (const auto it = each.find(id); it != each.end()) return it->second;
    }
    return now;  // it came in between: its first moments are not counted
  }

  void look(const runtime::lean_actor& actor) {
    if (const auto kind = question.term("kind"); !kind.empty() && kind != actor.name()) return;
    const auto r = actor.row();
    if (question.has("id") && question.number("id") != r.id) return;
    earlier delta{r.messages_handled, r.busy_ns};
    if (passed > 0) {
      const auto first = at_first(r.id, delta);
      delta = {delta.messages - first.messages, delta.busy_ns - first.busy_ns};
    }
    const auto sort = question.term("sort");
    const auto serves = question.term("serves");
    runtime::actor_description said;
    bool described = false;
    const auto describe = [&] {
      if (!std::exchange(described, true)) actor.describe(said);
    };
    std::string key;
    if (!sort.empty() && sort != "id") {
      std::uint64_t value = r.mailbox_depth;
      if (sort == "oldest") value = r.oldest_ms;
      if (sort == "busy") value = delta.busy_ns;
      if (sort == "messages") value = delta.messages;
      if (sort == "memory") {
        describe();
        value = said.memory.value_or(0);
      }
      key = ordered(~value);
    }
    key += of.node() + '\0' + ordered(r.id);
    auto& page = inspector::part_here(rows);
    if (serves.empty() && !page.wants(key)) return page.add(std::move(key), {});
    describe();
    if (said.serves.find(serves) == std::string::npos) return;
    json_row row;
    row.add("id", std::to_string(r.id) + "@" + of.node());
    row.add("node", of.node());
    row.add("kind", r.name);
    row.add("serves", said.serves);
    row.add("loop", r.loop < 0 ? std::nullopt : std::optional(r.loop));
    row.add("mailbox", r.mailbox_depth);
    row.add("oldest_ms", r.oldest_ms);
    row.add("messages", r.messages_handled);
    row.add("busy_us", r.busy_ns / 1000);
    row.add("memory", said.memory);
    row.add("restarts", said.restarts);
    row.add("waits_for", said.waits_for);
    if (passed > 0) {
      const json rate = {{"messages", static_cast<double>(delta.messages) / passed},
                         {"busy", static_cast<double>(delta.busy_ns) / 1e9 / passed}};
      row.add_json("rate", rate.dump());
    }
    page.add(std::move(key), row.take());
  }
};

void list_now(const std::shared_ptr<actor_list>& list) {
  runtime::visit_actors(
      list->of.context().aside, [list](const runtime::lean_actor& actor) { list->look(actor); },
      [list](bool all) {
        if (!all) return list->done(too_busy);
        list->done(page_rows::merge(list->rows));
      });
}

/// Looks again when the time has passed.
void list_later(const std::shared_ptr<actor_list>& list) {
  const bool posted = list->of.later(list->question, [list] {
    list->passed = std::chrono::duration<double>(clock::now() - list->looked).count();
    list_now(list);
  });
  if (!posted) list->done(too_busy);
}

void answer_list(inspector& of, const admin_question& question, inspector::answered done) {
  auto list = std::make_shared<actor_list>(
      actor_list{of, question, std::move(done), of.parts(question), {}, {}, 0});
  if (!question.has("interval")) return list_now(list);
  list->before.resize(of.context().loops.loops());
  list->looked = clock::now();
  runtime::visit_actors(
      of.context().aside, [list](const runtime::lean_actor& actor) { list->first_look(actor); },
      [list](bool) { list_later(list); });
}

/// Counts of the actors of one kind and loop.
struct branch {
  std::uint64_t count = 0;
  std::uint64_t mailbox = 0;
  std::uint64_t messages = 0;
  std::uint64_t busy_ns = 0;
};
using branches = std::map<std::pair<int, std::string>, branch>;

json leaf(const std::string& kind, const branch& sum) {
  return {{"kind", kind},
          {"count", sum.count},
          {"mailbox", sum.mailbox},
          {"messages", sum.messages},
          {"busy_us", sum.busy_ns / 1000}};
}

json tree_of(const inspector& of, const branches& sums) {
  auto loops = json::array();
  auto& run = of.context().loops;
  for (int i = -1; i < static_cast<int>(run.loops()); ++i) {
    auto actors = json::array();
    for (const auto& [place, sum] : sums) {
      if (place.first == i) actors.push_back(leaf(place.second, sum));
    }
    json loop = {{"loop", i < 0 ? json() : json(i)}, {"actors", std::move(actors)}};
    if (i >= 0) {
      const auto& stats = run.loop(static_cast<unsigned>(i)).stats();
      loop["busy_seconds"] = static_cast<double>(stats.busy_ns.get()) / 1e9;
      loop["lag_ms"] = static_cast<double>(stats.lag_ns.get()) / 1e6;
      loop["queue"] = stats.queue_length.get();
      loop["messages"] = stats.messages.get();
    }
    loops.push_back(std::move(loop));
  }
  return {{"node", of.node()}, {"loops", std::move(loops)}};
}

void answer_tree(inspector& of, const admin_question&, inspector::answered done) {
  auto sums = std::make_shared<std::vector<branches>>(of.context().loops.loops());
  runtime::visit_actors(
      of.context().aside,
      [sums](const runtime::lean_actor& actor) {
        const auto r = actor.row();
        auto& sum = (*sums)[runtime::run_loop::current()->index()][{r.loop, r.name}];
        ++sum.count;
        sum.mailbox += r.mailbox_depth;
        sum.messages += r.messages_handled;
        sum.busy_ns += r.busy_ns;
      },
      [&of, sums, done = std::move(done)](bool) {
        branches whole;
        for (const auto& part : *sums) {
          for (const auto& [place, sum] : part) {
            auto& to = whole[place];
            to.count += sum.count;
            to.mailbox += sum.mailbox;
            to.messages += sum.messages;
            to.busy_ns += sum.busy_ns;
          }
        }
        done({200, {}, {{of.node(), text_of(tree_of(of, whole))}}, false});
      });
}

/// Only a session has all that it needs in the store; whatever else fails ends the node.
void restart(inspector& of, const admin_question& question, inspector::answered done) {
  const auto id = question.number("id", 0);
  auto answer = std::make_shared<observe::admin_answer>();
  *answer = {404, "There is no actor with that id", {}, false};
  if (question.term("node") != of.node()) return done(std::move(*answer));
  runtime::visit_actors(
      of.context().aside,
      [id, answer](const runtime::lean_actor& actor) {
        if (actor.id() != id) return;
        if (std::string_view(actor.name()) != "session") {
          *answer = {409, "Only the actors of sessions are restarted", {}, false};
          return;
        }
        kick again;
        again.yield = true;
        tell(caf::strong_actor_ptr{actor.ctrl()}, std::move(again));
        *answer = {204, {}, {}, false};
      },
      [answer, done = std::move(done)](bool) { done(std::move(*answer)); });
}

}  // namespace

void add_actor_questions(inspector& to) {
  to.add("actors", [&to](const admin_question& question, inspector::answered done) {
    answer_list(to, question, std::move(done));
  });
  to.add("actor", [&to](const admin_question& question, inspector::answered done) {
    answer_list(to, question, [done = std::move(done)](observe::admin_answer found) {
      if (found.status == 200 && found.rows.empty())
        found = {404, "There is no actor with that id", {}, false};
      done(std::move(found));
    });
  });
  to.add("actor_restart", [&to](const admin_question& question, inspector::answered done) {
    restart(to, question, std::move(done));
  });
  to.add("actor_tree", [&to](const admin_question& question, inspector::answered done) {
    answer_tree(to, question, std::move(done));
  });
}

}  // namespace troupe::broker
