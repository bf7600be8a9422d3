#include "cluster/shard_hash.hpp"

#include "tests/support/catch.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using troupe::number;
using troupe::cluster::shard_of;
using troupe::cluster::stable_hash;

TEST_CASE("the shard of a key never changes", "[cluster]") {
  struct golden {
    std::string_view key;
    std::uint64_t hash;
    std::uint16_t of_64;
    std::uint16_t of_65535;
  };
  const golden rows[] = {
      {"", 0xefd01f60ba992926ULL, 59, 61391},
      {"a", 0x82a2a958a9bece5bULL, 32, 33442},
      {"sensor/1/temperature", 0x52bba8bc0e8a67d7ULL, 20, 21179},
      {"device-0001", 0x79f488b582d8d8eaULL, 30, 31220},
      {"\xC3\xBC/\xE6\x97\xA5\xE6\x9C\xAC", 0x8526d66eb06dcc5aULL, 33, 34086},
      {"a/b/c/d/e/f/g/h", 0xe0a69619fc88622dULL, 56, 57509},
  };
  for (const golden& row : rows) {
    CAPTURE(row.key);
    CHECK(stable_hash(row.key) == row.hash);
    CHECK(number(shard_of(row.key, 64)) == row.of_64);
    CHECK(number(shard_of(row.key, 65535)) == row.of_65535);
    CHECK(number(shard_of(row.key, 1)) == 0);
  }
}

TEST_CASE("similar keys spread evenly over the shards", "[cluster]") {
  constexpr std::uint16_t shards = 64;
  constexpr int keys = 64'000;
  std::vector<int> count(shards, 0);
  for (int i = 0; i < keys; ++i) {
    const auto shard = number(shard_of("site/7/device-" + std::to_string(i), shards));
    REQUIRE(shard < shards);
    ++count[shard];
  }
  // 1,000 expected each; the standard deviation is about 31.
  for (int each : count) {
    CHECK(each > 840);
    CHECK(each < 1160);
  }
}
