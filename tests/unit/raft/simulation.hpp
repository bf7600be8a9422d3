#pragma once

#include "cluster/raft/group.hpp"
#include "tests/unit/raft/memory_disk.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace troupe::cluster::raft::test {

/// What may go wrong in a run; a seed decides when.
struct faults {
  double drop = 0;  // of messages
  double duplicate = 0;
  std::uint32_t least_delay_ms = 0;
  std::uint32_t most_delay_ms = 2;  // beyond one message another: they overtake
  std::uint32_t most_disk_ms = 1;
  bool cuts = false;              // links go and come, nodes are isolated
  bool crashes = false;           // with the loss of what is not on the disk
  bool transfers = false;         // of leadership
  bool changes = false;           // of the membership
  std::uint32_t every_ms = 1200;  // something happens, at the latest
  static faults all() { return {0.05, 0.03, 0, 60, 40, true, true, true, false, 1200}; }
  /// Elections, deaths and cuts faster than messages and writes come to their end.
  static faults storm() { return {0.05, 0.1, 0, 30, 80, true, true, true, false, 250}; }
};

/// Mistakes that the simulation must find.
enum class planted : std::uint8_t {
  none,
  early_write,    // a write is answered before it is on the disk
  early_applied,  // the state is said to be durable when it is not
};

struct simulation_options {
  std::uint64_t seed = 1;
  std::uint32_t nodes = 3;
  std::uint32_t voters = 3;
  raft::test::faults faults;
  planted bug = planted::none;
  std::uint32_t snapshot_entries = 40;
};

class sim_node;

/// Replicas of one group in one process, on simulated clocks, disks and links. Everything
/// follows from the seed. After every step the invariants are looked at; the first that is
/// broken ends the run.
class simulation {
 public:
  explicit simulation(const simulation_options& options);
  ~simulation();

  /// Until the violation or the time (of the simulation).
  void run_for(time_ms span);
  /// Faults end: everyone is up, the links work.
  void heal();
  void stop_clients() { clients_ = false; }
  /// Nothing if `done` came true within the time.
  bool run_until(time_ms span, const std::function<bool()>& done);

  /// Empty: all is well.
  const std::string& violation() const { return violation_; }
  void violate(const std::string& what);
  /// Where each replica stands, for a failed run.
  std::string describe();

  sim_node* owner();  // the one with the highest term; null: none
  sim_node& node(std::uint32_t i) { return *nodes_[i]; }
  std::uint32_t nodes() const { return static_cast<std::uint32_t>(nodes_.size()); }
  sim_node* find(node_id id);
  bool all_equal();
  void isolate(node_id id, bool on);
  void crash(sim_node& which);
  void restart(sim_node& which);
  void propose(sim_node& at, std::size_t size);
  time_ms now() const { return now_; }
  const simulation_options& options() const { return options_; }
  std::uint64_t acknowledged() const { return acked_.size(); }
  std::uint64_t transferred() const { return transferred_; }
  std::uint64_t elections() const { return leaders_.size(); }
  std::uint64_t changes_done() const { return changes_done_; }
  std::uint64_t transfers_done() const { return transfers_done_; }

  // For nodes.
  void at(time_ms when, std::function<void()> what);
  void transmit(node_id from, node_id to, char channel, std::string bytes);
  std::uint64_t random(std::uint64_t least, std::uint64_t most);
  bool chance(double of);
  void saw_applied(sim_node& who, log_index index, term_no term, const std::string& value);
  void saw_owned(sim_node& who, term_no term);
  void saw_transfer() { ++transferred_; }
  void look(sim_node& who);

 private:
  struct event {
    time_ms when;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  void client();
  void admin();
  void trouble();
  void change_members(sim_node& leader);
  bool cut(node_id a, node_id b) const { return cuts_.count({a, b}) > 0; }

  const simulation_options options_;
  faults now_faults_;
  std::mt19937_64 random_;
  time_ms now_ = 0;
  std::uint64_t order_ = 0;
  std::priority_queue<event> events_;
  std::vector<std::unique_ptr<sim_node>> nodes_;
  std::set<std::pair<node_id, node_id>> cuts_;
  bool clients_ = true;
  std::string violation_;
  std::uint64_t proposals_ = 0;
  std::uint64_t transferred_ = 0;
  std::uint64_t changes_done_ = 0;
  std::uint64_t transfers_done_ = 0;

  std::map<term_no, node_id> leaders_;
  std::map<log_index, std::pair<term_no, std::string>> committed_;
  struct acknowledgement {
    term_no term;
    std::string value;
  };
  std::map<log_index, acknowledgement> acked_;
};

/// One replica: its group, its disk, its state, its clock.
class sim_node final : public group_host {
 public:
  sim_node(simulation& in, node_id id);

  void start();
  /// The process is gone, and what was not on the disk.
  void crash();
  std::string describe() const;
  bool up() const { return group_ != nullptr; }
  raft::group& group() { return *group_; }
  memory_disk& disk() { return disk_; }
  node_id id() const { return id_; }
  bool owns() const { return up() && owned_ != 0; }
  term_no owned_term() const { return owned_; }
  /// On its own clock.
  time_ms clock() const;
  bool lease_valid() { return up() && clock() < group_->lease_until(); }
  void receive(node_id from, char channel, const std::string& bytes);

  /// The state: commands with their index, in order.
  struct machine {
    log_index index = 0;
    std::vector<std::pair<log_index, std::string>> commands;
  };
  const machine& state() const { return state_; }

  void send(node_id to, std::string message) override;
  void write(std::uint64_t number, storage::raft_log_batch batch) override;
  void apply(log_index index, term_no term, std::string_view entry) override;
  void owned(term_no term) override;
  void disowned(term_no term) override;
  void leader_changed(node_id leader, term_no term) override;
  void members_changed(const membership& members) override;
  std::string snapshot_reference(log_index index, term_no term) override;
  void snapshot_wanted(node_id to, log_index index, term_no term,
                       std::string_view reference) override;
  void snapshot_offered(node_id from, log_index index, term_no term,
                        std::string_view reference) override;
  void failed(const std::string& why) override;

 private:
  /// Runs `what` after so long, unless the process has died meanwhile.
  void after(time_ms span, std::function<void()> what);
  void tick();
  void sync();
  void digest();
  void save();
  void pull();
  void serve(node_id to, const std::string& request);
  void take_chunk(const std::string& chunk);

  simulation& in_;
  const node_id id_;
  memory_disk disk_;
  std::unique_ptr<raft::group> group_;
  std::uint64_t life_ = 0;
  time_ms clock_offset_ = 0;
  double clock_rate_ = 1;
  term_no owned_ = 0;
  bool syncing_ = false;
  bool digesting_ = false;
  bool saving_ = false;

  machine state_;
  std::size_t durable_commands_ = 0;
  log_index durable_index_ = 0;
  struct waiting {
    log_index index;
    std::string value;
  };
  std::deque<waiting> to_apply_;

  struct incoming_state {
    node_id from;
    log_index wanted;
    std::uint64_t number;
    machine got;
    bool pulling = false;
  };
  std::optional<incoming_state> incoming_;
  std::uint64_t pulls_ = 0;
  std::map<std::pair<node_id, std::uint64_t>, machine> served_;
};

}  // namespace troupe::cluster::raft::test
