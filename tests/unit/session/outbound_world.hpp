#pragma once

#include "protocol/session/outbound_flow.hpp"
#include "tests/unit/session/simulated_store.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace troupe::session::test {

/// Something that was promised did not hold.
struct violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An outbound_flow with all that surrounds it: topic shards whose offers overtake each other, a
/// store that answers late, a connection that breaks, and a client that follows the
/// specification. Every packet is checked when it is sent; one seed is one history.
class outbound_world final : public session_effects {
 public:
  explicit outbound_world(std::uint32_t seed);

  /// Something happens, by chance. Throws violation.
  void step();
  /// All comes to rest with a patient client; nothing may be left. Throws violation.
  void finish();
  /// The last steps, for a person.
  std::string story() const;

  // --- session_effects ---
  void send(const publish_out& publish) override;
  void send(const mqtt::ack_packet& ack) override;
  void send(const mqtt::suback_packet&) override {}
  void send_pingresp() override {}
  bool writable() override { return writable_; }
  void disconnect(mqtt::reason_code reason, std::string_view sentence) override;
  void route(routed_publish) override {}
  void redispatch(const delivery& message) override;
  void dropped(const mqtt::message& message, drop_reason why) override;
  void record_outgoing(mqtt::packet_id id, std::uint64_t order, bool released) override;
  void erase_outgoing(mqtt::packet_id id) override;
  void settle(const stored_place& place, std::size_t bytes) override;
  void erase_received(mqtt::packet_id) override {}
  void want_page(std::uint64_t after, std::uint32_t count, std::uint64_t bytes) override;

 private:
  static constexpr std::size_t topics = 3;

  /// What became of a message.
  struct fate {
    std::size_t topic = 0;
    mqtt::qos level{};
    bool shared = false;
    bool accepted = false;     // the flow, or the store, was given it
    bool over = false;         // its clean session ended
    bool revived = false;      // dropped, which a crash undid: it may come behind newer ones
    unsigned transmitted = 0;
    unsigned delivered = 0;
    unsigned refused = 0;      // PUBREC with an error
    unsigned dropped = 0;
    unsigned redispatched = 0;
  };
  /// A packet id that the client may know.
  struct id_in_use {
    std::size_t number = 0;
    bool doubtful = false;  // restored: perhaps never sent
    bool released = false;
  };
  struct from_broker {
    bool pubrel = false;
    mqtt::packet_id id = 0;
    mqtt::qos level{};
    std::size_t number = 0;
  };

  // outbound_world.cpp: the node
  void publish();
  void take_offer(std::size_t topic);
  void take_mail();
  void turn(const std::function<void()>& call);
  void flush();
  void check_bounds() const;
  void crash();
  void sleep();
  void trim();
  void drop_all();
  void restart();
  bool busy() const;
  void work();  // one step of whatever is under way

  // outbound_client.cpp: the connection and the client
  void connect(client_terms terms);
  client_terms any_terms();
  void lose_connection();
  void client_reads();
  void client_is_heard();
  void check_publish(const publish_out& publish, std::size_t number);
  void check_id(const publish_out& publish, std::size_t number);

  void note(std::string line);
  [[noreturn]] void fail(const std::string& what) const { throw violation(what); }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  bool chance(std::uint32_t percent) { return below(100) < percent; }

  std::mt19937 random_;
  session_limits limits_;
  bool durable_;
  std::optional<outbound_flow> flow_;
  std::int64_t now_ = 1'000'000;
  std::deque<std::string> story_;

  std::vector<fate> fates_;
  std::array<std::deque<delivery>, topics> offers_;  // on their way to the session
  std::deque<std::function<void()>> mail_;           // from the store to the session
  simulated_store store_;
  std::vector<std::function<void()>> writes_;   // of this turn
  std::vector<std::pair<mqtt::packet_id, bool>> to_report_;  // with them
  std::set<std::uint64_t> settled_;             // in this life of the node
  std::optional<std::set<std::uint64_t>> settled_meanwhile_;  // while trim() reads

  bool connected_ = false;
  bool writable_ = true;
  client_terms terms_;
  std::deque<from_broker> to_client_;
  std::deque<mqtt::ack_packet> to_broker_;
  std::map<mqtt::packet_id, std::size_t> received_;   // the client's QoS 2 state
  std::map<mqtt::packet_id, id_in_use> in_use_;
  std::set<mqtt::packet_id> unacknowledged_;          // on this connection
  std::map<std::pair<std::size_t, mqtt::qos>, std::size_t> last_here_;   // on this connection
  std::map<std::pair<std::size_t, mqtt::qos>, std::size_t> last_first_;  // first transmissions
};

}  // namespace troupe::session::test
