#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What Raft groups keep on disk. All groups of a node share one log.
namespace troupe::storage {

/// Numbers a Raft group of a node.
using raft_group_no = std::uint32_t;

enum class raft_entry_kind : std::uint8_t { command = 1, barrier = 2, configuration = 3 };

struct raft_log_entry {
  std::uint64_t term = 0;
  raft_entry_kind kind = raft_entry_kind::command;
  std::string bytes;
};

/// Says that the state machine holds everything up to `index`, on disk: the log
/// need not. The state itself is not here.
struct raft_log_snapshot {
  std::uint64_t index = 0;
  std::uint64_t term = 0;  // of the entry at index
  std::uint64_t configuration_index = 0;
  std::string configuration;  // the members as of index
  std::string reference;      // the host's own, opaque
};

/// What one group has on disk.
struct raft_log_content {
  std::uint64_t term = 0;
  std::uint64_t voted_for = 0;  // in that term; 0: nobody
  std::optional<raft_log_snapshot> snapshot;
  std::uint64_t first = 1;  // index of the first entry
  std::vector<raft_log_entry> entries;
  /// Nothing was ever written.
  bool empty() const noexcept { return term == 0 && !snapshot && entries.empty(); }
};

/// Changes of one group, in their order, written all or none.
class raft_log_batch {
 public:
  void vote(std::uint64_t term, std::uint64_t voted_for);
  void append(std::uint64_t index, std::uint64_t term, raft_entry_kind kind,
              std::string_view bytes);
  /// Erases the entries at `from` and later.
  void truncate(std::uint64_t from);
  /// Replaces the snapshot and erases the entries up to `discard`, inclusive (0: none).
  void snapshot(const raft_log_snapshot& record, std::uint64_t discard);
  /// Erases the group.
  void erase();

  bool empty() const noexcept { return operations_.empty(); }
  /// Of memory, about.
  std::size_t size() const noexcept {
    return bytes_.size() + operations_.size() * sizeof(operation);
  }

  enum class kind : std::uint8_t { put_vote, put_entry, put_snapshot, erase_entries, erase_group };
  struct operation {
    kind what;
    std::uint32_t at = 0;  // the record's place in bytes()
    std::uint32_t size = 0;
    std::uint64_t first = 0;  // index, or the first to erase
    std::uint64_t last = 0;   // to erase, inclusive
  };
  const std::vector<operation>& operations() const noexcept { return operations_; }
  std::string_view record(const operation& of) const noexcept {
    return std::string_view(bytes_).substr(of.at, of.size);
  }

 private:
  std::vector<operation> operations_;
  std::string bytes_;
};

/// The log of all groups of a node. Batches given by one thread are written in
/// their order.
class raft_log {
 public:
  /// With a sentence if it was not written; then no later one is written either,
  /// until the log is opened again.
  using written = std::function<void(const std::string& error)>;

  struct loaded {
    raft_log_content content;
    std::string error;  // a sentence; then content is not to be used
  };

  virtual ~raft_log() = default;

  /// Queues the batch; never blocks, never calls back before it returns. `done`
  /// is called on the log's thread, in the order given.
  virtual void write(raft_group_no group, raft_log_batch batch, written done) = 0;

  /// Blocks: for the start of a group, before its first write.
  virtual loaded load(raft_group_no group) = 0;
};

}  // namespace troupe::storage
