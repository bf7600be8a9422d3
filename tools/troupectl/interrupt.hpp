#pragma once

#include <chrono>
#include <csignal>

namespace troupe::ctl {

/// While it lives, Ctrl-C ends what is under way and not the process.
class interrupt_guard {
 public:
  interrupt_guard();
  ~interrupt_guard();
  interrupt_guard(const interrupt_guard&) = delete;
  interrupt_guard& operator=(const interrupt_guard&) = delete;

 private:
  struct sigaction before_ {};
};

/// Whether Ctrl-C came since the guard was made.
bool interrupted() noexcept;

/// False: Ctrl-C came first.
bool wait_for(std::chrono::milliseconds time);

}  // namespace troupe::ctl
