// Questions about retained messages. The store asks the owners of shards by itself, so one node
// answers for all.

#include "actors/broker/inspect/client_json.hpp"
#include "actors/broker/inspect/inspector.hpp"
#include "actors/runtime/loop_coordinator.hpp"
#include "protocol/auth/digest.hpp"
#include "protocol/topics/names.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

namespace troupe::broker {
namespace {

using nlohmann::json;
using observe::admin_question;

constexpr std::uint32_t most_of_a_page = 1'000;
// Pages of the store that one page of the list may need: they can be empty.
constexpr unsigned most_retained_reads = 64;
constexpr std::size_t retained_payload_shown = 64 * 1024;

json retained_row(const mqtt::message& m) {
  return {{"topic", std::string(m.topic())},
          {"qos", static_cast<unsigned>(m.level())},
          {"payload_size", m.payload().size()},
          {"publish_at", json_of_time(m.received_at())},
          {"expires_at", json_of_time(m.expires_at())}};
}

std::string text_of(const json& from) {
  return from.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// One page of the list, on its way through pages of the store. The cursor is the store's.
struct retained_list : std::enable_shared_from_this<retained_list> {
  retained_list(inspector& node, const admin_question& asked, inspector::answered answer)
      : of(node), question(asked), done(std::move(answer)) {
    limit = std::min(question.limit, most_of_a_page);
  }

  void read(std::string cursor) {
    ++reads;
    auto& context = of.context();
    const std::string filter(question.has("topic") ? question.term("topic") : "#");
    context.store.read_retained(
        filter, std::move(cursor), limit - static_cast<std::uint32_t>(page.rows.size()),
        context.loops.time().wall_ms(),
        [self = shared_from_this()](const storage::retained_page& found) { self->take(found); });
  }

  void take(const storage::retained_page& found) {
    if (found.failed) return done({503, "The store cannot be read now", {}, false});
    for (const auto& m : found.messages) {
      const auto topic = m.body->topic();
      // "#" finds no topics that begin with "$" [MQTT-4.7.2-1]; those are asked for by name.
      page.rows.push_back({found.next, text_of(retained_row(*m.body))});
      bytes += topic.size() + 200;
    }
    page.more = !found.next.empty();
    const bool enough = page.rows.size() >= limit || bytes > page_rows::most_bytes;
    if (page.more && !enough && reads < most_retained_reads) return read(found.next);
    if (!page.rows.empty()) page.rows.back().key = found.next;
    done(std::move(page));
  }

  inspector& of;
  const admin_question question;
  const inspector::answered done;
  observe::admin_answer page;
  std::uint32_t limit = 1;
  unsigned reads = 0;
  std::size_t bytes = 0;
};

using found_one = std::function<void(bool failed, const mqtt::message*)>;

void read_one(inspector& of, std::string topic, found_one done) {
  auto& context = of.context();
  context.store.read_retained(
      std::move(topic), {}, 1, context.loops.time().wall_ms(),
      [done = std::move(done)](const storage::retained_page& found) {
        done(found.failed, found.messages.empty() ? nullptr : found.messages.front().body.get());
      });
}

const observe::admin_answer none{404, "No message is retained for that topic", {}, false};
const observe::admin_answer retained_unread{503, "The store cannot be read now", {}, false};

void show(inspector& of, const admin_question& question, const inspector::answered& done) {
  read_one(of, std::string(question.term("topic")), [done](bool failed, const mqtt::message* m) {
    if (m == nullptr) return done(failed ? retained_unread : none);
    auto row = retained_row(*m);
    const auto payload = m->payload().substr(0, retained_payload_shown);
    row["payload"] = auth::to_base64(payload);
    row["payload_truncated"] = payload.size() < m->payload().size();
    done({200, {}, {{"retained", text_of(row)}}, false});
  });
}

void erase(inspector& of, const admin_question& question, const inspector::answered& done) {
  std::string topic(question.term("topic"));
  read_one(of, topic, [&of, topic, done](bool failed, const mqtt::message* m) {
    if (m == nullptr) return done(failed ? retained_unread : none);
    storage::transaction writes;
    writes.erase_retained(of.context().shard_of(topic), topic);
    of.context().store.commit(std::move(writes), [done](const storage::commit_result& result) {
      if (!result.ok) return done({503, result.error, {}, false});
      done({204, {}, {}, false});
    });
  });
}

}  // namespace

void add_retained_questions(inspector& to) {
  to.add("retained", [&to](const admin_question& question, const inspector::answered& done) {
    const auto filter = question.term("topic");
    if (question.has("topic") && !topics::valid_filter(filter))
      return done({400, "That is no topic filter", {}, false});
    try {
      std::make_shared<retained_list>(to, question, done)->read(question.after);
    } catch (const std::logic_error&) {  // of what reads its numbers
      done({400, "That cursor is of no page", {}, false});
    }
  });
  to.add("retained_one", [&to](const admin_question& question, const inspector::answered& done) {
    if (!topics::valid_topic_name(question.term("topic"))) return done(none);
    show(to, question, done);
  });
  to.add("retained_erase", [&to](const admin_question& question, const inspector::answered& done) {
    if (!topics::valid_topic_name(question.term("topic"))) return done(none);
    erase(to, question, done);
  });
}

}  // namespace troupe::broker
