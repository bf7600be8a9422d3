// Headers of the PROXY protocol, as they are and with a right start in front.
// Beyond "does not crash": in pieces they give what they give at once, nothing
// behind a header is taken, and what is taken stays bounded.

#include "protocol/net/peer/network_set.hpp"
#include "protocol/net/peer/proxy_header.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using troupe::net::proxy_header_decoder;

struct outcome {
  std::size_t taken = 0;
  bool done = false;
  bool failed = false;
  std::string why;
  std::string address;
  bool unix_socket = false;
  bool tls = false;
  std::string name;
  bool operator==(const outcome&) const = default;
};

outcome decode(std::string_view bytes, std::size_t piece) {
  proxy_header_decoder decoder;
  outcome seen;
  while (!bytes.empty() && !decoder.done() && !decoder.failed()) {
    const auto part = bytes.substr(0, piece);
    const auto used = decoder.feed(part);
    if (used > part.size() || (used < part.size() && !decoder.done() && !decoder.failed()))
      std::abort();
    seen.taken += used;
    bytes.remove_prefix(used);
  }
  if (seen.taken > proxy_header_decoder::max_bytes || (decoder.done() && decoder.failed()))
    std::abort();
  seen.done = decoder.done();
  seen.failed = decoder.failed();
  seen.why = decoder.why();
  if (seen.failed == seen.why.empty()) std::abort();
  if (!seen.done) return seen;
  const auto& client = decoder.client();
  if (client.from) {
    seen.address = to_string(client.from->address, client.from->port);
    troupe::net::network_set all;
    if (!all.add("::/0") || !all.contains(seen.address)) std::abort();
  }
  seen.unix_socket = client.unix_socket;
  seen.tls = client.tls;
  seen.name = client.certificate_name;
  if (decoder.feed("x") != 0) std::abort();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 1) bytes.insert(0, "PROXY ");
  if (data[0] % 3 == 2) {
    const std::size_t block = bytes.size() > 2 ? bytes.size() - 2 : 0;
    bytes.resize(block + 2);
    const char length[2] = {static_cast<char>(block >> 8), static_cast<char>(block)};
    bytes.insert(2, length, 2);
    bytes.insert(0, std::string_view("\r\n\r\n\0\r\nQUIT\n", 12));
  }
  const auto whole = decode(bytes, bytes.size() + 1);
  if (!(whole == decode(bytes, 1)) || !(whole == decode(bytes, 2 + data[0] % 7))) std::abort();
  return 0;
}
