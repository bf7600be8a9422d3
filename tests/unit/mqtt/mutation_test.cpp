// Random damage to good packets: the decoder must answer, and what it lets
// through must encode and decode to the same bytes again.
#include "protocol/mqtt/decoder.hpp"
#include "protocol/mqtt/encoder.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/mqtt/bytes.hpp"

#include <random>
#include <vector>

using namespace troupe::mqtt;
using testing::bytes;

namespace {

using random_engine = std::mt19937;

std::vector<std::string> good_bodies() {
  std::vector<std::string> out;
  for (const auto* body :
       {"10 0004 'MQTT' 05 EE 003C 0E 11 01020304 21 000A 26 0001 'a' 0000 0002 'ab'"
        "10 18 00000007 02 00000009 01 01 03 0001 't' 0001 'w' 0003 'bye' 0001 'u' 0002 00 'p'",
        "10 0004 'MQTT' 04 EE 003C 0002 'ab' 0001 'w' 0003 'bye' 0001 'u' 0001 'p'",
        "20 00 00 10 12 0002 'id' 26 0001 'k' 0001 'v' 13 001E 25 01",
        "3D 0003 'a/b' 1234 16 23 0003 02 0000003C 0B 01 0B 80 01 01 01 26 0001 'k' 0001 'v' 'hi'",
        "32 0003 'a/b' 1234 'hi'", "40 0001 87 0C 1F 0002 'no' 26 0001 'k' 0001 'v'", "62 0001",
        "82 000A 0A 0B C8 01 26 0001 'k' 0001 'v' 0001 'a' 2E 0003 'b/#' 00",
        "90 000A 0C 1F 0002 'no' 26 0001 'k' 0001 'v' 00 02 87",
        "A2 000B 07 26 0001 'k' 0001 'v' 0001 'a' 0001 'b'", "B0 000B 00 00 11",
        "E0 8E 0C 11 00000005 1F 0001 'a' 1C 0000", "F0 18 08 15 0001 'm' 16 0001 'd'"}) {
    out.push_back(bytes(body));
  }
  return out;
}

void damage(std::string& body, random_engine& random) {
  const auto below = [&](std::size_t limit) { return random() % limit; };
  for (auto times = 1 + below(3); times != 0; --times) {
    const auto at = below(body.size());
    switch (below(5)) {
      case 0:
        body[at] = static_cast<char>(random());
        break;
      case 1:
        body[at] = static_cast<char>(body[at] ^ (1 << below(8)));
        break;
      case 2:
        body.insert(at, 1, static_cast<char>(random()));
        break;
      case 3:
        body.resize(at + 1);
        break;
      default:
        body += body.substr(at, below(8));
        break;
    }
  }
}

}  // namespace

TEST_CASE("Damaged packets are refused or make sense", "[mutation]") {
  const auto originals = good_bodies();
  random_engine random{20240229};
  std::size_t accepted = 0;
  for (int round = 0; round < 40'000; ++round) {
    auto body = originals[random() % originals.size()];
    damage(body, random);
    if (static_cast<std::uint8_t>(body[0]) < 0x10) continue;
    const frame damaged{static_cast<std::uint8_t>(body[0]), std::string_view{body}.substr(1)};
    for (const auto version :
         {protocol_version::v3_1, protocol_version::v3_1_1, protocol_version::v5}) {
      const auto first = decode(damaged, version);
      if (!first) continue;
      ++accepted;
      std::string once;
      std::string twice;
      const bool encoded = encode(once, *first, version);
      const auto found = next_frame(once, 0);
      const auto second = decode(found.frame, version);
      if (!encoded || found.status != frame_status::complete || !second ||
          !encode(twice, *second, version) || once != twice) {
        FAIL("round " << round << " version " << static_cast<int>(version));
      }
    }
  }
  CHECK(accepted > 5'000);
}
