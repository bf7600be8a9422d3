#include "protocol/net/tls/tls_memory.hpp"

#include "tests/support/catch.hpp"

#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using troupe::net::tls_pools;

TEST_CASE("pools of OpenSSL: pieces are hardly larger than what is asked for") {
  auto pools = std::make_unique<tls_pools>();
  REQUIRE(pools->usable());
  for (const std::size_t size : {513, 536, 928, 960, 1024, 7169, 7608, 8192}) {
    auto* piece = pools->allocate(size);
    REQUIRE(piece != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(piece) % 16 == 0);
    CHECK(pools->piece_size(piece) >= size);
    CHECK(pools->piece_size(piece) < size + 32);
    pools->release(piece);
    CHECK(pools->allocate(size) == piece);  // what is given back is used again
    pools->release(piece);
  }
  for (const std::size_t size : {0, 1, 512, 1025, 7168, 8193, 100'000}) {
    auto* piece = pools->allocate(size);
    CHECK(pools->piece_size(piece) == 0);
    pools->release(piece);
  }
  pools->release(nullptr);
}

TEST_CASE("pools of OpenSSL: what was written stays through any change of size") {
  auto pools = std::make_unique<tls_pools>();
  constexpr std::size_t sizes[] = {16, 520, 700, 1024, 1030, 7000, 7200, 8192, 9000, 7608, 600, 20};
  auto* piece = static_cast<char*>(pools->resize(nullptr, 16));
  std::memset(piece, 'x', 16);
  for (const auto size : sizes) {
    piece = static_cast<char*>(pools->resize(piece, size));
    REQUIRE(piece != nullptr);
    CHECK(std::string(piece, 16) == std::string(16, 'x'));
    std::memset(piece, 'x', size);
  }
  CHECK(pools->resize(piece, 0) == nullptr);
}

TEST_CASE("pools of OpenSSL: no piece has two owners, on any thread") {
  auto pools = std::make_unique<tls_pools>();
  std::vector<std::thread> threads;
  std::atomic<bool> whole{true};
  for (unsigned number = 0; number < 3; ++number)
    threads.emplace_back([&, number] {
      std::mt19937 draw(number);
      std::vector<std::pair<char*, std::size_t>> mine;
      for (int i = 0; i < 20'000; ++i) {
        if (mine.size() < 200 && draw() % 2 == 0) {
          const std::size_t size = draw() % 2 == 0 ? 600 + draw() % 500 : 7000 + draw() % 1500;
          auto* piece = static_cast<char*>(pools->allocate(size));
          std::memset(piece, static_cast<int>('a' + number), size);
          mine.emplace_back(piece, size);
        } else if (!mine.empty()) {
          std::swap(mine[draw() % mine.size()], mine.back());
          const auto [piece, size] = mine.back();
          mine.pop_back();
          for (std::size_t at = 0; at < size; at += 64)
            if (piece[at] != static_cast<char>('a' + number)) whole = false;
          pools->release(piece);
        }
      }
      for (const auto& [piece, size] : mine) pools->release(piece);
    });
  for (auto& each : threads) each.join();
  CHECK(whole);
}
