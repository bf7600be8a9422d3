#include "protocol/net/tls/tls_memory.hpp"

#include <openssl/crypto.h>

#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <sys/mman.h>

namespace troupe::net {
namespace {

// What OpenSSL 3 keeps of an open connection and where an allocator's steps are wide: the state
// of both ciphers, the session, the certificate table (536 to 960 bytes), and the connection's
// own state (7,608).
struct size_range {
  std::size_t above, up_to;
  constexpr std::size_t classes() const noexcept;
};
constexpr std::size_t step = 32;
constexpr std::size_t size_range::classes() const noexcept { return (up_to - above) / step; }
constexpr std::array ranges{size_range{512, 1024}, size_range{7168, 8192}};
constexpr std::size_t no_class = SIZE_MAX;

constexpr std::size_t class_of(std::size_t size) noexcept {
  std::size_t first = 0;
  for (const auto& each : ranges) {
    if (size > each.above && size <= each.up_to) return first + (size - each.above - 1) / step;
    first += each.classes();
  }
  return no_class;
}

constexpr std::size_t size_of(std::size_t of_class) noexcept {
  const auto* range = ranges.data();
  for (; of_class >= range->classes(); ++range) of_class -= range->classes();
  return range->above + step * (of_class + 1);
}

static_assert(size_of(class_of(513)) == 544 && size_of(class_of(1024)) == 1024);
static_assert(size_of(class_of(7608)) == 7616 && class_of(1025) == no_class);

}  // namespace

tls_pools::tls_pools() noexcept {
  static_assert(ranges[0].classes() + ranges[1].classes() == class_count);
  void* space = ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) return;
  space_ = static_cast<char*>(space);
  // Huge pages would fill what only begins to be used.
  (void)::madvise(space, reserved, MADV_NOHUGEPAGE);
}

tls_pools::~tls_pools() {
  if (usable()) ::munmap(space_, reserved);
}

bool tls_pools::owns(const void* piece) const noexcept {
  if (!usable()) return false;
  return reinterpret_cast<std::uintptr_t>(piece) - reinterpret_cast<std::uintptr_t>(space_) <
         reserved;
}

/// Of a piece that somebody has: nobody writes there meanwhile.
std::size_t tls_pools::class_at(const void* piece) const noexcept {
  const auto at = static_cast<std::size_t>(static_cast<const char*>(piece) - space_);
  return class_of_block_[at / block_size];
}

std::size_t tls_pools::piece_size(const void* piece) const noexcept {
  return owns(piece) ? size_of(class_at(piece)) : 0;
}

void* tls_pools::allocate(std::size_t size) noexcept {
  const auto at = class_of(size);
  if (at == no_class || !usable()) return std::malloc(size);
  const std::lock_guard lock(mutex_);
  auto& pool = pools_[at];
  if (pool.free != nullptr) {
    auto* piece = pool.free;
    std::memcpy(&pool.free, piece, sizeof pool.free);
    return piece;
  }
  if (static_cast<std::size_t>(pool.end - pool.next) < size_of(at)) {
    if (used_ == reserved) return std::malloc(size);
    pool.next = space_ + used_;
    pool.end = pool.next + block_size;
    class_of_block_[used_ / block_size] = static_cast<std::uint8_t>(at);
    used_ += block_size;
  }
  auto* piece = pool.next;
  pool.next += size_of(at);
  return piece;
}

void tls_pools::release(void* piece) noexcept {
  if (!owns(piece)) return std::free(piece);
  const std::lock_guard lock(mutex_);
  auto& pool = pools_[class_at(piece)];
  std::memcpy(piece, &pool.free, sizeof pool.free);
  pool.free = static_cast<char*>(piece);
}

void* tls_pools::resize(void* piece, std::size_t size) noexcept {
  if (piece == nullptr) return allocate(size);
  if (size == 0) {
    release(piece);
    return nullptr;
  }
  if (!owns(piece) && class_of(size) == no_class) return std::realloc(piece, size);
  const auto now = owns(piece) ? piece_size(piece) : ::malloc_usable_size(piece);
  auto* made = allocate(size);
  if (made == nullptr) return nullptr;
  std::memcpy(made, piece, now < size ? now : size);
  release(piece);
  return made;
}

namespace {

/// OpenSSL's functions take no argument of ours, so there is one for the process. It is never
/// destroyed: OpenSSL cleans up at the very end.
tls_pools& pools() noexcept {
  static auto* const made = new tls_pools;
  return *made;
}

void* allocate(std::size_t size, const char*, int) { return pools().allocate(size); }
void release(void* piece, const char*, int) { pools().release(piece); }
void* resize(void* piece, std::size_t size, const char*, int) {
  return pools().resize(piece, size);
}

}  // namespace

bool use_tls_pools() noexcept {
  // OpenSSL refuses once it has allocated anything.
  return pools().usable() && CRYPTO_set_mem_functions(allocate, resize, release) == 1;
}

}  // namespace troupe::net
