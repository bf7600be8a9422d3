// Upgrade and framing of WebSocket. Beyond "does not crash": frames cut into
// pieces must give what they give in one piece.

#include "protocol/net/websocket_codec.hpp"
#include "protocol/net/websocket_upgrade.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using troupe::net::websocket_decoder;

struct outcome {
  std::string payload;
  std::string replies;
  bool finished;
  troupe::net::close_code code;
  bool operator==(const outcome&) const = default;
};

outcome decode(std::string_view bytes, std::size_t piece) {
  websocket_decoder decoder(100'000);
  outcome seen{};
  while (!bytes.empty()) {
    std::string part(bytes.substr(0, piece));
    bytes.remove_prefix(part.size());
    std::size_t before = seen.replies.size();
    seen.payload += decoder.decode(part, seen.replies);
    if (seen.replies.size() - before > 128 * part.size()) std::abort();
  }
  seen.finished = decoder.finished();
  seen.code = decoder.code();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 4 == 0) {
    troupe::net::websocket_settings settings;
    if (data[0] % 8 == 0) settings.origins = {"https://example.org"};
    auto answer = troupe::net::answer_upgrade(bytes, settings);
    if (answer.response.empty() || answer.accepted == !answer.why.empty()) std::abort();
    return 0;
  }
  if (!(decode(bytes, bytes.size()) == decode(bytes, 1 + data[0] % 7))) std::abort();
  return 0;
}
