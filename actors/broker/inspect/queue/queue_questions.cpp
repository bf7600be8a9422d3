// Questions about the messages that wait for one client, and the order to drop them.

#include "actors/broker/inspect/client_json.hpp"
#include "actors/broker/inspect/directory_walk.hpp"
#include "actors/broker/inspect/inspector.hpp"
#include "actors/broker/inspect/json_row.hpp"
#include "actors/broker/session.hpp"
#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "protocol/auth/digest.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace troupe::broker {
namespace {

using observe::admin_question;

constexpr std::size_t payload_shown = 4 * 1024;
constexpr std::uint64_t bytes_read = 1ULL << 20;
constexpr std::uint32_t most_read = 1'000;  // of the store at once
// Pages of the store that one page of the list may need: all of one can be in flight.
constexpr unsigned most_reads = 64;

const observe::admin_answer unread{503, "The store cannot be read now", {}, false};

/// The number that ordered() made text of; nothing if it is none.
std::optional<std::uint64_t> number_in(std::string_view key) {
  if (key.empty()) return 0;
  if (key.size() != 8) return std::nullopt;
  std::uint64_t value = 0;
  for (const unsigned char c : key) value = value << 8 | c;
  return value;
}

struct queued_message {
  const mqtt::message& body;
  mqtt::qos level;
  bool retain;
  std::string_view share;
  std::optional<std::uint64_t> order;
};

/// One page of the queue of one session, wherever it stands: in the store if the session is
/// durable, else in its memory.
class queue_list : public std::enable_shared_from_this<queue_list> {
 public:
  queue_list(inspector& of, const admin_question& question, inspector::answered done,
             std::uint64_t after)
      : of_(of), question_(question), done_(std::move(done)), after_(after) {}

  void begin() {
    session_looks looks;
    looks.asleep = [self = shared_from_this()](const listed_session& e) {
      self->session_ = e.who.id();
      self->found_ = self->asleep_ = self->durable_ = true;
    };
    looks.awake = [self = shared_from_this()](const session& s) { self->look_at(s); };
    find_session(of_.context(), std::string(question_.term("clientid")), std::move(looks),
                 [self = shared_from_this()](bool all) { self->located(all); });
  }

 private:
  void look_at(const session& s) {
    found_ = true;
    session_ = s.stored_as();
    durable_ = s.look().durable;
    if (durable_)
      begun_ = s.orders_under_way();
    else
      in_memory_ = s.queued(after_, question_.limit + 1);
  }

  void located(bool all) {
    if (!all) return done_({503, "The node is too busy", {}, false});
    if (!found_) return done_({404, "No client and no session has that id", {}, false});
    if (!durable_) return show_memory();
    if (!asleep_) return read();
    of_.context().store.read_contents(
        session_, [self = shared_from_this()](const storage::session_contents& contents) {
          if (contents.failed) return self->done_(unread);
          for (const auto& x : contents.outgoing) self->begun_.push_back(x.order);
          self->read();
        });
  }

  void show_memory() {
    for (const auto& d : in_memory_) {
      if (!room()) break;
      const auto share = d.share ? std::string_view(*d.share) : std::string_view{};
      add(++after_, {*d.body, d.level, d.retain, share, std::nullopt});
    }
    page_.more = page_.rows.size() < in_memory_.size();
    done_(std::move(page_));
  }

  void read() {
    if (reads_++ == 0) std::ranges::sort(begun_);
    const auto wanted = question_.limit - page_.rows.size() + begun_.size();
    of_.context().store.read_owed(
        session_, after_, static_cast<std::uint32_t>(std::min<std::size_t>(wanted, most_read)),
        bytes_read, [self = shared_from_this()](const storage::owed_page& page) {
          self->take(page);
        });
  }

  void take(const storage::owed_page& page) {
    if (page.failed && page.messages.empty()) return done_(unread);
    for (const auto& m : page.messages) {
      if (!room()) {
        page_.more = true;
        return done_(std::move(page_));
      }
      after_ = m.place.order;
      if (std::ranges::binary_search(begun_, after_)) continue;
      add(after_, {*m.body, m.entry.level, m.entry.retain, m.entry.share, after_});
    }
    page_.more = !page.end;
    if (page_.more && room() && reads_ < most_reads) return read();
    done_(std::move(page_));
  }

  bool room() const {
    return page_.rows.size() < question_.limit && bytes_ < page_rows::most_bytes;
  }

  void add(std::uint64_t key, const queued_message& m) {
    json_row row;
    row.add("topic", m.body.topic());
    row.add("qos", static_cast<unsigned>(m.level));
    row.add("retain", m.retain);
    row.add("size", m.body.payload().size());
    row.add("publish_at", time_text(m.body.received_at()));
    row.add("expires_at", time_text(m.body.expires_at()));
    row.add("share", m.share.empty() ? std::nullopt : std::optional(m.share));
    row.add("order", m.order);
    if (question_.term("payload") == "base64") {
      const auto shown = m.body.payload().substr(0, payload_shown);
      row.add("payload", auth::to_base64(shown));
      row.add("payload_truncated", shown.size() < m.body.payload().size());
    }
    auto text = row.take();
    bytes_ += text.size();
    page_.rows.push_back({ordered(key), std::move(text)});
  }

  inspector& of_;
  const admin_question question_;
  const inspector::answered done_;
  std::uint64_t after_;  // order in the store, or place in memory
  observe::admin_answer page_;
  std::size_t bytes_ = 0;
  unsigned reads_ = 0;
  session_id session_;
  bool found_ = false;
  bool asleep_ = false;
  bool durable_ = false;
  std::vector<std::uint64_t> begun_;  // on their way to the client
  std::vector<troupe::session::delivery> in_memory_;
};

void drop(inspector& of, const admin_question& question, inspector::answered done) {
  const std::string client_id(question.term("clientid"));
  const auto& handle = of.context().session_shard(client_id);
  auto* shard = static_cast<session_shard*>(caf::actor_cast<caf::abstract_actor*>(handle));
  const auto order = std::make_shared<queue_drop>([done = std::move(done)](
                                                      const queue_drop::outcome& outcome) {
    if (outcome.how == queue_drop::ending::no_session)
      return done({404, "No session has that id", {}, false});
    if (outcome.how == queue_drop::ending::not_now)
      return done({503, "The queue cannot be dropped now", {}, false});
    json_row row;
    row.add("dropped", outcome.dropped);
    row.add("more", outcome.more);
    done({200, {}, {{"queue", row.take()}}, false});
  });
  tell(handle, deferred{[shard, client_id, order] { shard->drop_queue(client_id, order); }});
}

}  // namespace

void add_queue_questions(inspector& to) {
  to.add("queue", [&to](const admin_question& question, inspector::answered done) {
    const auto after = number_in(question.after);
    if (!after) return done({400, "That cursor is of no page", {}, false});
    std::make_shared<queue_list>(to, question, std::move(done), *after)->begin();
  });
  to.add("queue_drop", [&to](const admin_question& question, inspector::answered done) {
    drop(to, question, std::move(done));
  });
}

}  // namespace troupe::broker
