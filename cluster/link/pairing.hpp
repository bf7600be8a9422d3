#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/link/batch.hpp"
#include "cluster/link/limits.hpp"
#include "cluster/network.hpp"

namespace troupe::cluster {

/// What a pairing hands to its owner while it takes a batch.
class pairing_events {
 public:
  virtual ~pairing_events() = default;
  virtual void frame_arrived(channel to, std::string_view bytes) = 0;
  /// To be answered with pairing::answer() when the own working actors have.
  virtual void question_arrived(std::uint64_t number) = 0;
  /// The peer has taken frames that cost this much of the window.
  virtual void frames_settled(std::size_t cost) = 0;
};

/// Why a pairing is over. Each has a sentence.
enum class pairing_end : std::uint8_t {
  broken_too_long,  ///< The connection did not come back in time.
  silent,           ///< Nothing at all has come from the peer.
  hung,             ///< Its link answers, its working actors do not.
};
std::string_view sentence(pairing_end why) noexcept;

/// One life of the link between two processes, seen from one of them: numbers
/// the frames, keeps them until the peer has acknowledged them, sends them
/// again after a break of the connection, and asks the questions by which a
/// hung peer is found. Every frame of a pairing arrives once and in order.
///
/// The connection below is ordered and may break at any time; while one
/// exists, the pairing is *attached* to it under a session. No I/O, no clock:
/// `now` is steady milliseconds. Not thread-safe.
class pairing {
 public:
  /// `tag`: the name of the pairing that both sides share.
  pairing(const link_limits& limits, std::uint64_t tag, std::int64_t now);

  std::uint64_t tag() const noexcept { return tag_; }

  // -- connection ------------------------------------------------------------

  /// Goes on over a new connection. `received`: records that have arrived at
  /// the peer. False: that cannot be, the pairing cannot go on.
  bool attach(std::uint64_t session, std::uint64_t received, pairing_events& to, std::int64_t now);
  /// Whether attach() would take this.
  bool may_attach(std::uint64_t received) const noexcept {
    return received >= first_ && received <= first_ + records_.size();
  }
  /// The connection is gone.
  void detach(std::int64_t now);
  bool attached() const noexcept { return session_ != 0; }
  std::uint64_t session() const noexcept { return session_; }
  /// Records that have arrived here, for the peer's attach().
  std::uint64_t received() const noexcept { return received_; }

  // -- way out -----------------------------------------------------------------

  /// Takes a frame to be sent. Whether there is room was asked of the send_budget.
  void queue(frame what);
  /// The answer to a question of the peer.
  void answer(std::uint64_t question);
  /// Makes the next batch into `out`, which it clears; false: nothing is to be
  /// sent now. Call it until it answers false.
  bool next_batch(std::string& out, std::int64_t now);

  // -- way in ------------------------------------------------------------------

  /// Takes a batch. Not empty: it is malformed, and the connection must be
  /// given up (detach, and greet again). A batch of another session is ignored.
  std::string take(std::string_view blob, pairing_events& to, std::int64_t now);

  // -- time ----------------------------------------------------------------------

  /// Looks at the time; call it several times a second. Not empty: the pairing
  /// is over. A long time without a call means that this process stood still:
  /// the peer is given its time again.
  std::optional<pairing_end> tick(std::int64_t now);
  /// When next_batch() wants to be called again although nothing happened; or nothing.
  std::optional<std::int64_t> ack_due() const noexcept;

  // -- figures -------------------------------------------------------------------

  std::size_t bytes_in_flight() const noexcept { return in_flight_; }
  std::size_t records_waiting() const noexcept { return records_.size(); }
  /// Those of them that are frames.
  std::size_t frames_waiting() const noexcept;
  /// Milliseconds of the last question that was answered, -1: none yet.
  std::int64_t round_trip_ms() const noexcept { return round_trip_; }

 private:
  struct record {
    std::uint8_t type;
    std::string bytes;
    std::shared_ptr<const void> hold;
    std::size_t cost() const noexcept { return is_frame(type) ? frame_cost_of(bytes) : 0; }
    static std::size_t frame_cost_of(const std::string& bytes) noexcept;
  };
  struct asked {
    std::uint64_t number;
    std::int64_t since;    // from when the peer's time counts
    std::uint64_t record;  // its number in the stream
    std::int64_t at;       // when it was asked
    bool arrived = false;  // the peer has acknowledged the record
  };

  std::string acknowledged(std::uint64_t upto, pairing_events& to, std::int64_t now);
  std::string take_record(const batch_record& what, pairing_events& to, std::int64_t now);
  void push_ahead(std::uint8_t type, std::uint64_t x);
  bool ack_is_due(std::int64_t now) const noexcept;
  void ask(std::int64_t now);

  const link_limits limits_;
  const std::uint64_t tag_;
  std::uint64_t session_ = 0;

  std::deque<record> records_;   // not yet acknowledged
  std::uint64_t first_ = 0;      // number of the oldest of them
  std::size_t sent_ = 0;         // how many of them were sent in this session or, detached, the last
  std::size_t in_flight_ = 0;    // bytes of those

  std::uint64_t received_ = 0;
  std::uint64_t told_ = 0;       // the last acknowledgement that was sent
  std::size_t untold_bytes_ = 0;
  std::int64_t untold_since_ = 0;
  bool tell_now_ = false;

  std::optional<asked> question_;
  std::uint64_t last_question_ = 0;
  std::int64_t next_question_;
  std::int64_t round_trip_ = -1;
  std::int64_t heard_;
  std::int64_t broken_since_;
  std::int64_t last_tick_;
};

}  // namespace troupe::cluster
