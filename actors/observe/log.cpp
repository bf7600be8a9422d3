#include "actors/observe/log.hpp"

#include "actors/observe/log_limit.hpp"
#include "actors/observe/log_sink.hpp"
#include "actors/observe/log_text.hpp"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace troupe::observe {
namespace {

constexpr std::array<std::string_view, 7> level_names{"trace", "debug",    "info", "warning",
                                                      "error", "critical", "off"};
constexpr std::array<std::string_view, log_module_count> module_names{
    "node", "config", "runtime", "net", "session", "broker", "auth", "storage", "cluster", "admin",
    "audit"};
constexpr auto finish_time = std::chrono::seconds(2);
constexpr const char* human_pattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr const char* json_pattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})";

/// What exists between start_logging() and stop_logging().
struct running_log {
  std::shared_ptr<log_sink> sink;
  std::shared_ptr<spdlog::details::thread_pool> writer;
  std::shared_ptr<spdlog::async_logger> logger;
  log_format format = log_format::human;
};

/// A process has one standard error and so one log; it is the only thing here
/// that is not handed from owner to user.
struct process_log {
  std::shared_mutex guard;  // held exclusively by start and stop only
  std::shared_ptr<const running_log> running;
  std::array<std::atomic<log_level>, log_module_count> levels{};
  log_limit limit;
  std::atomic<std::uint64_t> dropped_before{0};

  process_log() {
    for (auto& level : levels) level.store(log_level::warning, std::memory_order_relaxed);
  }
};

process_log& the_log() {
  // Never destroyed: threads may still log while the process ends.
  static auto* const log = new process_log;
  return *log;
}

std::shared_ptr<const running_log> current() {
  auto& log = the_log();
  const std::shared_lock lock(log.guard);
  return log.running;
}

std::uint64_t dropped_by(const running_log& log) {
  return log.sink->dropped() + log.writer->overrun_counter();
}

spdlog::level::level_enum to_spdlog(log_level level) noexcept {
  return static_cast<spdlog::level::level_enum>(level);
}
static_assert(static_cast<int>(log_level::off) == static_cast<int>(spdlog::level::off));
static_assert(static_cast<int>(log_level::warning) == static_cast<int>(spdlog::level::warn));

std::unique_ptr<spdlog::formatter> formatter_for(log_format format) {
  return std::make_unique<spdlog::pattern_formatter>(
      format == log_format::json ? json_pattern : human_pattern, spdlog::pattern_time_type::utc);
}

void write_line(log_module who, log_level level, std::string_view sentence, log_fields fields,
                std::uint64_t left_out) {
  const auto log = current();
  if (log == nullptr) {
    if (level < log_level::warning) return;  // the log stopped just now
    const std::string line = human_line(who, sentence, fields, left_out);
    log_sink direct{std::string()};
    direct.set_formatter(formatter_for(log_format::human));
    direct.finish_by(log_sink::clock::now() + finish_time);
    direct.log(spdlog::details::log_msg(spdlog::string_view_t(), to_spdlog(level), line));
    return;
  }
  const std::string line = log->format == log_format::json
                               ? json_members(who, sentence, fields, left_out)
                               : human_line(who, sentence, fields, left_out);
  log->logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

void write_safely(log_module who, log_level level, std::string_view sentence, log_fields fields,
                  std::uint64_t left_out) noexcept {
  try {
    write_line(who, level, sentence, fields, left_out);
  } catch (...) {
    // Out of memory or shutting down: a line is no reason to fail.
    the_log().dropped_before.fetch_add(1, std::memory_order_relaxed);
  }
}

template <class Enum, std::size_t N>
bool parse_name(const std::array<std::string_view, N>& names, std::string_view text,
                Enum& out) noexcept {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] != text) continue;
    out = static_cast<Enum>(i);
    return true;
  }
  return false;
}

}  // namespace

std::string_view name(log_level level) noexcept {
  return level_names[static_cast<std::size_t>(level)];
}

std::string_view name(log_module who) noexcept {
  return module_names[static_cast<std::size_t>(who)];
}

bool parse(std::string_view text, log_level& out) noexcept {
  return parse_name(level_names, text == "warn" ? "warning" : text, out);
}

bool parse(std::string_view text, log_module& out) noexcept {
  return parse_name(module_names, text, out);
}

bool log_enabled(log_module who, log_level level) noexcept {
  return level >= current_log_level(who) && level != log_level::off;
}

void log_event(log_module who, log_level level, std::string_view sentence,
               log_fields fields) noexcept {
  if (log_enabled(who, level)) write_safely(who, level, sentence, fields, 0);
}

void log_limited(log_module who, log_level level, std::string_view sentence,
                 log_fields fields) noexcept {
  if (!log_enabled(who, level)) return;
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::steady_clock::now().time_since_epoch());
  const auto verdict = the_log().limit.ask(sentence, static_cast<std::uint64_t>(now.count()));
  if (verdict.write) write_safely(who, level, sentence, fields, verdict.left_out);
}

std::string start_logging(const log_settings& settings) {
  stop_logging();
  auto next = std::make_shared<running_log>();
  next->format = settings.format;
  next->sink = std::make_shared<log_sink>(settings.file);
  if (!next->sink->problem().empty()) return next->sink->problem();
  next->sink->set_formatter(formatter_for(settings.format));
  next->writer =
      std::make_shared<spdlog::details::thread_pool>(settings.queue == 0 ? 1 : settings.queue, 1);
  next->logger = std::make_shared<spdlog::async_logger>(
      "troupe", next->sink, next->writer, spdlog::async_overflow_policy::overrun_oldest);
  // Levels are decided per module, before a line is put together.
  next->logger->set_level(spdlog::level::trace);
  set_log_level(settings.level);
  const std::unique_lock lock(the_log().guard);
  the_log().running = std::move(next);
  return {};
}

void stop_logging() {
  auto& log = the_log();
  std::shared_ptr<const running_log> last;
  {
    const std::unique_lock lock(log.guard);
    last = std::exchange(log.running, nullptr);
  }
  if (last == nullptr) return;
  last->sink->finish_by(log_sink::clock::now() + finish_time);
  // What is dropped in the last two seconds has no reader any more.
  log.dropped_before.fetch_add(dropped_by(*last), std::memory_order_relaxed);
  set_log_level(log_level::warning);
  last.reset();  // joins the writer, unless another thread logs just now: then that one does
}

void set_log_level(log_module who, log_level level) noexcept {
  the_log().levels[static_cast<std::size_t>(who)].store(level, std::memory_order_relaxed);
}

void set_log_level(log_level every_module) noexcept {
  for (auto& level : the_log().levels) level.store(every_module, std::memory_order_relaxed);
  set_log_level(log_module::audit, std::min(every_module, log_level::info));
}

log_level current_log_level(log_module who) noexcept {
  return the_log().levels[static_cast<std::size_t>(who)].load(std::memory_order_relaxed);
}

void reopen_log() noexcept {
  if (const auto log = current()) log->sink->reopen();
}

std::uint64_t log_lines_dropped() noexcept {
  const auto log = current();
  return the_log().dropped_before.load(std::memory_order_relaxed) +
         (log == nullptr ? 0 : dropped_by(*log));
}

}  // namespace troupe::observe
