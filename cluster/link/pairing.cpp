#include "cluster/link/pairing.hpp"

#include <algorithm>
#include <utility>

#include "cluster/link/send_budget.hpp"

namespace troupe::cluster {

namespace {

// Acknowledged without delay: the peer may be waiting for its window.
constexpr std::size_t ack_bytes = 64 * 1024;

}  // namespace

std::string_view sentence(pairing_end why) noexcept {
  switch (why) {
    case pairing_end::broken_too_long:
      return "The connection did not come back in time";
    case pairing_end::silent:
      return "Nothing has come from it: the process stands still or the network is cut";
    case pairing_end::hung:
      return "It is hung: its working actors do not answer";
  }
  return "";
}

std::size_t pairing::record::frame_cost_of(const std::string& bytes) noexcept {
  return frame_cost(bytes.size());
}

pairing::pairing(const link_limits& limits, std::uint64_t tag, std::int64_t now)
    : limits_(limits),
      tag_(tag),
      next_question_(now),
      heard_(now),
      broken_since_(now),
      last_tick_(now) {}

// -- connection ------------------------------------------------------------------

bool pairing::attach(std::uint64_t session, std::uint64_t received, pairing_events& to,
                     std::int64_t now) {
  if (!may_attach(received)) return false;
  session_ = session;
  // Everything that the peer may have got was sent once, whatever the session.
  sent_ = records_.size();
  acknowledged(received, to, now);
  sent_ = 0;
  in_flight_ = 0;
  told_ = received_;  // the greeting has told
  untold_bytes_ = 0;
  tell_now_ = false;
  heard_ = now;
  if (question_) {
    question_->arrived = question_->record < first_;
    question_->since = now;
  }
  return true;
}

void pairing::detach(std::int64_t now) {
  if (!attached()) return;
  session_ = 0;
  broken_since_ = now;
}

// -- way out -----------------------------------------------------------------------

void pairing::queue(frame what) {
  records_.push_back(
      {static_cast<std::uint8_t>(what.to), std::move(what.bytes), std::move(what.hold)});
}

/// Ahead of all frames that wait: whether a peer is alive must not depend on
/// how much there is to send. What was sent before a break keeps its place,
/// for the peer may have it.
void pairing::push_ahead(std::uint8_t type, std::uint64_t x) {
  records_.insert(records_.begin() + static_cast<std::ptrdiff_t>(sent_),
                  record{type, number_bytes(x), nullptr});
}

void pairing::answer(std::uint64_t question) { push_ahead(answer_record, question); }

void pairing::ask(std::int64_t now) {
  question_ = {++last_question_, now, first_ + sent_, now, false};
  push_ahead(question_record, last_question_);
}

std::size_t pairing::frames_waiting() const noexcept {
  std::size_t count = 0;
  for (const auto& each : records_) count += is_frame(each.type) ? 1 : 0;
  return count;
}

bool pairing::ack_is_due(std::int64_t now) const noexcept {
  return told_ != received_ && (tell_now_ || untold_bytes_ >= ack_bytes ||
                                now - untold_since_ >= limits_.ack_delay_ms);
}

std::optional<std::int64_t> pairing::ack_due() const noexcept {
  if (!attached() || told_ == received_) return std::nullopt;
  return untold_since_ + limits_.ack_delay_ms;
}

bool pairing::next_batch(std::string& out, std::int64_t now) {
  out.clear();
  if (!attached()) return false;
  const bool open = sent_ < records_.size() && in_flight_ < limits_.window;
  if (!open && !ack_is_due(now)) return false;
  write_batch_head(out, {0, session_, received_, first_ + sent_});
  bool wanted = false;
  while (sent_ < records_.size()) {
    const auto& next = records_[sent_];
    const bool fits = out.size() + record_head_size + next.bytes.size() <= limits_.batch;
    if (in_flight_ >= limits_.window || (!fits && out.size() > batch_head_size)) break;
    if (out.size() == batch_head_size) out.reserve(fits ? limits_.batch : next.bytes.size() + 64);
    write_record(out, next.type, next.bytes);
    in_flight_ += next.cost();
    wanted = wanted || next.hold != nullptr;
    ++sent_;
  }
  if (wanted || in_flight_ >= limits_.window / 2) out[1] = static_cast<char>(ack_wanted);
  told_ = received_;
  untold_bytes_ = 0;
  tell_now_ = false;
  return true;
}

// -- way in ------------------------------------------------------------------------

std::string pairing::take(std::string_view blob, pairing_events& to, std::int64_t now) {
  auto reader = batch_reader::open(blob);
  if (!reader) return "It sent bytes that are no batch";
  if (!attached() || reader->head().session != session_) return {};
  heard_ = now;
  if (auto error = acknowledged(reader->head().received, to, now); !error.empty()) return error;
  auto number = reader->head().first;
  if (number > received_) return "It left out records";
  if (told_ == received_) untold_since_ = now;
  while (const auto next = reader->next()) {
    if (number++ < received_) continue;  // sent again after a break
    ++received_;
    untold_bytes_ += next->bytes.size();
    if (auto error = take_record(*next, to, now); !error.empty()) return error;
  }
  if (reader->error() != nullptr) return reader->error();
  if ((reader->head().flags & ack_wanted) != 0) tell_now_ = true;
  return {};
}

std::string pairing::take_record(const batch_record& what, pairing_events& to, std::int64_t now) {
  if (is_frame(what.type)) {
    to.frame_arrived(static_cast<channel>(what.type), what.bytes);
    return {};
  }
  const auto number = read_number(what.bytes);
  if (!number) return "It sent a question or answer that is malformed";
  if (what.type == question_record) {
    to.question_arrived(*number);
  } else if (what.type == answer_record) {
    if (question_ && question_->number == *number) {
      round_trip_ = now - question_->at;
      next_question_ = question_->at + limits_.question_ms;
      question_.reset();
    }
  } else {
    return "It sent a record of a type that this version does not know";
  }
  return {};
}

std::string pairing::acknowledged(std::uint64_t upto, pairing_events& to, std::int64_t now) {
  if (upto < first_) return {};  // an older acknowledgement, overtaken at the greeting
  if (upto > first_ + sent_) return "It acknowledged what was never sent";
  std::size_t settled = 0;
  // A hold may call anything when it is let go: what it sees must be whole.
  std::deque<std::shared_ptr<const void>> holds;
  while (first_ < upto) {
    auto& oldest = records_.front();
    const auto cost = oldest.cost();
    settled += cost;
    in_flight_ -= cost < in_flight_ ? cost : in_flight_;
    if (oldest.hold) holds.push_back(std::move(oldest.hold));
    records_.pop_front();
    ++first_;
    if (sent_ > 0) --sent_;
  }
  if (question_ && !question_->arrived && question_->record < first_) {
    question_->arrived = true;
    question_->since = now;
  }
  if (settled > 0) to.frames_settled(settled);
  return {};
}

// -- time ----------------------------------------------------------------------------

std::optional<pairing_end> pairing::tick(std::int64_t now) {
  const auto gap = now - last_tick_;
  last_tick_ = now;
  if (gap > limits_.pause_ms) {
    heard_ += gap;
    broken_since_ += gap;
    if (question_) {
      question_->since += gap;
      question_->at += gap;
    }
  }
  if (!attached()) {
    if (now - broken_since_ > limits_.resume_ms) return pairing_end::broken_too_long;
    return std::nullopt;
  }
  if (question_) {
    const auto since = question_->arrived ? question_->since : std::max(question_->since, heard_);
    if (now - since > limits_.suspect_ms)
      return question_->arrived ? pairing_end::hung : pairing_end::silent;
  } else if (now >= next_question_) {
    ask(now);
  }
  return std::nullopt;
}

}  // namespace troupe::cluster
