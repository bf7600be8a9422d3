#pragma once

#include "storage/store.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace troupe::replication {

/// A transaction on its way into the log of a shard.
struct waiting_commit {
  std::string bytes;  // encoded
  std::uint64_t owed = 0;
  std::uint64_t epoch = 0;  // of the owner that gives it; 0: whichever there is
  std::uint64_t ticket = 0;
  storage::store::committed done;  // may be null
};

/// Between those who commit to a shard or read it and the run loop of its group: commits wait here
/// until the loop takes them, reads until all commits given before them are
/// answered. Any thread.
class shard_gate {
 public:
  /// Called once, with the commits before it answered; false: it has failed.
  using read = std::function<void(bool run)>;

  enum class call : std::uint8_t { no, later, now };
  /// Keeps the commit. Whether its loop is to be told, and whether somebody waits.
  call give(waiting_commit commit);
  /// All that wait, in the order given.
  void take(std::vector<waiting_commit>& into);
  /// The commit with this ticket has its answer. Releases reads.
  void answered(std::uint64_t ticket) { answered(&ticket, 1); }
  void answered(const std::uint64_t* tickets, std::size_t count);

  /// Nothing that was given is without an answer.
  bool quiet() const;
  /// Keeps the read; runs it at once if nothing is to be waited for. True: the loop is to be told.
  bool after_commits(read what);

 private:
  struct fenced {
    std::uint64_t ticket;  // this one and all before
    read what;
  };

  mutable std::mutex mutex_;
  std::vector<waiting_commit> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  bool urgent_ = false;
  std::uint64_t last_ = 0;         // ticket that was given
  std::deque<bool> done_;          // from last answered_ + 1
  std::uint64_t answered_ = 0;     // this one and all before
  std::deque<fenced> fenced_;
};

}  // namespace troupe::replication
