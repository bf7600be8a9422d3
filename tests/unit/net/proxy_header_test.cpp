#include "protocol/net/peer/proxy_header.hpp"

#include "protocol/net/peer/network_set.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/net/proxy_headers.hpp"

#include <random>

using namespace troupe::net;
using namespace troupe::net::testing;
using namespace std::string_literals;

namespace {

std::string address_of(const proxied_client& client) {
  if (client.unix_socket) return "unix";
  return client.from ? to_string(client.from->address, client.from->port) : "none";
}

/// What the header says, in short: "192.0.2.1:40000", with " tls" and " cn=..." behind, or "!why".
std::string read(std::string_view header, std::size_t piece = 4096) {
  proxy_header_decoder decoder;
  while (!header.empty() && !decoder.done() && !decoder.failed())
    header.remove_prefix(decoder.feed(header.substr(0, piece)));
  if (decoder.failed()) return "!"s + decoder.why();
  if (!decoder.done()) return "?";
  auto said = address_of(decoder.client());
  if (decoder.client().tls) said += " tls";
  if (!decoder.client().certificate_name.empty())
    said += " cn=" + decoder.client().certificate_name;
  return said;
}

const std::string v4_block = "\xc0\0\x02\x01\xc6\x33\x64\x01\x9c\x40\x07\x5b"s;
const std::string v6_block =
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"s + std::string(15, '\0') + "\x01\x9c\x40\x07\x5b"s;

}  // namespace

