#pragma once

#include "protocol/auth/authenticator.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace troupe::auth {

/// What one step of an enhanced authentication [MQTT 5.0, 4.12] led to.
struct outcome {
  enum class kind : std::uint8_t {
    proceed,  // send AUTH 0x18 with data, wait for the client's AUTH
    success,  // send CONNACK (or AUTH 0x00 when re-authenticating) with data
    failure,  // send CONNACK (or DISCONNECT) with reason and close
  };

  kind what = kind::failure;
  std::string data;      // authentication data for the client
  std::string username;  // on success: whose rights the client has
  mqtt::reason_code reason = mqtt::reason_code::not_authorized;  // on failure
  std::string why;  // a sentence for the log, never with a secret

  static outcome proceed(std::string data) {
    return {kind::proceed, std::move(data), {}, mqtt::reason_code::continue_authentication, {}};
  }
  static outcome success(std::string data, std::string name) {
    return {kind::success, std::move(data), std::move(name), mqtt::reason_code::success, {}};
  }
  static outcome failure(mqtt::reason_code code, std::string because) {
    return {kind::failure, {}, {}, code, std::move(because)};
  }
};

/// One client's conversation with a method, from CONNECT (or AUTH 0x19) to
/// success or failure. Used by one connection at a time.
class exchange {
 public:
  exchange() = default;
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  virtual ~exchange() = default;

  /// Takes the client's authentication data ("" if absent). Calls `done`
  /// exactly once, before returning or later on a thread of the method's own,
  /// possibly after this object has gone. No step may begin before the last
  /// one is done, and none after success or failure.
  virtual void step(std::string_view data, std::function<void(outcome)> done) = 0;
};

/// An authentication method, known by the name that CONNECT carries. Shared by
/// all connections, on all threads.
class enhanced_method {
 public:
  enhanced_method() = default;
  enhanced_method(const enhanced_method&) = delete;
  enhanced_method& operator=(const enhanced_method&) = delete;
  virtual ~enhanced_method() = default;

  virtual std::string_view name() const noexcept = 0;

  /// A new conversation; the method must outlive it.
  virtual std::unique_ptr<exchange> begin(const credentials& shown) = 0;
};

}  // namespace troupe::auth
