#include "cluster/raft/bytes.hpp"
#include "tests/unit/raft/simulation.hpp"

#include <algorithm>
#include <utility>

namespace troupe::cluster::raft::test {
namespace {

constexpr std::size_t commands_of_chunk = 7;
constexpr time_ms tick_ms = 20;

}  // namespace

sim_node::sim_node(simulation& in, node_id id) : in_(in), id_(id) {}

time_ms sim_node::clock() const {
  return clock_offset_ + static_cast<time_ms>(static_cast<double>(in_.now()) * clock_rate_);
}

void sim_node::after(time_ms span, std::function<void()> what) {
  in_.at(in_.now() + span, [this, life = life_, what = std::move(what)] {
    if (life != life_ || !up()) return;
    what();
    in_.look(*this);
  });
}

void sim_node::start() {
  ++life_;
  // Clocks of machines that were started at different times, a few percent apart.
  clock_offset_ = in_.random(1, 1'000'000);
  clock_rate_ = 0.97 + static_cast<double>(in_.random(0, 600)) / 10'000;
  group_settings settings;
  settings.number = 7;
  settings.self = id_;
  settings.election_timeout_ms = 300;
  settings.heartbeat_ms = 60;
  settings.snapshot_entries = in_.options().snapshot_entries;
  settings.snapshot_bytes = 16 << 10;
  settings.trailing_entries = 5;
  settings.trailing_bytes = 4 << 10;
  settings.retained_entries = 400;
  settings.retained_bytes = 64 << 10;
  settings.message_bytes = 2000;
  settings.in_flight_bytes = 20'000;
  settings.snapshot_timeout_ms = 5000;
  settings.seed = in_.random(0, ~std::uint64_t{0} >> 1);
  group_ = std::make_unique<raft::group>(settings, *this);
  state_.commands.resize(durable_commands_);
  state_.index = durable_index_;
  if (const auto error = group_->start(clock(), disk_.content(), state_.index); !error.empty()) {
    return in_.violate("start of " + std::to_string(number(id_)) + ": " + error);
  }
  after(in_.random(0, tick_ms), [this] { tick(); });
}

void sim_node::crash() {
  ++life_;
  disk_.crash(in_.random(0, disk_.waiting()));
  group_.reset();
  owned_ = 0;
  to_apply_.clear();
  incoming_.reset();
  served_.clear();
  syncing_ = digesting_ = saving_ = false;
}

std::string sim_node::describe() const {
  auto out =
      " state " + std::to_string(state_.index) + " durable " + std::to_string(durable_index_);
  if (incoming_) {
    out += " gets " + std::to_string(incoming_->wanted) + " from " +
           std::to_string(number(incoming_->from)) + ", has " +
           std::to_string(incoming_->got.commands.size());
  }
  return out;
}

void sim_node::tick() {
  group_->tick(clock());
  after(tick_ms, [this] { tick(); });
}

void sim_node::receive(node_id from, char channel, const std::string& bytes) {
  if (!up()) return;
  if (channel == 'r') group_->receive(clock(), from, bytes);
  if (channel == 'g') serve(from, bytes);
  if (channel == 'c') take_chunk(bytes);
  in_.look(*this);
}

void sim_node::send(node_id to, std::string message) {
  in_.transmit(id_, to, 'r', std::move(message));
}

void sim_node::write(std::uint64_t number, storage::raft_log_batch batch) {
  disk_.give(number, std::move(batch));
  if (in_.options().bug == planted::early_write) {
    after(0, [this, number] { group_->written(clock(), number); });
  }
  sync();
}

void sim_node::sync() {
  if (syncing_) return;
  syncing_ = true;
  const auto slow = in_.chance(0.01) ? 10U : 1U;
  after(in_.random(0, in_.options().faults.most_disk_ms * slow), [this] {
    syncing_ = false;
    const auto last = disk_.sync();
    group_->written(clock(), last);
    if (!disk_.idle()) sync();
  });
}

void sim_node::apply(log_index index, term_no term, std::string_view entry) {
  in_.saw_applied(*this, index, term, std::string(entry));
  to_apply_.push_back({index, std::string(entry)});
  digest();
}

void sim_node::digest() {
  if (digesting_) return;
  digesting_ = true;
  after(in_.random(0, 10), [this] {
    digesting_ = false;
    for (auto& one : std::exchange(to_apply_, {})) {
      if (one.index <= state_.index) continue;  // a newer state was installed meanwhile
      state_.index = one.index;
      state_.commands.emplace_back(one.index, std::move(one.value));
    }
    group_->applied(clock(), state_.index,
                    in_.options().bug == planted::early_applied ? state_.index : durable_index_);
    save();
    if (!to_apply_.empty()) digest();
  });
}

void sim_node::save() {
  if (saving_) return;
  saving_ = true;
  after(in_.random(0, 200), [this] {
    saving_ = false;
    durable_index_ = state_.index;
    durable_commands_ = state_.commands.size();
    group_->applied(clock(), state_.index, durable_index_);
  });
}

void sim_node::owned(term_no term) {
  owned_ = term;
  in_.saw_owned(*this, term);
}

void sim_node::disowned(term_no term) {
  if (owned_ != term) in_.violate("disowned what was not owned");
  owned_ = 0;
}

void sim_node::leader_changed(node_id leader, term_no /*term*/) {
  if (leader != id_ && owned_ != 0) in_.violate("another leader was told to the owner");
}

void sim_node::members_changed(const membership& /*members*/) {}

std::string sim_node::snapshot_reference(log_index index, term_no) {
  return "state at " + std::to_string(index);
}

void sim_node::snapshot_wanted(node_id /*to*/, log_index index, term_no /*term*/,
                               std::string_view reference) {
  if (reference != "state at " + std::to_string(index)) in_.violate("a foreign reference");
  if (state_.index < index) in_.violate("a snapshot of what the state has not");
}

void sim_node::snapshot_offered(node_id from, log_index index, term_no /*term*/,
                                std::string_view reference) {
  if (reference != "state at " + std::to_string(index)) in_.violate("a foreign reference");
  if (incoming_ && incoming_->from == from && incoming_->wanted == index) return;
  incoming_ = incoming_state{from, index, ++pulls_ + life_ * 1000, {}, false};
  after(0, [this] { pull(); });
}

/// Asks for the next piece, again and again until it comes.
void sim_node::pull() {
  if (!incoming_) return;
  std::string request;
  put_number(incoming_->number, request);
  put_number(static_cast<std::uint64_t>(incoming_->got.commands.size()), request);
  in_.transmit(id_, incoming_->from, 'g', std::move(request));
  if (std::exchange(incoming_->pulling, true)) return;
  after(100, [this] {
    if (!incoming_) return;
    incoming_->pulling = false;
    pull();
  });
}

void sim_node::serve(node_id to, const std::string& request) {
  byte_reader in(request);
  const auto transfer = in.take<std::uint64_t>();
  const auto from = in.take<std::uint64_t>();
  const std::pair key{to, transfer};
  if (served_.count(key) == 0) {
    if (from != 0) {  // begun with another life of this node
      std::string unknown;
      put_number(transfer, unknown);
      put_number(~std::uint64_t{0}, unknown);
      return in_.transmit(id_, to, 'c', std::move(unknown));
    }
    served_[key] = state_;
  }
  const auto& all = served_[key];
  std::string chunk;
  put_number(transfer, chunk);
  put_number(from, chunk);
  put_number(all.index, chunk);
  put_number(static_cast<std::uint64_t>(all.commands.size()), chunk);
  for (auto at = from; at < std::min<std::uint64_t>(all.commands.size(), from + commands_of_chunk);
       ++at) {
    put_number(all.commands[at].first, chunk);
    put_number(static_cast<std::uint32_t>(all.commands[at].second.size()), chunk);
    chunk.append(all.commands[at].second);
  }
  in_.transmit(id_, to, 'c', std::move(chunk));
}

void sim_node::take_chunk(const std::string& chunk) {
  byte_reader in(chunk);
  if (!incoming_ || in.take<std::uint64_t>() != incoming_->number) return;
  auto& got = incoming_->got;
  const auto from = in.take<std::uint64_t>();
  if (from == ~std::uint64_t{0}) {
    got = {};
    incoming_->number = ++pulls_ + life_ * 1000;
    return pull();
  }
  if (from != got.commands.size()) return;
  got.index = in.take<std::uint64_t>();
  const auto total = in.take<std::uint64_t>();
  while (in.good() && !in.rest().empty()) {
    const auto index = in.take<std::uint64_t>();
    got.commands.emplace_back(index, in.take_bytes(in.take<std::uint32_t>()));
  }
  if (got.commands.size() < total) return pull();
  if (got.index >= incoming_->wanted) {
    if (got.index > state_.index) {
      state_ = std::move(got);
      in_.saw_transfer();
    }
    durable_index_ = state_.index;
    durable_commands_ = state_.commands.size();
    incoming_.reset();
    group_->installed(clock(), state_.index);
  } else {
    incoming_.reset();  // too old: it will be offered again
  }
}

void sim_node::failed(const std::string& why) {
  in_.violate("node " + std::to_string(number(id_)) + " failed: " + why);
}

}  // namespace troupe::cluster::raft::test
