#include "protocol/topics/seeded_hash.hpp"

#include <bit>
#include <cstring>
#include <random>

namespace troupe::topics {

namespace {

struct hash_key_pair {
  std::uint64_t k0;
  std::uint64_t k1;
};

hash_key_pair drawn_key() {
  std::random_device device;
  const auto draw = [&device] { return (std::uint64_t{device()} << 32) | device(); };
  return {draw(), draw()};
}

/// The first caller decides; never changes afterwards.
const hash_key_pair& process_key(const hash_key_pair* wanted = nullptr) {
  static const hash_key_pair key = wanted != nullptr ? *wanted : drawn_key();
  return key;
}

struct sip_state {
  std::uint64_t v0, v1, v2, v3;

  explicit sip_state(const hash_key_pair& key) noexcept
      : v0(key.k0 ^ 0x736f'6d65'7073'6575ULL),
        v1(key.k1 ^ 0x646f'7261'6e64'6f6dULL),
        v2(key.k0 ^ 0x6c79'6765'6e65'7261ULL),
        v3(key.k1 ^ 0x7465'6462'7974'6573ULL) {}

  void round() noexcept {
    v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
  }

  void absorb(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    v0 ^= word;
  }

  std::uint64_t finish() noexcept {
    v2 ^= 0xff;
    round();
    round();
    round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

bool use_hash_key(std::uint64_t k0, std::uint64_t k1) noexcept {
  const hash_key_pair wanted{k0, k1};
  const auto& used = process_key(&wanted);
  return used.k0 == k0 && used.k1 == k1;
}

std::uint64_t seeded_hash(std::string_view text) noexcept {
  sip_state state(process_key());
  const std::size_t size = text.size();
  const char* data = text.data();
  const std::size_t whole = size & ~std::size_t{7};
  for (std::size_t at = 0; at < whole; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data + at, 8);
    state.absorb(word);
  }
  std::uint64_t last = 0;
  if (size > whole) std::memcpy(&last, data + whole, size - whole);
  state.absorb(last ^ (std::uint64_t{size} << 56));
  return state.finish();
}

std::uint64_t seeded_hash(std::uint64_t value) noexcept {
  const hash_key_pair& key = process_key();
  std::uint64_t x = value ^ key.k0;
  x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9ULL;
  x = (x ^ (x >> 27) ^ key.k1) * 0x94d0'49bb'1331'11ebULL;
  return x ^ (x >> 31);
}

}  // namespace troupe::topics
