#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/network.hpp"

/// The bytes of a link. The first byte tells a batch from a control message
/// (protocol/schema/link.proto). A batch, integers little-endian:
///
///     'B'  flags:1  session:8  received:8  first:8  { type:1 size:4 bytes }*
///
/// `received`: how many records of the other direction have arrived (a
/// cumulative acknowledgement). `first`: number of the first record here; the
/// records of a pairing are counted from 0. The framing is by hand so that
/// frames are copied once and read where they lie.
namespace troupe::cluster {

inline constexpr char batch_mark = 'B';
inline constexpr char control_mark = 'C';

/// Flags of a batch.
inline constexpr std::uint8_t ack_wanted = 1;  ///< Somebody waits: acknowledge with this turn.

/// Types of records: a frame has its channel.
inline constexpr std::uint8_t question_record = 0x80;  ///< 8 bytes: its number.
inline constexpr std::uint8_t answer_record = 0x81;    ///< The number of the question.

inline constexpr std::size_t batch_head_size = 26;
inline constexpr std::size_t record_head_size = 5;

struct batch_head {
  std::uint8_t flags = 0;
  std::uint64_t session = 0;
  std::uint64_t received = 0;
  std::uint64_t first = 0;
};

struct batch_record {
  std::uint8_t type = 0;
  std::string_view bytes;
};

/// Appends the head of a batch.
void write_batch_head(std::string& out, const batch_head& head);
/// Appends a record. Precondition: bytes.size() fits in 32 bits.
void write_record(std::string& out, std::uint8_t type, std::string_view bytes);
/// A number as the 8 bytes of a question or answer.
std::string number_bytes(std::uint64_t x);

/// Reads a batch where it lies; nothing is allocated.
class batch_reader {
 public:
  /// Nothing: this is no batch.
  static std::optional<batch_reader> open(std::string_view blob);

  const batch_head& head() const noexcept { return head_; }
  /// The next record; nothing at the end or if the bytes are malformed.
  std::optional<batch_record> next();
  /// Whether the bytes ended as they should, or why not (a literal); after
  /// next() answered nothing.
  const char* error() const noexcept { return error_; }

 private:
  batch_head head_;
  std::string_view rest_;
  const char* error_ = nullptr;
};

/// The number in a question or answer; nothing: malformed.
std::optional<std::uint64_t> read_number(std::string_view bytes);

/// Whether a record of this type is a frame, perhaps of a channel that is not known here.
constexpr bool is_frame(std::uint8_t type) noexcept { return type >= 1 && type < question_record; }

/// Whether this release has the channel.
constexpr bool is_known(channel to) noexcept {
  return to >= channel::member && to <= channel::admin;
}

/// Whether a peer with which this version of the link was agreed on survives frames of the
/// channel: version 1 ended the pairing at one that it did not know.
constexpr bool may_be_sent(channel to, std::uint32_t version) noexcept {
  return version >= 2 || to <= channel::broker;
}

}  // namespace troupe::cluster
