#pragma once

#include "storage/records/wire_format.hpp"
#include "storage/store.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Runs: what one transaction owes a session, in one record of its queue
/// (stored.run_record); and message bodies (stored.message_record). The bytes
/// are those of the generated classes, written and read in one pass.
namespace troupe::storage::record {

/// A run is closed when it has so many messages or so many bytes. A reader
/// relies on the first: it bounds how far before an order number its run begins.
inline constexpr std::uint32_t run_messages = 1024;
inline constexpr std::size_t run_bytes = std::size_t{64} << 10;
/// Larger bodies stand in the log, so that a look through a queue does not read them.
inline constexpr std::size_t inside_limit = std::size_t{8} << 10;

void encode(const mqtt::message& from, std::string& out);
/// Null for bytes that are damaged or of a newer layout.
mqtt::message_ptr decode_message(std::string_view bytes);
/// Whether decode_message() would give a message.
bool is_message(std::string_view bytes);

/// What a body inside says of its message beside payload and trace: a client publishes mostly
/// several messages that have it in common, and then the first of them in the run says it for all.
enum class heads : bool { each, shared };

/// A run is what begin_run() appends and then the items, one after the other.
void begin_run(heads kept, std::string& out);
/// `head` false: the head is that of the closest item before which has one, see same_head(); only
/// if heads are shared.
void append_item(const owed_terms& terms, const mqtt::message& inside, std::string& out,
                 bool head = true);
void append_item(const owed_terms& terms, const log_position& at, bool sole, std::string& out);

/// One message of a run, as views into its bytes.
struct run_item {
  owed_terms terms;
  body_place where = body_place::shared;
  log_position at;        // if it is in the log
  std::string_view body;  // if it is inside
  std::string_view head;  // if that does not say it: the body that does
};

/// Whether two messages may share a head.
bool same_head(const mqtt::message& a, const mqtt::message& b);

/// Reads the record of a run, or one of layout version 1, which is a run of one
/// message. `value` must outlive it and its items.
class run_reader {
 public:
  explicit run_reader(std::string_view value);

  /// The next message, with views that are good until the next call. False at
  /// the end or at damage.
  bool next(run_item& item);
  bool at_end() const noexcept { return fields_.at_end(); }
  bool damaged() const noexcept { return damaged_ || fields_.damaged(); }

 private:
  bool read_item(std::string_view bytes, run_item& item);

  wire::fields fields_;
  std::string_view single_;  // of version 1: all of it
  std::string_view head_;    // the latest body that says its own
  bool shared_heads_ = false;
  std::vector<std::uint32_t> subscription_ids_;
  bool damaged_ = false;
};

/// Whether it is a run as append_item() makes them, with all bodies that are inside whole and all
/// others in the log of `shard`. The number of its items, 0 if not. `counted`: whether it refers
/// to shared bodies.
std::uint32_t check_run(std::string_view run, shard_id shard, bool& counted);

/// The body of an item that is inside. Null if it is damaged.
mqtt::message_ptr body_of(const run_item& item);

/// How many messages a run has; 0 if it is damaged.
std::uint32_t count_items(std::string_view run);

}  // namespace troupe::storage::record
