#include "actors/broker/trace/trace_event.hpp"

#include <array>

namespace troupe::broker {
namespace {

constexpr std::size_t longest = 512;

constexpr std::array<std::string_view, 18> names{
    "connected",  "refused", "subscribed",   "unsubscribed", "disconnected", "received",
    "authorized", "matched", "forwarded",    "arrived",      "committed",    "delivered",
    "queued",     "written", "acknowledged", "answered",     "redirected",   "dropped"};

}  // namespace

std::string_view to_string(trace_hop hop) noexcept {
  return names[static_cast<std::size_t>(hop)];
}

std::string clipped(std::string_view text) {
  if (text.size() <= longest) return std::string(text);
  return std::string(text.substr(0, longest)) + "...";
}

}  // namespace troupe::broker
