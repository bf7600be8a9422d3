#pragma once

#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace troupe::observe {

/// Where the log's thread writes: standard error or a file that can be opened
/// anew. A stuck reader holds up that thread alone, and not for ever: after
/// finish_by() what cannot be written in time is dropped.
class log_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  using clock = std::chrono::steady_clock;

  /// Empty: standard error.
  explicit log_sink(std::string file);
  ~log_sink() override;

  /// A sentence if the file could not be opened, or nothing.
  const std::string& problem() const noexcept { return problem_; }

  // Any thread.
  void reopen() noexcept { reopen_.store(true, std::memory_order_relaxed); }
  void finish_by(clock::time_point when) noexcept { finish_.store(when.time_since_epoch()); }
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 protected:
  void sink_it_(const spdlog::details::log_msg& line) override;
  void flush_() override {}

 private:
  int open_file();
  void open_anew();
  bool write_all(std::string_view bytes);
  bool too_late() const noexcept;

  std::string file_;
  std::string problem_;
  int fd_;
  std::atomic<bool> reopen_{false};
  std::atomic<clock::duration> finish_{clock::duration::max()};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace troupe::observe
