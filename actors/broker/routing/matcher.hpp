#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "actors/broker/audit/route_ledger.hpp"
#include "actors/broker/context.hpp"
#include "actors/broker/messages.hpp"
#include "actors/broker/routing/share_chooser.hpp"
#include "protocol/topics/persistent_set.hpp"

namespace troupe::broker {

/// One session that a message is for; overlapping subscriptions are one
/// receiver with the highest QoS and all identifiers [MQTT-3.3.4-2 to 4].
struct receiver {
  subscriber_ptr who;
  mqtt::qos level = mqtt::qos::at_most_once;  // granted: not above the message's own
  bool retain = false;
  troupe::session::subscription_ids subscription_ids;
  std::shared_ptr<const std::string> share;  // not null: one of a group
};

/// The routes that one topic shard matches by: its exact filters and the
/// latest snapshot of the wildcard index. Not thread-safe.
class matcher {
 public:
  /// `seed`: for choices by chance.
  matcher(const broker_context& context, std::uint64_t seed);

  /// The caller tells the wildcard view.
  void apply(const route_change& change);

  /// Changes whenever a match may come out differently (not with the state of
  /// the receivers: shared groups choose anew each time).
  std::uint64_t version() const noexcept { return context_.wildcards.version(); }
  /// What the latest match was made by.
  std::uint64_t matched_version() const noexcept { return matched_version_; }
  /// Whose messages come now: a hash of the client id (0: not known) and the node of the
  /// connection, for groups.
  void from(std::uint64_t client, cluster::node_id node) noexcept {
    client_ = client;
    node_ = node;
  }
  /// Whether several messages come now: their topic is often the same.
  void several(bool value) noexcept { several_ = value; }
  /// Whom the groups of the message at hand have chosen already; null: nobody. `gone_too`: also if
  /// it is no member any more, but its session is kept.
  void known(const std::vector<storage::chosen_member>* members, bool gone_too) noexcept {
    known_ = members;
    known_gone_too_ = gone_too;
  }
  /// The message at hand is for no member of a shared group.
  void without_groups(bool value) noexcept { without_groups_ = value; }
  bool leaves_out_groups() const noexcept { return without_groups_; }
  share_chooser& chooser() noexcept { return chooser_; }
  /// Fills `out` with the receivers of the message, no session twice (except
  /// as member of shared groups). Sessions that ended and no-local ones are left out.
  void match(const mqtt::message& message, std::vector<receiver>& out);

  /// Only those that shared groups choose for the message.
  void choose_members(const mqtt::message& message, std::vector<receiver>& out);

  /// Another member of a shared group for a message, or nothing.
  bool rematch(const mqtt::message& message, const std::string& share, session_id without,
               std::vector<receiver>& out);

  /// Takes out the subscriptions of which `gone` says so. Walks all of them.
  void erase_if(const std::function<bool(const subscription&)>& gone);
  /// Visits those that this node announces. Walks all of them.
  void each_own(const std::function<void(const route_change&)>& visit) const;

  /// For people: visits the entries that match the topic, with their filters. Any text is a topic.
  void each_match(const std::string& topic,
                  const std::function<void(std::string_view, const route&)>& visit) const;
  /// In a cluster: sums over the exact filters.
  const route_ledger& ledger() const noexcept { return ledger_; }

  std::size_t exact_filters() const noexcept { return exact_.size(); }
  std::uint64_t no_local() const noexcept { return no_local_; }

 private:
  struct route_traits {
    using key_type = std::uint64_t;
    static key_type key_of(const route& r) noexcept { return r.key(); }
    static std::uint64_t hash(key_type key) noexcept { return topics::seeded_hash(key); }
  };
  using route_set = topics::persistent_set<route, route_traits>;

  template <class Visit>
  void visit_routes(std::string_view topic, Visit&& visit);
  template <class Visit>
  void look_up(std::string_view topic, Visit&& visit);
  void collect(const route& r, const mqtt::message& message, std::vector<receiver>& out);
  bool choose_known(const share_group& group, const mqtt::message& message, session_id without,
                    std::vector<receiver>& out) const;
  bool choose(const share_group& group, const mqtt::message& message, session_id without,
              std::vector<receiver>& out);
  void merge(std::vector<receiver>& out);

  const broker_context& context_;
  struct topic_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view topic) const noexcept {
      return topics::seeded_hash(topic);
    }
  };

  std::unordered_map<std::string, route_set, topic_hash, std::equal_to<>> exact_;
  wildcard_routes wildcards_;
  std::uint64_t matched_version_ = 0;
  std::uint64_t no_local_ = 0;

  /// The routes of the latest topic, if they are few and several messages come.
  static constexpr std::size_t most_found = 16;
  boost::container::small_vector<const route*, most_found> found_;
  std::string found_for_;
  bool several_ = false;
  bool found_holds_ = false;

  route_ledger ledger_;

  // Groups:
  share_chooser chooser_;
  const std::vector<storage::chosen_member>* known_ = nullptr;
  bool known_gone_too_ = false;
  bool without_groups_ = false;
  std::uint64_t client_ = 0;
  cluster::node_id node_ = cluster::no_node;
  std::shared_ptr<const sharing_rules> rules_;
  std::uint64_t rules_version_ = 0;
  std::shared_ptr<const broker_limits> limits_;
  std::uint64_t limits_version_ = 0;
};

}  // namespace troupe::broker