TEST_CASE("PROXY header: lines of version 1") {
  const auto [line, expected] = GENERATE(table<std::string, std::string>({
      {"PROXY TCP4 192.0.2.1 198.51.100.1 40000 1883\r\n", "192.0.2.1:40000"},
      {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"},
      {"PROXY TCP4 0.0.0.0 127.0.0.1 0 0\r\n", "0.0.0.0:0"},
      {"PROXY TCP6 2001:db8::1 ::1 40000 1883\r\n", "[2001:db8::1]:40000"},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
       "65535 65535\r\n",
       "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
      {"PROXY TCP6 ::ffff:192.0.2.1 ::1 7 8\r\n", "192.0.2.1:7"},
      {"PROXY UNKNOWN\r\n", "none"},
      {"PROXY UNKNOWN whatever \x01 it says\r\n", "none"},
      {"PROXY UNKNOWN " + std::string(91, 'f') + "\r\n", "none"},
  }));
  REQUIRE(line.size() <= proxy_header_decoder::max_line);
  CHECK(read(line) == expected);
}

TEST_CASE("PROXY header: broken lines of version 1") {
  const auto line = GENERATE(as<std::string>{},
      "PROXY\r\n", "PROXY \r\n", "PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
      "PROXY TCP4 192.0.2.1  198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n",
      "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 192.0.2.1 192.0.2.1 1 2\r\n",
      "PROXY TCP4 192.0.2.1 ::1 1 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.1 1 -2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1  2\r\n",
      "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n",
      "PROXY UNKNOWNX\r\n", "PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n",
      "PROXY TCP4 192.0.2.1\r198.51.100.1 1 2\r\n", "proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
      "PROXY UNKNOWN " + std::string(92, 'f') + "\r\n", "PROXY UNKNOWN " + std::string(500, 'f'),
      "PROXY TCP4 192.0.2.1\0 198.51.100.1 1 2\r\n"s, "\x10\x0c\0\x04MQTT\x04\x02\0\x3c"s,
      "GET /mqtt HTTP/1.1\r\n", "\x16\x03\x01\x02\0\x01"s, "\r\n\r\n\0\r\nQUIT\r"s);
  INFO(line);
  CHECK(read(line).front() == '!');
  CHECK(read(line, 1) == read(line));
}

TEST_CASE("PROXY header: addresses of version 2") {
  const auto [header, expected] = GENERATE(table<std::string, std::string>({
      {v2_header(0x21, 0x11, v4_block), "192.0.2.1:40000"},
      {v2_header(0x21, 0x21, v6_block), "[2001:db8::7]:40000"},
      {v2_header(0x21, 0x31, std::string(216, 'u')), "unix"},
      {v2_header(0x21, 0x12, v4_block), "none"},          // UDP
      {v2_header(0x21, 0x10, v4_block), "none"},          // no protocol
      {v2_header(0x21, 0x00, ""), "none"},                // unspecified
      {v2_header(0x21, 0x00, "anything"), "none"},
      {v2_header(0x20, 0x00, ""), "none"},                // LOCAL
      {v2_header(0x20, 0x11, v4_block), "none"},
      {v2_header(0x20, 0xff, "xyz"), "none"},             // its family is ignored
      {v2_header(0x21, 0x11, v4_block + std::string(2036, '\0')),
       "!an entry of the PROXY header is cut off"},
      {v2_header(0x20, 0x00, std::string(2048, 'x')), "none"},
      {v2_header(0x20, 0x00, std::string(2049, 'x')), "!the PROXY header is too long"},
      {v2_header(0x21, 0x11, v4_block.substr(1)), "!the PROXY header is too short for its addresses"},
      {v2_header(0x21, 0x21, v4_block), "!the PROXY header is too short for its addresses"},
      {v2_header(0x21, 0x31, std::string(215, 'u')),
       "!the PROXY header is too short for its addresses"},
      {v2_header(0x22, 0x11, v4_block), "!the PROXY header has an unknown command"},
      {v2_header(0x11, 0x11, v4_block), "!the PROXY header has an unknown version"},
      {v2_header(0x31, 0x11, v4_block), "!the PROXY header has an unknown version"},
      {v2_header(0x21, 0x41, v4_block), "!the PROXY header has an unknown address family"},
      {v2_header(0x21, 0x13, v4_block), "!the PROXY header has an unknown address family"},
  }));
  CHECK(read(header) == expected);
  CHECK(read(header, 1) == expected);
}

TEST_CASE("PROXY header: entries of version 2") {
  const auto with = [](const std::string& entries) {
    return read(v2_header(0x21, 0x11, v4_block + entries));
  };
  const std::string at = "192.0.2.1:40000";
  CHECK(with(tlv(0x04, "")) == at);
  CHECK(with(tlv(0x01, "mqtt") + tlv(0xee, std::string(300, 'x')) + tlv(0x04, "pad")) == at);
  CHECK(with("\x04") == "!an entry of the PROXY header is cut off");
  CHECK(with("\x04\0"s) == "!an entry of the PROXY header is cut off");
  CHECK(with("\x04\0\x02x"s) == "!an entry of the PROXY header is cut off");
  CHECK(with(tlv(0x01, "h2") + "\x05\xff\xff") == "!an entry of the PROXY header is cut off");

  SECTION("the name in a certificate that the proxy has verified") {
    const auto name = tlv(0x21, "TLSv1.3") + tlv(0x22, "device-17") + tlv(0x23, "AES");
    CHECK(with(ssl_tlv(7, 0, name)) == at + " tls cn=device-17");
    CHECK(with(ssl_tlv(3, 0, name)) == at + " tls cn=device-17");
    CHECK(with(ssl_tlv(5, 0, name)) == at + " tls cn=device-17");
    CHECK(with(ssl_tlv(7, 1, name)) == at + " tls");  // not verified
    CHECK(with(ssl_tlv(7, 0x01000000, name)) == at + " tls");
    CHECK(with(ssl_tlv(1, 0, name)) == at + " tls");  // no certificate
    CHECK(with(ssl_tlv(6, 0, name)) == at);           // no TLS
    CHECK(with(ssl_tlv(7, 0, "")) == at + " tls");
    CHECK(with(ssl_tlv(7, 0, tlv(0x22, "a\0b"s))) == at + " tls");
    CHECK(with(ssl_tlv(7, 0, tlv(0x22, "\xff\xfe"))) == at + " tls");
    CHECK(with(ssl_tlv(7, 0, tlv(0x22, "\xc0\xaf"))) == at + " tls");
    CHECK(with(ssl_tlv(7, 0, tlv(0x22, "\xed\xa0\x80"))) == at + " tls");
    CHECK(with(ssl_tlv(7, 0, tlv(0x22, "Ger\xc3\xa4t"))) == at + " tls cn=Ger\xc3\xa4t");
  }
  SECTION("a TLS entry that is cut off") {
    CHECK(with(tlv(0x20, "\x07\0\0\0"s)) == "!the TLS entry of the PROXY header is cut off");
    CHECK(with(ssl_tlv(7, 0, "\x22\0"s)) == "!the TLS entry of the PROXY header is cut off");
    CHECK(with(ssl_tlv(7, 0, "\x22\0\x05xyz"s)) == "!the TLS entry of the PROXY header is cut off");
  }
  SECTION("a checksum counts where it is given") {
    const auto sealed = with_checksum(0x21, 0x11, v4_block + tlv(0x04, "pad"));
    CHECK(read(sealed) == at);
    for (std::size_t i = 16; i < sealed.size(); ++i) {
      auto changed = sealed;
      changed[i] = static_cast<char>(changed[i] ^ 0x10);
      if (i == 34 || (i >= 28 && i <= 30)) continue;  // which entries there are
      INFO(i);
      CHECK(read(changed).front() == '!');
    }
    CHECK(with(tlv(0x03, "123")) == "!the checksum of the PROXY header is wrong");
    CHECK(with(tlv(0x03, "1234")) == "!the checksum of the PROXY header is wrong");
  }
}

TEST_CASE("PROXY header: nothing behind it is taken, wherever it is cut") {
  const auto header = GENERATE(
      "PROXY TCP4 192.0.2.1 198.51.100.1 40000 1883\r\n"s, "PROXY UNKNOWN\r\n"s,
      v2_header(0x21, 0x11, v4_block), v2_header(0x20, 0x00, ""),
      v2_header(0x21, 0x11, v4_block + ssl_tlv(7, 0, tlv(0x22, "device"))),
      with_checksum(0x21, 0x21, v6_block));
  const std::string all = header + "\r\nPROXY rest";
  const auto expected = read(header);
  REQUIRE(expected.front() != '!');
  for (std::size_t cut = 0; cut <= header.size(); ++cut) {
    proxy_header_decoder decoder;
    const auto first = decoder.feed(std::string_view(all).substr(0, cut));
    REQUIRE(first == cut);
    CHECK(decoder.done() == (cut == header.size()));
    const auto second = decoder.feed(std::string_view(all).substr(cut));
    CHECK(first + second == header.size());
    CHECK(decoder.done());
    CHECK(decoder.feed("more") == 0);
  }
  CHECK(read(all, 1) == expected);
  CHECK(read(all, 3) == expected);
}

TEST_CASE("PROXY header: changed at random it is read or refused, never more than it may be") {
  std::mt19937 chance(20261127);
  const std::string originals[] = {
      "PROXY TCP6 2001:db8::1 ::1 40000 1883\r\n"s, v2_header(0x21, 0x21, v6_block),
      v2_header(0x21, 0x11, v4_block + tlv(0x01, "mqtt") + ssl_tlv(7, 0, tlv(0x22, "device"))),
      with_checksum(0x21, 0x11, v4_block)};
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = originals[chance() % 4];
    for (unsigned n = 1 + chance() % 3; n > 0; --n) {
      const auto at = chance() % bytes.size();
      switch (chance() % 3) {
        case 0: bytes[at] = static_cast<char>(chance()); break;
        case 1: bytes.erase(at, 1 + chance() % 4); break;
        default: bytes.insert(at, 1 + chance() % 4, static_cast<char>(chance())); break;
      }
      if (bytes.empty()) bytes = "x";
    }
    const auto whole = read(bytes);
    if (whole != read(bytes, 1) || whole != read(bytes, 7)) FAIL("cut otherwise, read otherwise");
  }
}

