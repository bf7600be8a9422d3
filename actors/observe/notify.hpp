#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// The service manager's notification protocol (sd_notify(3)): datagrams to
/// the socket named by NOTIFY_SOCKET. Without a manager nothing happens.
namespace troupe::observe {

/// Sends one or more assignments, a line each: "READY=1\nSTATUS=...". False:
/// nobody listens. Never blocks. Any thread, while none changes the environment.
bool notify_service(std::string_view assignments) noexcept;

/// "READY=1" with a status line for `systemctl status`.
bool notify_ready(std::string_view status);
/// Before a reload; notify_ready() ends it.
bool notify_reloading();
bool notify_stopping(std::string_view status);
/// Due at least every watchdog_interval().
bool notify_watchdog() noexcept;

/// Half of what the manager allows between two signs of life, if it watches
/// this process.
std::optional<std::chrono::microseconds> watchdog_interval();

}  // namespace troupe::observe
