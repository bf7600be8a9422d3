#include "protocol/net/peer/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace troupe::net {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view line_start = "PROXY ";
constexpr std::string_view signature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t fixed_part = 16;

// The second half of the 13th byte, and the halves of the 14th.
constexpr unsigned command_local = 0;
constexpr unsigned command_proxy = 1;
constexpr unsigned family_unspecified = 0;
constexpr unsigned family_v4 = 1;
constexpr unsigned family_v6 = 2;
constexpr unsigned family_unix = 3;
constexpr unsigned protocol_stream = 1;
constexpr unsigned protocol_datagram = 2;

constexpr unsigned type_crc32c = 0x03;
constexpr unsigned type_ssl = 0x20;
constexpr unsigned subtype_ssl_cn = 0x22;
constexpr unsigned client_ssl = 0x01;
constexpr unsigned client_certificate = 0x02 | 0x04;  // on this connection or in this TLS session

/// Bytes of both addresses and ports, by family.
constexpr std::array<std::size_t, 4> address_bytes{0, 12, 36, 216};

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

unsigned two_bytes_at(std::string_view bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

std::uint32_t four_bytes_at(std::string_view bytes, std::size_t at) {
  return std::uint32_t{two_bytes_at(bytes, at)} << 16 | two_bytes_at(bytes, at + 2);
}

const std::uint8_t* octets(std::string_view bytes, std::size_t at) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data() + at);
}

/// CRC32c (Castagnoli), reflected; RFC 4960, appendix B.
constexpr std::array<std::uint32_t, 256> crc32c_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0U);
    table[i] = value;
  }
  return table;
}();

/// A port as decimal digits without superfluous zeros.
std::optional<std::uint16_t> port_in(std::string_view digits) {
  std::uint16_t port = 0;
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  const auto* const end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, port);
  if (error != std::errc{} || at != end) return std::nullopt;
  return port;
}

/// Well-formed UTF-8 without control characters: a user name that may stand in a log.
bool is_plain_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const unsigned first = byte_at(text, i);
    if (first < 0x20 || first == 0x7f) return false;
    const std::size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2
                             : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (size == 0 || text.size() - i < size) return false;
    for (std::size_t k = 1; k < size; ++k)
      if ((byte_at(text, i + k) & 0xc0) != 0x80) return false;
    const unsigned second = size > 1 ? byte_at(text, i + 1) : 0;
    // Overlong forms, surrogates, and what lies above U+10FFFF.
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
      return false;
    i += size;
  }
  return true;
}

}  // namespace

std::size_t proxy_header_decoder::feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (state_ == state::reading && taken < bytes.size()) {
    const auto part = bytes.substr(taken, wanted_ - bytes_.size());
    bytes_.append(part);
    taken += part.size();
    if (bytes_.size() == wanted_) check();
  }
  return taken;
}

/// What has come is right so far: says how much more is of the header, or ends.
void proxy_header_decoder::check() {
  const std::string_view seen = bytes_;
  const auto start = seen.front() == line_start.front() ? line_start : signature;
  if (seen.substr(0, start.size()) != start.substr(0, seen.size()))
    return fail("this is no PROXY header");
  if (start == line_start) {
    // Its length is not told: byte by byte, until the line ends.
    if (seen.back() == '\n') return read_line();
    if (seen.size() == max_line) return fail("the line of the PROXY header is too long");
    wanted_ = seen.size() + 1;
    return;
  }
  if (seen.size() < fixed_part) {
    wanted_ = seen.size() < signature.size() ? seen.size() + 1 : fixed_part;
    return;
  }
  const std::size_t block = two_bytes_at(seen, 14);
  if (block > max_block) return fail("the PROXY header is too long");
  wanted_ = fixed_part + block;
  if (seen.size() == wanted_) read_block();
}