TEST_CASE("networks: addresses of both families, whole and by prefix") {
  network_set set;
  REQUIRE(set.add("10.0.0.0/8"));
  REQUIRE(set.add("192.0.2.7"));
  REQUIRE(set.add("198.51.100.128/25"));
  REQUIRE(set.add("2001:db8::/33"));
  REQUIRE(set.add("::1"));
  for (const char* in : {"10.0.0.1:1", "10.255.255.255:65535", "192.0.2.7:2", "198.51.100.200:3",
                         "[2001:db8::1]:4", "[2001:db8:7fff::1]:4", "[::1]:5", "[::ffff:10.1.2.3]:6"}) {
    INFO(in);
    CHECK(set.contains(std::string_view(in)));
  }
  for (const char* out : {"11.0.0.1:1", "192.0.2.8:2", "198.51.100.127:3", "[2001:db8:8000::1]:4",
                          "[::2]:5", "127.0.0.1:6", "unix", "", "10.0.0.1", "10.0.0.1.:4"}) {
    INFO(out);
    CHECK_FALSE(set.contains(std::string_view(out)));
  }
  for (const char* bad : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "::1/129",
                          "host", "10.0.0.0/8 ", "[::1]", "10.0.0.0/08x", "::1%lo"}) {
    INFO(bad);
    CHECK_FALSE(set.add(bad));
  }
  network_set all;
  REQUIRE(all.add("0.0.0.0/0"));
  CHECK(all.contains(std::string_view("203.0.113.9:1")));
  CHECK_FALSE(all.contains(std::string_view("[2001:db8::1]:1")));
}

TEST_CASE("addresses: which are loopback") {
  for (const char* near : {"127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1"})
    CHECK(ip_address::parse(near)->is_loopback());
  for (const char* far : {"128.0.0.1", "::", "::2", "::ffff:1.2.3.4", "::127.0.0.1", "100::1"})
    CHECK_FALSE(ip_address::parse(far)->is_loopback());
}
