#include "tools/troupe-bench/measure/process_watch.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

namespace troupe::bench {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string_view next_word(std::string_view& text) {
  const auto begin = std::min(text.find_first_not_of(' '), text.size());
  const auto end = std::min(text.find(' ', begin), text.size());
  const auto word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

std::uint64_t number(std::string_view word) {
  std::uint64_t value = 0;
  std::from_chars(word.data(), word.data() + word.size(), value);
  return value;
}

double seconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double clock_seconds(clockid_t clock) {
  timespec now{};
  return ::clock_gettime(clock, &now) == 0 ? seconds(now) : 0.0;
}

/// Nanosecond figures where the process is ours to ask; 0 otherwise.
double exact_cpu(int pid) {
  clockid_t clock{};
  return ::clock_getcpuclockid(pid, &clock) == 0 ? clock_seconds(clock) : 0.0;
}

}  // namespace

bool read_stat(std::string_view line, stat_fields& out) {
  const auto name_end = line.rfind(')');
  if (name_end == std::string_view::npos) return false;
  auto rest = line.substr(name_end + 1);
  std::string_view words[22];  // fields 3 to 24
  for (auto& word : words) word = next_word(rest);
  if (words[21].empty()) return false;
  out = {number(words[11]), number(words[12]), number(words[21])};
  return true;
}

std::uint64_t busy_ticks(std::string_view line) {
  next_word(line);  // "cpu"
  std::uint64_t fields[8] = {};
  for (auto& field : fields) field = number(next_word(line));
  return fields[0] + fields[1] + fields[2] + fields[5] + fields[6] + fields[7];
}

usage between(const usage_sample& before, const usage_sample& after) noexcept {
  usage out;
  out.seconds = after.at - before.at;
  out.user = after.user - before.user;
  out.system = after.system - before.system;
  out.total = after.total - before.total;
  out.self = after.self - before.self;
  const auto others = after.machine - before.machine - out.total - out.self;
  // The machine's ticks are coarse: a little below zero is zero.
  if (out.seconds > 0) out.others_percent = std::max(0.0, others / out.seconds * 100);
  return out;
}

std::string process_watch::check() const {
  for (const auto pid : pids_) {
    stat_fields fields;
    if (!read_stat(first_line("/proc/" + std::to_string(pid) + "/stat"), fields)) {
      return "There is no process " + std::to_string(pid) + " to watch.";
    }
  }
  return {};
}

usage_sample process_watch::sample() {
  const auto tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  usage_sample out;
  for (const auto pid : pids_) {
    stat_fields fields;
    if (!read_stat(first_line("/proc/" + std::to_string(pid) + "/stat"), fields)) continue;
    out.user += static_cast<double>(fields.user_ticks) * tick;
    out.system += static_cast<double>(fields.system_ticks) * tick;
    out.resident += fields.resident_pages * page;
    const auto exact = exact_cpu(pid);
    out.total +=
        exact > 0 ? exact : static_cast<double>(fields.user_ticks + fields.system_ticks) * tick;
  }
  peak_ = std::max(peak_, out.resident);
  out.at = clock_seconds(CLOCK_MONOTONIC);
  out.self = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
  out.machine = static_cast<double>(busy_ticks(first_line("/proc/stat"))) * tick;
  return out;
}

}  // namespace troupe::bench
