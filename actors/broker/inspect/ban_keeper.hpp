#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "actors/broker/context.hpp"
#include "actors/broker/inspect/ban_set.hpp"
#include "actors/broker/inspect/inspector.hpp"

namespace troupe::broker {

/// The bans of this node: in force, in a file of the data directory, and told to the other
/// nodes. Every node has all of them, without a leader: the later change of an entry holds, and two
/// nodes that meet tell each other what they know. Any thread.
class ban_keeper {
 public:
  ban_keeper(broker_context& context, std::string directory);
  /// finish().
  ~ban_keeper();
  ban_keeper(const ban_keeper&) = delete;
  ban_keeper& operator=(const ban_keeper&) = delete;

  /// Reads the file; before any device may connect. Blocks. Empty, or a sentence: the node must
  /// not start, or the banned would come in.
  std::string load();
  /// Writes what was given; changes that come later are not written. Blocks. Before the run loops
  /// go, which answers still need.
  void finish();
  /// Before the first change; what other nodes tell is not told on.
  void tell_others(std::function<void(const std::string&)> how) { others_ = std::move(how); }

  /// Puts it in force at once, and closes who is connected; `done` when it is on this node's
  /// disk, with a sentence if not.
  using written = std::function<void(std::string)>;
  void change(ban wanted, written done);
  std::shared_ptr<const ban_set> now() const;

  /// All, in texts of bounded size, for a node that comes.
  std::vector<std::string> texts() const;
  /// From another node.
  void told(std::string_view text);

 private:
  void close_banned();
  void write_on();

  broker_context& context_;
  const std::string directory_;
  std::function<void(const std::string&)> others_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const ban_set> bans_ = std::make_shared<const ban_set>();
  std::vector<written> waiting_;
  bool dirty_ = false;
  bool ending_ = false;
  std::thread writer_;
};

/// "ban", "unban", "bans".
void add_ban_questions(inspector& to, ban_keeper& bans);

}  // namespace troupe::broker