/// "PROXY TCP4 192.0.2.1 198.51.100.1 40000 1883\r\n", "PROXY UNKNOWN ...\r\n".
void proxy_header_decoder::read_line() {
  std::string_view line = bytes_;
  if (!line.ends_with("\r\n")) return fail("the line of the PROXY header has no end");
  line.remove_prefix(line_start.size());
  line.remove_suffix(2);
  state_ = state::done;
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return;
  std::array<std::string_view, 5> words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto space = line.find(' ');
    if ((space == std::string_view::npos) != (i + 1 == words.size()))
      return fail("the line of the PROXY header does not have six words");
    words[i] = line.substr(0, space);
    if (space != std::string_view::npos) line.remove_prefix(space + 1);
  }
  const bool v4 = words[0] == "TCP4";
  if (!v4 && words[0] != "TCP6") return fail("the PROXY header names an unknown protocol");
  const auto is_of_family = [v4](std::string_view word) {
    return (word.find(':') == std::string_view::npos) == v4;
  };
  const auto source = ip_address::parse(words[1]);
  const auto destination = ip_address::parse(words[2]);
  if (!source || !destination || !is_of_family(words[1]) || !is_of_family(words[2]))
    return fail("an address in the PROXY header is broken");
  const auto port = port_in(words[3]);
  if (!port || !port_in(words[4])) return fail("a port in the PROXY header is broken");
  client_.from = ip_endpoint{*source, *port};
}

void proxy_header_decoder::read_block() {
  const std::string_view all = bytes_;
  const unsigned version = byte_at(all, 12) >> 4;
  const unsigned command = byte_at(all, 12) & 15;
  const unsigned family = byte_at(all, 13) >> 4;
  const unsigned protocol = byte_at(all, 13) & 15;
  if (version != 2) return fail("the PROXY header has an unknown version");
  if (command != command_local && command != command_proxy)
    return fail("the PROXY header has an unknown command");
  state_ = state::done;
  // The proxy itself, whose block is to be skipped whatever it holds.
  if (command == command_local) return;
  if (family > family_unix || protocol > protocol_datagram)
    return fail("the PROXY header has an unknown address family");
  const std::size_t addresses = address_bytes[family];
  if (all.size() < fixed_part + addresses)
    return fail("the PROXY header is too short for its addresses");
  // Without an address nothing that the proxy says is of somebody.
  if (family == family_unspecified || protocol != protocol_stream) return;
  if (family == family_v4)
    client_.from = {ip_address::v4(octets(all, 16)),
                    static_cast<std::uint16_t>(two_bytes_at(all, 24))};
  else if (family == family_v6)
    client_.from = {ip_address::v6(octets(all, 16)),
                    static_cast<std::uint16_t>(two_bytes_at(all, 48))};
  else
    client_.unix_socket = true;
  read_tlvs(fixed_part + addresses);
}

void proxy_header_decoder::read_tlvs(std::size_t at) {
  const std::string_view all = bytes_;
  while (at < all.size()) {
    if (all.size() - at < 3) return fail("an entry of the PROXY header is cut off");
    const unsigned type = byte_at(all, at);
    const std::size_t size = two_bytes_at(all, at + 1);
    at += 3;
    if (all.size() - at < size) return fail("an entry of the PROXY header is cut off");
    if (type == type_crc32c && (size != 4 || !right_checksum(at)))
      return fail("the checksum of the PROXY header is wrong");
    if (type == type_ssl) read_ssl(all.substr(at, size));
    if (state_ == state::failed) return;
    at += size;
  }
}

void proxy_header_decoder::read_ssl(std::string_view value) {
  if (value.size() < 5) return fail("the TLS entry of the PROXY header is cut off");
  const unsigned client = byte_at(value, 0);
  client_.tls = (client & client_ssl) != 0;
  const bool verified =
      client_.tls && (client & client_certificate) != 0 && four_bytes_at(value, 1) == 0;
  std::string name;
  for (value.remove_prefix(5); !value.empty();) {
    if (value.size() < 3 || value.size() - 3 < two_bytes_at(value, 1))
      return fail("the TLS entry of the PROXY header is cut off");
    const std::size_t size = two_bytes_at(value, 1);
    if (byte_at(value, 0) == subtype_ssl_cn) name = value.substr(3, size);
    value.remove_prefix(3 + size);
  }
  // A name that other programs read as another one is no name.
  client_.certificate_name = verified && is_plain_utf8(name) ? std::move(name) : std::string();
}

bool proxy_header_decoder::right_checksum(std::size_t at) const {
  std::uint32_t sum = ~0U;
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    const unsigned byte = i >= at && i < at + 4 ? 0 : byte_at(bytes_, i);
    sum = (sum >> 8) ^ crc32c_table[(sum ^ byte) & 0xff];
  }
  return ~sum == four_bytes_at(bytes_, at);
}

void proxy_header_decoder::fail(const char* why) {
  state_ = state::failed;
  why_ = why;
  client_ = {};
  std::string().swap(bytes_);
}

}  // namespace troupe::net
