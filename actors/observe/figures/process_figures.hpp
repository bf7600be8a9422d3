#pragma once

#include <cstdint>

namespace troupe::observe {

/// What the kernel knows of this process; 0 where it would not say.
struct process_figures {
  std::uint64_t resident_bytes = 0;
  std::uint64_t resident_peak_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  double cpu_seconds = 0;  // user and system
  double start_time = 0;   // Unix seconds
  std::uint64_t open_files = 0;
  std::uint64_t open_files_limit = 0;
  std::uint64_t threads = 0;
};

/// Reads /proc: some tens of microseconds, more with many open files. Any thread.
process_figures read_process_figures();

}  // namespace troupe::observe
