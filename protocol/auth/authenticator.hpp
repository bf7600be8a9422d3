#pragma once

#include "protocol/mqtt/packet.hpp"
#include "protocol/mqtt/reason_code.hpp"

#include <functional>
#include <optional>
#include <string>

namespace troupe::auth {

/// What a client shows when it connects. Owns its text: a method may keep it
/// while it asks elsewhere.
struct credentials {
  std::string client_id;
  std::optional<std::string> username;
  std::optional<std::string> password;
  /// The name in a client certificate that TLS has verified (common name or
  /// subject, as the listener is configured to use it as user name); "": none.
  std::string certificate_name;
  std::string address;    // of the peer, for logs and rules
  std::string listener;   // its configured name
  bool loopback = false;  // the peer is on this machine (127/8, ::1, Unix socket)
  mqtt::protocol_version version = mqtt::protocol_version::v5;
};

/// The answer to credentials.
struct verdict {
  bool accepted = false;
  mqtt::reason_code reason = mqtt::reason_code::not_authorized;  // success if accepted
  std::string username;  // whose rights the client has; "": anonymous
  std::string why;       // a sentence for the log, never with a secret

  static verdict accept(std::string name, std::string because) {
    return {true, mqtt::reason_code::success, std::move(name), std::move(because)};
  }
  static verdict refuse(mqtt::reason_code code, std::string because) {
    return {false, code, {}, std::move(because)};
  }
};

/// A way to tell who a client is: password file, and later directory, web
/// service or token. Shared by all connections of a listener.
class authenticator {
 public:
  authenticator() = default;
  authenticator(const authenticator&) = delete;
  authenticator& operator=(const authenticator&) = delete;
  virtual ~authenticator() = default;

  /// Calls `done` exactly once, either before returning or later on a thread
  /// of the method's own; the caller brings the verdict back to its run loop.
  /// Never blocks. May be called on any thread, also while another call waits.
  virtual void authenticate(credentials shown, std::function<void(verdict)> done) = 0;
};

}  // namespace troupe::auth
