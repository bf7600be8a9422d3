#include "actors/observe/figures/process_figures.hpp"

#include <dirent.h>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace troupe::observe {
namespace {

/// Fields of /proc/self/stat behind the name in brackets, which may hold
/// anything; the first of them is number 3 of proc(5).
void read_stat(process_figures& out) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto bracket = line.rfind(')');
  if (bracket == std::string::npos) return;
  std::istringstream fields(line.substr(bracket + 1));
  std::string field;
  double started_ticks = 0;
  for (int number = 3; number <= 24 && fields >> field; ++number) {
    if (number == 20) out.threads = std::stoull(field);
    if (number == 22) started_ticks = std::stod(field);
    if (number == 23) out.virtual_bytes = std::stoull(field);
    if (number == 24)
      out.resident_bytes = std::stoull(field) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  std::ifstream boot("/proc/stat");
  while (std::getline(boot, line)) {
    if (!line.starts_with("btime ")) continue;
    out.start_time =
        std::stod(line.substr(6)) + started_ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
    return;
  }
}

std::uint64_t count_open_files() {
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::uint64_t entries = 0;
  while (readdir(folder) != nullptr) ++entries;
  closedir(folder);
  constexpr std::uint64_t others = 3;  // ".", ".." and the folder itself
  return entries > others ? entries - others : 0;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

process_figures read_process_figures() {
  process_figures result;
  read_stat(result);
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    result.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    result.resident_peak_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) result.open_files_limit = limit.rlim_cur;
  result.open_files = count_open_files();
  return result;
}

}  // namespace troupe::observe
