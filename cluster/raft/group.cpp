#include "cluster/raft/group.hpp"

#include "cluster/raft/group_core.hpp"

#include <utility>

namespace troupe::cluster::raft {

std::string_view describe(outcome of) noexcept {
  switch (of) {
    case outcome::done:
      return "It is done.";
    case outcome::not_leader:
      return "This node does not lead the group.";
    case outcome::full:
      return "The group has too much under way.";
    case outcome::busy:
      return "A change or transfer is under way in the group, or it has just got its leader.";
    case outcome::invalid:
      return "The group has no such member, or it has that role already.";
    case outcome::lost:
      return "The leadership was lost meanwhile: it may have happened or not.";
    case outcome::timed_out:
      return "A member did not follow in time.";
    case outcome::stopped:
      return "The group is stopped on this node.";
  }
  return "";
}

group::group(const group_settings& settings, group_host& host)
    : core_(std::make_unique<core>(settings, host)) {}
group::~group() = default;

bool group::bootstrap(const membership& members, storage::raft_log_content& content,
                      storage::raft_log_batch& batch) {
  auto bytes = encode_configuration(members);
  if (!decode_configuration(bytes)) return false;
  content = {};
  content.term = 1;
  content.entries.push_back({1, storage::raft_entry_kind::configuration, bytes});
  batch.vote(1, 0);
  batch.append(1, 1, storage::raft_entry_kind::configuration, bytes);
  return true;
}

bool group::bootstrap_behind(const membership& members, log_index index, term_no term,
                             storage::raft_log_content& content, storage::raft_log_batch& batch) {
  auto bytes = encode_configuration(members);
  if (!decode_configuration(bytes) || index == 0 || term == 0) return false;
  content = {};
  content.term = term;
  content.snapshot = {index, term, index, std::move(bytes), {}};
  content.first = index + 1;
  batch.vote(term, 0);
  batch.snapshot(*content.snapshot, 0);
  return true;
}

std::string group::start(time_ms now, storage::raft_log_content content, log_index applied) {
  return core_->start(now, std::move(content), applied);
}
void group::stop() {
  core_->stop();
}
void group::tick(time_ms now) {
  core_->tick(now);
}
void group::receive(time_ms now, node_id from, std::string_view message) {
  core_->receive(now, from, message);
}
void group::written(time_ms now, std::uint64_t number, const std::string& error) {
  core_->written(now, number, error);
}
void group::applied(time_ms now, log_index index, log_index durable) {
  core_->applied(now, index, durable);
}
void group::installed(time_ms now, log_index index) {
  core_->installed(now, index);
}
void group::propose(std::string entry, proposed done) {
  core_->propose(std::move(entry), std::move(done));
}
void group::flush(time_ms now) {
  core_->flush(now);
}
void group::transfer_leadership(time_ms now, node_id to, changed done) {
  core_->transfer(now, to, std::move(done));
}
void group::add(time_ms now, node_id node, changed done) {
  core_->change(now, core::change_kind::add, node, member_role::spare, std::move(done));
}
void group::assign(time_ms now, node_id node, member_role as, changed done) {
  core_->change(now, core::change_kind::assign, node, as, std::move(done));
}
void group::remove(time_ms now, node_id node, changed done) {
  core_->change(now, core::change_kind::remove, node, member_role::spare, std::move(done));
}
time_ms group::lease_until() const {
  return core_->lease_until();
}
role group::role() const {
  return core_->role();
}
term_no group::term() const {
  return core_->term();
}
node_id group::leader() const {
  return core_->leader();
}
membership group::members() const {
  return core_->members();
}
group_figures group::figures() const {
  return core_->figures();
}
std::size_t group::memory_bytes() const {
  return core_->memory_bytes();
}

}  // namespace troupe::cluster::raft
