#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "actors/broker/inspect/client_view.hpp"

/// What is told of clients, as JSON; names are EMQX's where it has one.
namespace troupe::broker {

/// A row of the list of clients.
std::string row_of(const client_view& client, const std::string& node);
/// A row of the list of subscriptions.
std::string row_of(const storage::subscription_record& subscription, const std::string& client_id,
                   const std::string& node, bool connected);
/// What is added to the row of a client that is shown by itself.
nlohmann::json json_of(const client_view::details& closer);
nlohmann::json json_of(const storage::subscription_record& subscription);
/// "2026-11-27T06:22:09.123Z", or nothing for 0.
std::optional<std::string> time_text(std::int64_t wall_ms);
/// The same, or null.
nlohmann::json json_of_time(std::int64_t wall_ms);

/// A session asleep, as its directory knows it.
client_view view_of(const listed_session& asleep);

}  // namespace troupe::broker
