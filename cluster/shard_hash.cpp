#include "cluster/shard_hash.hpp"

namespace troupe::cluster {

namespace {

/// floor(hash * shards / 2^64) without a 128-bit type: the hash in two halves.
std::uint16_t scale(std::uint64_t hash, std::uint16_t shards) noexcept {
  const std::uint64_t high = (hash >> 32) * shards;
  const std::uint64_t low = (hash & 0xFFFF'FFFFULL) * shards;
  return static_cast<std::uint16_t>((high + (low >> 32)) >> 32);
}

}  // namespace

std::uint64_t stable_hash(std::string_view key) noexcept {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325ULL;
  for (const char each : key) {
    hash ^= static_cast<unsigned char>(each);
    hash *= 0x0000'0100'0000'01b3ULL;
  }
  hash ^= hash >> 33;
  hash *= 0xff51'afd7'ed55'8ccdULL;
  hash ^= hash >> 33;
  hash *= 0xc4ce'b9fe'1a85'ec53ULL;
  hash ^= hash >> 33;
  return hash;
}

shard_id shard_of(std::string_view key, std::uint16_t shards) noexcept {
  return static_cast<shard_id>(shards > 1 ? scale(stable_hash(key), shards) : std::uint16_t{0});
}

}  // namespace troupe::cluster
