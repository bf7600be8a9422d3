#include "protocol/mqtt/utf8.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/mqtt/bytes.hpp"

#include <string>

using namespace troupe::mqtt;
using testing::bytes;

TEST_CASE("UTF-8 that is well formed passes at every offset", "[utf8]") {
  for (const auto* good : {"", "61", "7F", "01", "C2 80", "DF BF", "E0 A0 80", "ED 9F BF",
                           "EE 80 80", "EF BF BF", "EF BB BF", "F0 90 80 80", "F4 8F BF BF"}) {
    for (std::size_t before = 0; before < 10; ++before) {
      INFO(good << " after " << before);
      CHECK(is_valid_utf8(std::string(before, 'x') + bytes(good)));
      CHECK(is_valid_utf8(std::string(before, 'x') + bytes(good) + std::string(9, 'y')));
    }
  }
}

TEST_CASE("UTF-8 that is ill-formed or holds U+0000 is refused at every offset", "[utf8]") {
  for (const auto* bad :
       {"00",          "80",          "BF",          "C0 80",       "C1 BF",       "C2",
        "C2 41",       "C2 C2",       "E0 80 80",    "E0 9F BF",    "E1 80",       "E1 41 80",
        "E1 80 41",    "ED A0 80",    "ED BF BF",    "F0 80 80 80", "F0 8F BF BF", "F1 80 80",
        "F1 80 80 41", "F4 90 80 80", "F5 80 80 80", "FE",          "FF"}) {
    for (std::size_t before = 0; before < 10; ++before) {
      INFO(bad << " after " << before);
      CHECK_FALSE(is_valid_utf8(std::string(before, 'x') + bytes(bad)));
      CHECK_FALSE(is_valid_utf8(std::string(before, 'x') + bytes(bad) + std::string(9, 'y')));
    }
  }
}

TEST_CASE("Wildcards are found at every offset, and nothing else is", "[utf8]") {
  for (std::size_t size = 1; size < 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, 'a');
        text[at] = static_cast<char>(byte);
        if (has_wildcard(text) != (byte == '#' || byte == '+')) {
          FAIL("byte " << byte << " at " << at << " of " << size);
        }
      }
    }
  }
}
