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
  ~credit() {
    if (gauge_) gauge_->given_back(bytes_);
  }

  /// Once.
  void take(std::shared_ptr<flow_gauge> gauge, std::size_t bytes) noexcept {
    gauge_ = std::move(gauge);
    bytes_ = bytes;
  }

 private:
  std::shared_ptr<flow_gauge> gauge_;
  std::size_t bytes_ = 0;
};

}  // namespace troupe::broker
