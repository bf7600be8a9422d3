#pragma once

namespace troupe::net {

/// What a descriptor can be watched for; may be combined.
inline constexpr unsigned readable = 1;
inline constexpr unsigned writable = 4;

/// The user of a poller, which calls it on the loop's thread. It may destroy
/// itself in each of these calls.
class ready_handler {
 public:
  /// The descriptor is ready for `events`; an error or a hang-up is reported as
  /// both, because the next read or write tells what it is.
  virtual void on_ready(unsigned events) = 0;
  /// What defer() asked for.
  virtual void on_deferred() = 0;
  /// What set_deadline() asked for.
  virtual void on_deadline() = 0;

 protected:
  ~ready_handler() = default;
};

}  // namespace troupe::net
