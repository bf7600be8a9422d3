#pragma once

#include "actors/observe/log.hpp"

#include <string>
#include <string_view>

/// How a line is put into words; pure functions behind log_event().
namespace troupe::observe {

/// Appends `text`, at most `limit` bytes of it, so that it is one harmless
/// piece of a line: well-formed UTF-8, with control and direction-changing
/// characters, `"` and `\` escaped as in JSON and broken bytes as U+FFFD.
void append_escaped(std::string& out, std::string_view text, std::size_t limit);

/// `session: Client connected client=a1 keep_alive=60`; a value is quoted where
/// it is empty or would be misread.
std::string human_line(log_module who, std::string_view sentence, log_fields fields,
                       std::uint64_t left_out = 0);

/// `"module":"session","message":"Client connected","client":"a1"`: the inside of an object.
std::string json_members(log_module who, std::string_view sentence, log_fields fields,
                         std::uint64_t left_out = 0);

}  // namespace troupe::observe
