#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "actors/broker/inspect/client_view.hpp"

/// What is told of clients, as JSON; names are EMQX's where it has one.
namespace troupe::broker {

nlohmann::json json_of(const client_view& client, const std::string& node);
/// To be merged into the above.
nlohmann::json json_of(const client_view::details& closer);
nlohmann::json json_of(const storage::subscription_record& subscription);
/// "2026-11-27T06:22:09.123Z", or null for 0.
nlohmann::json json_of_time(std::int64_t wall_ms);

/// A session asleep, as its directory knows it.
client_view view_of(const listed_session& asleep);

}  // namespace troupe::broker
