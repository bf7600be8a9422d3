// Feeds bytes to the codec of transactions. What decodes concerns one shard or nothing, and
// encodes to bytes that decode to the same again.
#include "storage/replication/transaction_codec.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using troupe::storage::transaction_codec;
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const auto first = transaction_codec::decode(bytes);
  if (!first.error.empty()) {
    require(first.error.back() == '.');
    return 0;
  }
  require(first.value.empty() || first.value.shard().has_value());
  const auto once = transaction_codec::encode(first.value);
  const auto second = transaction_codec::decode(once);
  require(second.error.empty());
  require(second.value.owed() == first.value.owed());
  require(transaction_codec::encode(second.value) == once);
  return 0;
}
