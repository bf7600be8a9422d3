#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe::session {

/// Topic aliases that the client set, of one connection [MQTT-3.3.2-7 to 12].
class inbound_aliases {
 public:
  explicit inbound_aliases(std::uint16_t maximum) : maximum_(maximum) {}

  /// True if the alias is within what CONNACK allowed.
  bool allowed(std::uint16_t alias) const noexcept { return alias != 0 && alias <= maximum_; }
  void set(std::uint16_t alias, std::string_view topic) {
    if (topics_.size() < alias) topics_.resize(alias);
    topics_[alias - 1U].assign(topic);
  }
  /// Empty: never set on this connection.
  std::string_view find(std::uint16_t alias) const noexcept {
    return alias <= topics_.size() ? std::string_view{topics_[alias - 1U]} : std::string_view{};
  }

 private:
  std::uint16_t maximum_;
  std::vector<std::string> topics_;
};

/// Aliases that we set towards the client: the first topics of a connection
/// get one until they are used up; a table that forgets is worth little for
/// devices that listen to a handful of topics.
class outbound_aliases {
 public:
  explicit outbound_aliases(std::uint16_t maximum) : maximum_(maximum) {}

  struct choice {
    std::uint16_t alias = 0;  // 0: none
    bool send_topic = true;
  };
  choice choose(std::string_view topic) {
    if (maximum_ == 0) return {};
    auto it = aliases_.find(std::string(topic));
    if (it != aliases_.end()) return {it->second, false};
    if (aliases_.size() >= maximum_) return {};
    const auto alias = static_cast<std::uint16_t>(aliases_.size() + 1);
    aliases_.emplace(topic, alias);
    return {alias, true};
  }

 private:
  std::uint16_t maximum_;
  std::unordered_map<std::string, std::uint16_t> aliases_;
};

}  // namespace troupe::session
