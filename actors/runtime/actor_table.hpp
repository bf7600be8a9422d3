#pragma once

#include "actors/runtime/intrusive_link.hpp"

#include <caf/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace troupe::runtime {

class lean_actor;

/// What can be told about an actor without asking it.
struct actor_row {
  std::uint64_t id = 0;
  std::string name;
  int loop = -1;  ///< Index of its home; -1: it runs where it is woken.
  std::size_t mailbox_depth = 0;
  std::uint64_t messages_handled = 0;
  std::uint64_t busy_ns = 0;    ///< Time in its own runs, without actors that ran inside them.
  std::uint32_t oldest_ms = 0;  ///< The oldest message waits at least so long.
};

/// What an actor says of itself.
struct actor_description {
  std::string serves;                   ///< "shard 3", a client id; empty: nothing in particular.
  std::string waits_for;                ///< Empty: for messages only.
  std::optional<std::uint64_t> memory;  ///< Bytes, about.
  std::uint32_t restarts = 0;           ///< Of those that it supervises.
};

/// The lean actors that live and were spawned for one run loop. Entering and
/// leaving cost one short lock that is hardly ever contended. Any thread.
class actor_table {
 public:
  /// An actor's place in a table.
  class entry : private intrusive_link {
   protected:
    entry() = default;
    ~entry() = default;

   private:
    friend class actor_table;
    actor_table* table_ = nullptr;  // null: the place of a walk
  };

  /// A walk through a table, some actors at a time, while others come and go:
  /// who is in it all the time is met exactly once. Any thread, one at a time; ends before
  /// the table.
  class walk : private entry {
   public:
    explicit walk(actor_table& through);
    ~walk();
    walk(const walk&) = delete;
    walk& operator=(const walk&) = delete;

    /// Appends handles of the next actors, `limit` at most; false: that was all.
    bool next(std::size_t limit, std::vector<caf::actor>& to);

   private:
    friend class actor_table;
    actor_table& table_walked_;
  };

  /// Enters `actor`, which is in no table.
  void enter(lean_actor& actor);
  /// Takes `actor` out of the table that it is in, if any. The caller is the
  /// actor itself or the only one who knows it.
  static void leave(lean_actor& actor);

  /// Rows of at most `limit` actors with an id above `after`, by id. Holds the
  /// lock meanwhile.
  std::vector<actor_row> rows(std::size_t limit, std::uint64_t after = 0) const;
  /// A handle to the actor with this id, or nothing.
  caf::actor find(std::uint64_t id) const;
  /// Handles to all that live.
  std::vector<caf::actor> actors() const;
  std::size_t size() const;

 private:
  template <class F>
  void visit(F f) const;

  mutable std::mutex mutex_;
  intrusive_link head_;
  std::size_t size_ = 0;
};

}  // namespace troupe::runtime
