#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

/// Structured logs. One sentence for a person and fields for a machine:
///
///     log_event(log_module::session, log_level::info, "Client connected",
///               {{"client", id}, {"address", peer.address}, {"keep_alive", 60}});
///
/// A line is formatted by its writer and given to a bounded queue; a thread of
/// its own writes it out, so that a stuck pipe or a full disk never holds up a
/// run loop: the oldest lines are dropped and counted instead. Values may come
/// from clients: control characters are escaped. Never pass a secret.
namespace troupe::observe {

enum class log_level : std::uint8_t { trace, debug, info, warning, error, critical, off };

/// Who speaks; each has its own level.
enum class log_module : std::uint8_t {
  node,
  config,
  runtime,
  net,
  session,
  broker,
  auth,
  storage,
  cluster,
  admin,
  audit,  // changes by administrators, see api/audit.hpp
};
inline constexpr std::size_t log_module_count = 11;

std::string_view name(log_level level) noexcept;
std::string_view name(log_module who) noexcept;
/// "trace" ... "off", also "warn"; false: unknown, `out` is left alone.
bool parse(std::string_view text, log_level& out) noexcept;
bool parse(std::string_view text, log_module& out) noexcept;

/// A key (a literal: letters, digits, `_`) and a value that lives as long as the call.
class log_field {
 public:
  enum class kind : std::uint8_t { text, signed_number, unsigned_number, real, boolean };

  template <class T>
  log_field(std::string_view key, const T& value) noexcept : key_(key) {
    if constexpr (std::is_same_v<T, bool>) {
      kind_ = kind::boolean;
      unsigned_ = value ? 1 : 0;
    } else if constexpr (std::is_enum_v<T>) {
      kind_ = kind::unsigned_number;
      unsigned_ = static_cast<std::uint64_t>(value);
    } else if constexpr (std::is_floating_point_v<T>) {
      kind_ = kind::real;
      real_ = static_cast<double>(value);
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      kind_ = kind::signed_number;
      signed_ = static_cast<std::int64_t>(value);
    } else if constexpr (std::is_integral_v<T>) {
      kind_ = kind::unsigned_number;
      unsigned_ = static_cast<std::uint64_t>(value);
    } else {
      text_ = std::string_view(value);
    }
  }

  std::string_view key() const noexcept { return key_; }
  kind type() const noexcept { return kind_; }
  std::string_view text() const noexcept { return text_; }
  std::int64_t as_signed() const noexcept { return signed_; }
  std::uint64_t as_unsigned() const noexcept { return unsigned_; }
  double as_real() const noexcept { return real_; }

 private:
  std::string_view key_;
  kind kind_ = kind::text;
  union {
    std::int64_t signed_;
    std::uint64_t unsigned_ = 0;
    double real_;
  };
  std::string_view text_;
};

using log_fields = std::initializer_list<log_field>;

/// Whether a line of that module and level would be written: ask before costly fields.
bool log_enabled(log_module who, log_level level) noexcept;

/// Any thread; never waits, never throws. Text values beyond 512 bytes are cut.
void log_event(log_module who, log_level level, std::string_view sentence,
               log_fields fields = {}) noexcept;

/// For what a client can cause at will: of each sentence (a literal) at most 10
/// lines in 10 seconds are written; the next one says how many were left out.
void log_limited(log_module who, log_level level, std::string_view sentence,
                 log_fields fields = {}) noexcept;

enum class log_format : std::uint8_t { human, json };

struct log_settings {
  log_format format = log_format::human;
  log_level level = log_level::info;
  /// Empty: standard error.
  std::string file;
  /// Lines that may wait to be written.
  std::size_t queue = 2048;
};

/// Begins logging for the process and sets every module to `level`. Before it
/// and after stop_logging(), warnings and worse go straight to standard error.
/// Returns what is wrong, as a sentence, or nothing. Main thread.
std::string start_logging(const log_settings& settings);

/// Writes out what waits for at most two seconds. Main thread.
void stop_logging();

/// Any thread.
void set_log_level(log_module who, log_level level) noexcept;
/// What an administrator changes is written at any level: of `audit` it is at least `info`.
void set_log_level(log_level every_module) noexcept;
log_level current_log_level(log_module who) noexcept;

/// After SIGHUP or a rotation: the file is opened anew before the next line.
/// Any thread, not a signal handler.
void reopen_log() noexcept;

/// Lines dropped since start because their reader was too slow.
std::uint64_t log_lines_dropped() noexcept;

}  // namespace troupe::observe
