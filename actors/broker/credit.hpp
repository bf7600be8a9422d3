#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace troupe::broker {

/// Where credit goes back to; on any thread.
class flow_gauge {
 public:
  virtual ~flow_gauge() = default;
  virtual void given_back(std::size_t bytes) noexcept = 0;
};

/// What a batch took of its connection's allowance. It goes back when the last
/// one who works on the batch lets go of it, so a publisher that is faster than
/// the shards is slowed at its socket.
class credit {
 public:
  credit() = default;
  credit(const credit&) = delete;
  credit& operator=(const credit&) = delete;
  ~credit() { give_back(); }

  /// Once.
  void take(std::shared_ptr<flow_gauge> gauge, std::size_t bytes) noexcept {
    gauge_ = std::move(gauge);
    bytes_ = bytes;
  }
  void give_back() noexcept {
    if (const auto gauge = std::move(gauge_)) gauge->given_back(bytes_);
  }

 private:
  std::shared_ptr<flow_gauge> gauge_;
  std::size_t bytes_ = 0;
};

}  // namespace troupe::broker
