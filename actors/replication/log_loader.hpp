#pragma once

#include "storage/raft/raft_log.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace troupe::replication {

/// Reads logs of groups away from the run loops, one after another. Any thread.
class log_loader {
 public:
  using loaded = std::function<void(storage::raft_log::loaded)>;

  /// Without a thread it reads within load().
  log_loader(storage::raft_log& log, bool thread) : log_(log), threaded_(thread) {}
  ~log_loader();
  /// Loads nothing any more, and waits for the one that is under way. Once or more, one thread.
  void end();
  log_loader(const log_loader&) = delete;

  /// `done` is called on the loader's thread; not at all if it ends before.
  void load(storage::raft_group_no group, loaded done);

 private:
  void run();

  storage::raft_log& log_;
  const bool threaded_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::pair<storage::raft_group_no, loaded>> wanted_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace troupe::replication
