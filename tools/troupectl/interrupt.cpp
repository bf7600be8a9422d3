#include "tools/troupectl/interrupt.hpp"

#include <algorithm>
#include <thread>

namespace troupe::ctl {
namespace {

// A signal handler reaches nothing else.
volatile std::sig_atomic_t interrupt_came = 0;

constexpr auto look_again = std::chrono::milliseconds(50);

}  // namespace

interrupt_guard::interrupt_guard() {
  interrupt_came = 0;
  struct sigaction wanted {};
  wanted.sa_handler = [](int) { interrupt_came = 1; };
  ::sigaction(SIGINT, &wanted, &before_);
}

interrupt_guard::~interrupt_guard() {
  ::sigaction(SIGINT, &before_, nullptr);
  interrupt_came = 0;  // it was for what is over now
}

bool interrupted() noexcept {
  return interrupt_came != 0;
}

bool wait_for(std::chrono::milliseconds time) {
  using clock = std::chrono::steady_clock;
  const auto end = clock::now() + time;
  while (!interrupted()) {
    const auto left = end - clock::now();
    if (left <= clock::duration::zero()) return true;
    std::this_thread::sleep_for(std::min<clock::duration>(left, look_again));
  }
  return false;
}

}  // namespace troupe::ctl
