#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace troupe::net {

/// Memory of OpenSSL for connections: where an allocator's steps between sizes are wide, pieces
/// that are hardly larger than what is asked for. Any thread.
///
/// Pieces are cut from address space that is reserved once, so that an address tells whose it is;
/// what was not written to yet costs nothing. What is given back is used for the same size again.
class tls_pools {
 public:
  tls_pools() noexcept;
  ~tls_pools();
  tls_pools(const tls_pools&) = delete;
  tls_pools& operator=(const tls_pools&) = delete;

  /// False: the address space cannot be had, all comes from malloc().
  bool usable() const noexcept { return space_ != nullptr; }
  /// As malloc(), free() and realloc(); null if there is no memory.
  void* allocate(std::size_t size) noexcept;
  void release(void* piece) noexcept;
  void* resize(void* piece, std::size_t size) noexcept;
  /// Bytes of a piece of the pools, or 0 of one of malloc().
  std::size_t piece_size(const void* piece) const noexcept;

 private:
  static constexpr std::size_t class_count = 48;
  static constexpr std::size_t reserved = std::size_t{16} << 30;
  static constexpr std::size_t block_size = std::size_t{256} << 10;
  struct pool {
    char* free = nullptr;  // each holds the next one's address
    char* next = nullptr;
    char* end = nullptr;
  };

  bool owns(const void* piece) const noexcept;
  std::size_t class_at(const void* piece) const noexcept;

  std::mutex mutex_;
  char* space_ = nullptr;
  std::size_t used_ = 0;
  std::array<pool, class_count> pools_;
  std::array<std::uint8_t, reserved / block_size> class_of_block_{};
};

/// Has OpenSSL use pools of the process: of the 13,800 bytes of an idle connection that spares
/// 900. Before its first use in the process; later calls do nothing. Answers whether it is so.
bool use_tls_pools() noexcept;

}  // namespace troupe::net
