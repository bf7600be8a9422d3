#pragma once

#include <string_view>

namespace troupe::auth {

/// Whose rights are asked about. Views of text that lives during the call.
struct identity {
  std::string_view client_id;
  std::string_view username;  // "": anonymous
  bool loopback = false;
};

/// Says who may publish and subscribe to what. Immutable and safe on all
/// threads: a reload makes a new one, and whoever holds the old
/// `std::shared_ptr<const authorizer>` finishes with it.
class authorizer {
 public:
  authorizer() = default;
  authorizer(const authorizer&) = delete;
  authorizer& operator=(const authorizer&) = delete;
  virtual ~authorizer() = default;

  /// Whether a message to the valid topic name may enter; also for wills.
  virtual bool may_publish(const identity& who, std::string_view topic) const = 0;

  /// Whether a subscription may be made: false if no message that it can ever
  /// match may be received. True does not promise all of them: may_receive()
  /// decides for each. A shared subscription is judged by its inner filter.
  virtual bool may_subscribe(const identity& who, std::string_view filter) const = 0;

  /// Whether a message to the topic may be delivered to a subscriber.
  virtual bool may_receive(const identity& who, std::string_view topic) const = 0;
};

/// The rights of a broker without access file: everything outside of `$SYS`;
/// that tree is read-only, and is read from this machine or, if
/// `sys_from_anywhere`, by everybody.
class open_authorizer final : public authorizer {
 public:
  explicit open_authorizer(bool sys_from_anywhere = false) noexcept
      : sys_from_anywhere_(sys_from_anywhere) {}

  bool may_publish(const identity& who, std::string_view topic) const override;
  bool may_subscribe(const identity& who, std::string_view filter) const override;
  bool may_receive(const identity& who, std::string_view topic) const override;

 private:
  const bool sys_from_anywhere_;
};

}  // namespace troupe::auth
