#include "protocol/auth/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <limits>

namespace troupe::auth {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const EVP_MD* algorithm(digest kind) noexcept {
  return kind == digest::sha256 ? EVP_sha256() : EVP_sha512();
}

unsigned char* bytes_of(std::string& text) noexcept {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool fits_int(std::size_t size) noexcept {
  return size <= static_cast<std::size_t>(std::numeric_limits<int>::max());
}

}  // namespace

std::size_t size_of(digest kind) noexcept {
  return kind == digest::sha256 ? 32 : 64;
}

std::optional<std::string> hash(digest kind, std::string_view data) {
  std::string out(size_of(kind), '\0');
  unsigned int size = 0;
  if (EVP_Digest(data.data(), data.size(), bytes_of(out), &size, algorithm(kind), nullptr) != 1) {
    return std::nullopt;
  }
  return out;
}

std::optional<std::string> hmac(digest kind, std::string_view key, std::string_view data) {
  if (!fits_int(key.size())) return std::nullopt;
  // HMAC() takes a null key for "the one set before"; an empty one must not be null.
  static constexpr char nothing = 0;
  const char* start = key.empty() ? &nothing : key.data();
  std::string out(size_of(kind), '\0');
  unsigned int size = 0;
  if (!HMAC(algorithm(kind), start, static_cast<int>(key.size()), bytes_of(data), data.size(),
            bytes_of(out), &size)) {
    return std::nullopt;
  }
  return out;
}

std::optional<std::string> pbkdf2(digest kind, std::string_view password, std::string_view salt,
                                  std::uint32_t iterations) {
  if (iterations == 0 || !fits_int(iterations) || !fits_int(password.size()) ||
      !fits_int(salt.size())) {
    return std::nullopt;
  }
  std::string out(size_of(kind), '\0');
  const char* secret = password.empty() ? "" : password.data();
  if (PKCS5_PBKDF2_HMAC(secret, static_cast<int>(password.size()), bytes_of(salt),
                        static_cast<int>(salt.size()), static_cast<int>(iterations),
                        algorithm(kind), static_cast<int>(out.size()), bytes_of(out)) != 1) {
    return std::nullopt;
  }
  return out;
}

bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::optional<std::string> random_bytes(std::size_t count) {
  std::string out(count, '\0');
  if (!fits_int(count) || RAND_bytes(bytes_of(out), static_cast<int>(count)) != 1) {
    return std::nullopt;
  }
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= count ? alphabet[group >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const std::string_view digits = text.substr(0, text.size() - padding);
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char each : digits) {
    const auto value = alphabet.find(each);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>(bits >> held & 255U);
    }
  }
  // What is left over must be zero, else two texts would mean the same bytes.
  if ((bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return out;
}

}  // namespace troupe::auth
