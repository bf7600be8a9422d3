// Questions about the clients and sessions of this node, and orders to end them.

#include "actors/broker/inspect/client_json.hpp"
#include "actors/broker/inspect/directory_walk.hpp"
#include "actors/broker/inspect/inspector.hpp"
#include "actors/broker/session.hpp"
#include "actors/broker/session_shard.hpp"
#include "actors/broker/tell.hpp"
#include "protocol/topics/names.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace troupe::broker {
namespace {

using nlohmann::json;
using observe::admin_question;

// What is shown of one client at once; the list of subscriptions has pages.
constexpr std::size_t subscriptions_shown = 1'000;

std::string text_of(const json& from) {
  return from.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Which clients are asked for.
class client_filter {
 public:
  explicit client_filter(const admin_question& from) : asked_(from) {}

  bool may(std::string_view client_id) const {
    const auto prefix = asked_.term("prefix");
    const auto part = asked_.term("like_clientid");
    return client_id.starts_with(prefix) && client_id.find(part) != std::string_view::npos;
  }
  bool takes(const client_view& c) const {
    if (asked_.has("username") && asked_.term("username") != c.username) return false;
    if (asked_.has("proto_ver") &&
        asked_.number("proto_ver") != static_cast<std::uint64_t>(c.version))
      return false;
    const auto state = asked_.term("conn_state");
    if (state == "connected" && !c.connected) return false;
    if (state == "disconnected" && c.connected) return false;
    if (asked_.has("queue_min") && c.queued < asked_.number("queue_min")) return false;
    const auto address = asked_.term("ip_address");
    if (address.empty()) return true;
    if (!c.device) return false;
    std::string_view from = c.device->address;
    if (!address.starts_with('[') && from.starts_with('[')) from.remove_prefix(1);
    return from.starts_with(address);
  }

 private:
  const admin_question& asked_;
};

/// A question on its way through the sessions.
struct client_list {
  inspector& of;
  const admin_question question;
  inspector::answered done;
  std::vector<page_rows> rows;

  std::string key_of(const std::string& client_id) const { return client_id + '\0' + of.node(); }
  page_rows& page() { return inspector::part_here(rows); }

  void take(const client_view& c) {
    if (!client_filter(question).takes(c)) return;
    auto key = key_of(c.client_id);
    if (!page().wants(key)) return page().add(std::move(key), {});
    page().add(std::move(key), row_of(c, of.node()));
  }
};

std::shared_ptr<client_list> list_of(inspector& of, const admin_question& question,
                                     inspector::answered done) {
  return std::make_shared<client_list>(
      client_list{of, question, std::move(done), of.parts(question)});
}

/// All of them, or the one that is named.
void walk(const std::shared_ptr<client_list>& list, session_looks looks) {
  auto done = [list](bool all) {
    if (!all) return list->done({503, "The node is too busy", {}, false});
    list->done(page_rows::merge(list->rows));
  };
  auto& context = list->of.context();
  if (list->question.has("clientid"))
    find_session(context, std::string(list->question.term("clientid")), std::move(looks),
                 std::move(done));
  else
    walk_sessions(context, std::move(looks), std::move(done));
}

void answer_clients(inspector& of, const admin_question& question, inspector::answered done) {
  const auto list = list_of(of, question, std::move(done));
  session_looks looks;
  looks.wants = [list](const std::string& client_id) {
    return client_filter(list->question).may(client_id) &&
           list->page().wants_some(list->key_of(client_id));
  };
  looks.asleep = [list](const listed_session& e) { list->take(view_of(e)); };
  looks.awake = [list](const session& s) { list->take(s.look()); };
  walk(list, std::move(looks));
}

void answer_client(inspector& of, const admin_question& question, inspector::answered done) {
  const auto list = list_of(of, question, [done = std::move(done)](observe::admin_answer found) {
    if (found.status == 200 && found.rows.empty())
      found = {404, "No client and no session has that id", {}, false};
    done(std::move(found));
  });
  const auto show = [list](json row, json subscriptions, bool more) {
    row["subscriptions"] = std::move(subscriptions);
    row["subscriptions_more"] = more;
    auto key = list->key_of(row["clientid"]);
    list->page().add(std::move(key), text_of(row));
  };
  session_looks looks;
  looks.asleep = [list, show](const listed_session& e) {
    auto row = json::parse(row_of(view_of(e), list->of.node()));
    client_view::details closer;
    closer.owed = e.who.owed();
    closer.owed_bytes = e.who.owed_bytes();
    closer.last = e.last != nullptr ? *e.last : farewell{"", e.record.disconnected_at};
    closer.waits_for = "its client to come back";
    if (e.record.will) closer.will.emplace(e.record.will->topic, e.record.will->delay);
    row.update(json_of(closer));
    auto subscriptions = json::array();
    for (const auto& s : e.subscriptions) {
      if (subscriptions.size() == subscriptions_shown) break;
      subscriptions.push_back(json_of(s));
    }
    show(std::move(row), std::move(subscriptions), e.subscriptions.size() > subscriptions_shown);
  };
  looks.awake = [list, show](const session& s) {
    const auto seen = s.look();
    auto row = json::parse(row_of(seen, list->of.node()));
    row.update(json_of(s.look_closer()));
    auto subscriptions = json::array();
    s.each_subscription({}, subscriptions_shown, [&](const storage::subscription_record& each) {
      subscriptions.push_back(json_of(each));
    });
    show(std::move(row), std::move(subscriptions), seen.subscriptions > subscriptions_shown);
  };
  walk(list, std::move(looks));
}

// --- subscriptions -----------------------------------------------------------------

bool asked_for(const admin_question& q, const storage::subscription_record& s) {
  const auto shared = topics::parse_shared(s.filter);
  const auto filter = shared ? shared->filter : std::string_view(s.filter);
  if (q.has("topic") && q.term("topic") != s.filter && q.term("topic") != filter) return false;
  if (q.has("match_topic") && !topics::matches(filter, q.term("match_topic"))) return false;
  if (q.has("share") && (!shared || shared->group != q.term("share"))) return false;
  return !q.has("qos") || q.number("qos") == static_cast<std::uint64_t>(s.options.maximum_qos);
}

void answer_subscriptions(inspector& of, const admin_question& question, inspector::answered done) {
  const auto list = list_of(of, question, std::move(done));
  const auto take = [list](const std::string& client_id, bool connected,
                           const storage::subscription_record& s) {
    if (!asked_for(list->question, s)) return;
    auto key = client_id + '\0' + s.filter + '\0' + list->of.node();
    if (!list->page().wants(key)) return list->page().add(std::move(key), {});
    list->page().add(std::move(key), row_of(s, client_id, list->of.node(), connected));
  };
  session_looks looks;
  looks.wants = [list](const std::string& client_id) {
    return list->page().wants_some(client_id + '\0');
  };
  looks.asleep = [take](const listed_session& e) {
    for (const auto& s : e.subscriptions) take(e.client_id, false, s);
  };
  looks.awake = [take](const session& s) {
    const auto seen = s.look();
    s.each_subscription({}, SIZE_MAX, [&](const storage::subscription_record& each) {
      take(seen.client_id, seen.connected, each);
    });
  };
  walk(list, std::move(looks));
}

// --- orders ------------------------------------------------------------------------

using act = bool (session_shard::*)(const std::string&);

/// 204, or 404: the node has no such client.
void order(inspector& of, const admin_question& question, inspector::answered done, act what,
           const char* otherwise) {
  const std::string client_id(question.term("clientid"));
  const auto& handle = of.context().session_shard(client_id);
  auto* shard = static_cast<session_shard*>(caf::actor_cast<caf::abstract_actor*>(handle));
  tell(handle, deferred{[shard, client_id, what, otherwise, done = std::move(done)] {
         if ((shard->*what)(client_id)) return done({204, {}, {}, false});
         done({404, otherwise, {}, false});
       }});
}

}  // namespace

void add_client_questions(inspector& to) {
  const auto add = [&to](const char* what,
                         void (*how)(inspector&, const admin_question&, inspector::answered)) {
    to.add(what, [&to, how](const admin_question& question, inspector::answered done) {
      how(to, question, std::move(done));
    });
  };
  add("clients", answer_clients);
  add("client", answer_client);
  add("subscriptions", answer_subscriptions);
  to.add("kick", [&to](const admin_question& question, inspector::answered done) {
    order(to, question, std::move(done), &session_shard::kick_client,
          "No client with that id is connected");
  });
  to.add("discard", [&to](const admin_question& question, inspector::answered done) {
    order(to, question, std::move(done), &session_shard::discard_session, "No session has that id");
  });
}

}  // namespace troupe::broker
