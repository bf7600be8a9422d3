#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <type_traits>

namespace troupe::topics {

/// Fixes the key, so that a test that is run again by its seed meets the same
/// order in every table. Before the first hash of the process; false, and
/// nothing happens, afterwards. Never in a broker.
bool use_hash_key(std::uint64_t k0, std::uint64_t k1) noexcept;

/// SipHash-1-3 of `text` under a key drawn once per process. Clients choose
/// topic levels and names; a secret key keeps them from choosing collisions.
/// The value differs from process to process: never store or send it.
std::uint64_t seeded_hash(std::string_view text) noexcept;

/// The same for a number, by way of a keyed finaliser.
std::uint64_t seeded_hash(std::uint64_t value) noexcept;

/// Hash of any key that is text or has a std::hash.
template <class Key>
std::uint64_t hash_key(const Key& key) noexcept {
  if constexpr (std::is_convertible_v<const Key&, std::string_view>) {
    return seeded_hash(std::string_view(key));
  } else {
    return seeded_hash(static_cast<std::uint64_t>(std::hash<Key>{}(key)));
  }
}

}  // namespace troupe::topics
