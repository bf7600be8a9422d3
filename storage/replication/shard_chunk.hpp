#pragma once

#include "storage/replication/shard_states.hpp"
#include "storage/replication/shard_view.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Chunks of an exported shard (stored.shard_chunk_record). Each has a checksum over itself and all
/// before it, so that a missing one, a foreign one or a wrong order is told.
namespace troupe::storage::chunk {

/// Rows are added until a chunk has so many bytes.
inline constexpr std::size_t wanted_bytes = std::size_t{256} << 10;

/// What is carried from chunk to chunk.
struct chain {
  std::uint64_t next = 0;      // number of the chunk
  std::uint64_t checksum = 0;  // of those before
  std::uint64_t rows = 0;      // in those before
};

struct header {
  std::uint16_t shard = 0;
  shard_states::state state;
};

/// Makes one chunk.
class writer {
 public:
  /// The first chunk of a chain begins with the header.
  writer(chain& from, const header& first);

  void add(const shard_view::row& row);
  std::size_t size() const noexcept { return bytes_.size(); }
  /// Its bytes; the chain is then at the next chunk.
  std::string finish(bool last);

 private:
  chain& chain_;
  std::string bytes_;
};

struct parsed {
  std::optional<header> first;
  std::vector<shard_view::row> rows;  // views into the bytes
  bool last = false;
};

/// Nothing, and a sentence, if it is not the chunk that follows in the chain, or if a row is not
/// one of the shard. `shard` is that of the header if it has one.
std::optional<parsed> parse(std::string_view bytes, std::uint16_t shard, chain& from,
                            std::string& error);
/// The header of a first chunk.
std::optional<header> read_header(std::string_view bytes);

}  // namespace troupe::storage::chunk
