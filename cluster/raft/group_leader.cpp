#include "cluster/raft/group_core.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <utility>

namespace troupe::cluster::raft {
namespace {

struct batch_request {
  struct raft_apply request {};
};

struct barrier_request {
  struct raft_barrier request {};
  std::function<void(bool passed)> done;
};

struct change_request {
  struct raft_change request {};
  std::function<void(int status)> done;
};

outcome outcome_of(int status) {
  switch (status) {
    case 0:
      return outcome::done;
    case RAFT_NOTLEADER:
      return outcome::not_leader;
    case RAFT_LEADERSHIPLOST:
      return outcome::lost;
    case RAFT_CANTCHANGE:
    case RAFT_BUSY:
      return outcome::busy;
    case RAFT_NOCONNECTION:
      return outcome::timed_out;
    case RAFT_SHUTDOWN:
    case RAFT_CANCELED:
      return outcome::stopped;
    default:
      return outcome::invalid;
  }
}

}  // namespace

void group::core::begin_leadership() {
  leading_ = raft_.current_term;
  leading_since_ = now_;
  stamps_.clear();
  held_.clear();
  offers_sent_.clear();
  barrier_passed_ = false;
  fence_ = 0;
  if (!raise_barrier(barrier_, true)) fail("libraft takes no barrier.");
}

bool group::core::raise_barrier(log_index& at, bool first) {
  auto* made = new barrier_request;
  made->request.data = made;
  if (first) {
    made->done = [this](bool passed) {
      if (!passed) return;
      barrier_passed_ = true;
      handed_at_barrier_ = handed_;
    };
  }
  // Its entry is handed to the log before raft_barrier() returns.
  at = last_index(raft_.log) + 1;
  const auto status =
      raft_barrier(&raft_, &made->request, [](struct raft_barrier* request, int code) {
        const std::unique_ptr<barrier_request> self(static_cast<barrier_request*>(request->data));
        if (self->done) self->done(code == 0);
      });
  if (status == 0) return true;
  delete made;
  return false;
}

bool group::core::try_own() {
  if (owned_ || leading_ == 0 || !barrier_passed_ || raft_.state != RAFT_LEADER ||
      host_applied_ < handed_at_barrier_) {
    return false;
  }
  owned_ = true;
  host_.owned(leading_);
  return false;
}

void group::core::end_leadership() {
  close_transfer();
  const auto was = std::exchange(leading_, 0);
  held_.clear();
  stamps_.clear();
  offers_sent_.clear();
  barrier_passed_ = false;
  fence_ = 0;
  if (std::exchange(owned_, false)) host_.disowned(was);
  in_flight_ = 0;
  for (auto& one : std::exchange(outstanding_, {})) {
    if (one.done) one.done(outcome::lost, one.index);
  }
}

void group::core::propose(std::string entry, proposed done) {
  const auto bytes = entry.size() + sizeof(raft_entry);
  auto refusal = outcome::done;
  if (!running_) {
    refusal = outcome::stopped;
  } else if (leading_ == 0 || raft_.state != RAFT_LEADER) {
    refusal = outcome::not_leader;
  } else if (transfer_ || !barrier_passed_) {
    // While entries of earlier leaders wait to be committed none are added: their
    // number would have no bound.
    refusal = outcome::busy;
  } else if (in_flight_ + queued_bytes_ + bytes > settings_.in_flight_bytes || snapshot_late()) {
    refusal = outcome::full;
  }
  if (refusal != outcome::done) {
    if (done) done(refusal, 0);
    return;
  }
  queued_bytes_ += bytes;
  queue_.push_back({std::move(entry), std::move(done)});
}

void group::core::flush(time_ms now) {
  now_ = std::max(now_, now);
  if (!running_) return;
  if (!queue_.empty()) send_batch();
  settle();
}

void group::core::send_batch() {
  auto queue = std::exchange(queue_, {});
  queued_bytes_ = 0;
  int status = RAFT_NOTLEADER;
  const auto first = last_index(raft_.log) + 1;
  if (leading_ != 0 && raft_.state == RAFT_LEADER && !transfer_) {
    std::vector<raft_buffer> buffers;
    buffers.reserve(queue.size());
    for (const auto& one : queue) {
      buffers.push_back({raft_malloc(one.entry.size() + 1), one.entry.size()});
      std::memcpy(buffers.back().base, one.entry.data(), one.entry.size());
    }
    auto* made = new batch_request;
    made->request.data = made;
    // Who has proposed what is known here, by index: libraft answers a batch at its first entry.
    status =
        raft_apply(&raft_, &made->request, buffers.data(), static_cast<unsigned>(buffers.size()),
                   [](struct raft_apply* request, int /*status*/, void* /*result*/) {
                     delete static_cast<batch_request*>(request->data);
                   });
    if (status != 0) {
      delete made;
      for (auto& buffer : buffers) raft_free(buffer.base);
      // Nothing can refuse but memory that contradicts the disk.
      if (status != RAFT_NOTLEADER)
        return fail("libraft takes no entries: " + std::string(raft_strerror(status)));
    }
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    auto& one = queue[i];
    if (status == 0) {
      const auto bytes = one.entry.size() + sizeof(raft_entry);
      in_flight_ += bytes;
      outstanding_.push_back({first + i, bytes, std::move(one.done)});
    } else if (one.done) {
      one.done(outcome::not_leader, 0);
    }
  }
}

int group::core::applying(std::string_view entry) {
  const auto index = raft_.last_applied + 1;
  const auto term = term_of(raft_.log, index);
  applied_bytes_ += entry.size() + sizeof(raft_entry);
  raft_set_snapshot_threshold(
      &raft_, applied_bytes_ > settings_.snapshot_bytes ? 1 : settings_.snapshot_entries);
  if (!running_) return 0;
  if (index > skip_) {
    handed_ = index;
    host_.apply(index, term, entry);
  }
  // Another leader's entry may have taken the place of what was proposed here.
  if (!outstanding_.empty() && outstanding_.front().index == index && term == leading_) {
    auto one = std::move(outstanding_.front());
    outstanding_.pop_front();
    in_flight_ -= one.bytes;
    if (one.done) one.done(outcome::done, index);
  }
  return 0;
}

time_ms group::core::majority_stamp() const {
  const auto needed = others_needed();
  if (needed == 0) return now_;
  std::vector<time_ms> heard;
  for (const auto& [node, stamp] : stamps_) {
    if (node != settings_.self && is_voter(node)) heard.push_back(stamp);
  }
  if (heard.size() < needed) return 0;
  std::sort(heard.begin(), heard.end(), std::greater<>());
  return heard[needed - 1];
}

time_ms group::core::lease_until() const {
  if (!owned_ || raft_.state != RAFT_LEADER || transfer_ || fence_ > raft_.commit_index) return 0;
  const auto heard = majority_stamp();
  if (heard == 0) return 0;
  return heard + settings_.election_timeout_ms - settings_.election_timeout_ms / 10;
}

void group::core::transfer(time_ms now, node_id to, changed done) {
  now_ = std::max(now_, now);
  auto refusal = outcome::done;
  if (!running_) {
    refusal = outcome::stopped;
  } else if (leading_ == 0 || raft_.state != RAFT_LEADER) {
    refusal = outcome::not_leader;
  } else if (!owned_ || transfer_ || changing_) {
    refusal = outcome::busy;
  } else if (to == settings_.self || !is_voter(to)) {
    refusal = outcome::invalid;
  }
  if (refusal != outcome::done) {
    if (done) done(refusal);
    return;
  }
  if (!queue_.empty()) send_batch();
  if (!running_) {
    if (done) done(outcome::stopped);
    return;
  }
  transfer_ = std::make_unique<running_transfer>(running_transfer{to, std::move(done), now_});
  transfer_->request.data = this;
  settle();
}

/// libraft asks the other one to stand for election as soon as it has sent it everything. It
/// is asked once, and does so only with all of it: so it gets time to answer.
bool group::core::begin_transfer() {
  if (!transfer_ || transfer_->asked || leading_ == 0 || raft_.state != RAFT_LEADER) return false;
  const auto last = last_index(raft_.log);
  for (unsigned i = 0; i < raft_.configuration.n; ++i) {
    if (raft_.configuration.servers[i].id != number(transfer_->to)) continue;
    if (raft_.leader_state.progress[i].match_index < last) break;
    transfer_->asked = transfer_->open = true;
    const auto status = raft_transfer(&raft_, &transfer_->request, number(transfer_->to),
                                      [](struct raft_transfer* request) {
                                        auto& self = *static_cast<core*>(request->data);
                                        if (self.transfer_) self.transfer_->open = false;
                                      });
    if (status != 0) transfer_->open = false;
    return true;
  }
  if (now_ - transfer_->started < settings_.election_timeout_ms) return false;
  auto ended = std::exchange(transfer_, nullptr);
  if (ended->done) ended->done(outcome::timed_out);
  return true;
}

/// Whoever has given his vote away would otherwise give another one to the node that
/// he wanted to be leader.
void group::core::close_transfer() {
  if (!transfer_) return;
  raft_.transfer = nullptr;
  transfer_->open = false;
}

bool group::core::finish_transfer() {
  if (!transfer_) return false;
  if (leading_ != 0 && (transfer_->open || !transfer_->asked)) return false;
  auto result = outcome::timed_out;
  if (leading_ == 0) {
    if (leader_ == no_node && now_ - transfer_->started < 2U * settings_.election_timeout_ms) {
      return false;
    }
    if (leader_ != no_node) result = leader_ == transfer_->to ? outcome::done : outcome::lost;
  }
  auto ended = std::exchange(transfer_, nullptr);
  if (leading_ != 0) {
    // The other one may still stand for election without asking. Once a majority has an
    // entry that it lacked then, it cannot win.
    if (!raise_barrier(fence_, false)) fence_ = std::numeric_limits<log_index>::max();
  }
  if (ended->done) ended->done(result);
  return true;
}

void group::core::change(time_ms now, change_kind what, node_id node, member_role as,
                         changed done) {
  now_ = std::max(now_, now);
  const auto known = std::find_if(members_.begin(), members_.end(),
                                  [&](const member& one) { return one.node == node; });
  auto refusal = outcome::done;
  if (!running_) {
    refusal = outcome::stopped;
  } else if (leading_ == 0 || raft_.state != RAFT_LEADER) {
    refusal = outcome::not_leader;
  } else if (!owned_ || transfer_ || changing_) {
    // Not before an entry of this term is committed: two changes could overlap.
    refusal = outcome::busy;
  } else if (node == no_node || (known == members_.end()) != (what == change_kind::add) ||
             (what == change_kind::assign && known->role == as)) {
    refusal = outcome::invalid;
  }
  if (refusal != outcome::done) {
    if (done) done(refusal);
    return;
  }
  if (!queue_.empty()) send_batch();
  auto* made = new change_request;
  made->request.data = made;
  made->done = [this, done = std::move(done)](int status) {
    changing_ = false;
    if (done) done(outcome_of(status));
  };
  changing_ = true;
  const auto ended = [](raft_change* request, int status) {
    const std::unique_ptr<change_request> self(static_cast<change_request*>(request->data));
    self->done(status);
  };
  int status = 0;
  switch (what) {
    case change_kind::add:
      status = raft_add(&raft_, &made->request, number(node), address_of(node).c_str(), ended);
      break;
    case change_kind::assign:
      status = raft_assign(&raft_, &made->request, number(node), static_cast<int>(as), ended);
      break;
    case change_kind::remove:
      status = raft_remove(&raft_, &made->request, number(node), ended);
      break;
  }
  if (status != 0) {
    const std::unique_ptr<change_request> refused(made);
    refused->done(status);
  }
  settle();
}

}  // namespace troupe::cluster::raft
