#pragma once

namespace troupe::net {

/// What a descriptor can be watched for; may be combined.
inline constexpr unsigned readable = 1;
inline constexpr unsigned writable = 4;
/// With one of these: is told once, when something has come, and not again until more comes or
/// the watch changes. Whoever asks for it reads until nothing is left.
inline constexpr unsigned once = 2;
/// Reported only: nothing follows what can be read now.
inline constexpr unsigned last = 8;

/// The user of a poller, which calls it on the loop's thread. It may destroy
/// itself in each of these calls.
class ready_handler {
 public:
  /// The descriptor is ready for `events`; an error or a hang-up is reported as
  /// both and as the last, because the next read or write tells what it is. `last` is
  /// otherwise told to those that are told once.
  virtual void on_ready(unsigned events) = 0;
  /// What defer() asked for.
  virtual void on_deferred() = 0;
  /// What set_deadline() asked for.
  virtual void on_deadline() = 0;

 protected:
  ~ready_handler() = default;
};

}  // namespace troupe::net
