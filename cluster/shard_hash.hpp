#pragma once

#include "protocol/mqtt/session_id.hpp"

#include <cstdint>
#include <string_view>

namespace troupe::cluster {

/// FNV-1a (64 bits, offset basis cbf29ce484222325, prime 100000001b3) over the
/// bytes of `key`, followed by the finaliser of MurmurHash3 (fmix64), which
/// spreads FNV's weak upper bits. No seed, no dependence on byte order or word
/// size. FROZEN: it decides in which shard stored data lies, so a change of a
/// single value loses data; golden tests hold it.
std::uint64_t stable_hash(std::string_view key) noexcept;

/// The shard of a topic or client id among `shards` (at least 1): the upper 64
/// bits of stable_hash(key) * shards. Frozen as well.
shard_id shard_of(std::string_view key, std::uint16_t shards) noexcept;

}  // namespace troupe::cluster
