#include "storage/records/settled_items.hpp"

#include "storage/records/wire_format.hpp"

#include <bit>

namespace troupe::storage {
namespace {

constexpr std::uint64_t version = 1;
constexpr std::size_t most_items = 65536;

}  // namespace

void settled_items::encode(std::string& out) const {
  std::string_view bits = bits_;
  bits.remove_prefix(std::min(bits.size(), first_ / 8));
  const auto before = out.size();
  out.resize(before + wire::number_size(version) + wire::number_size(first_) +
             (bits.empty() ? 0 : wire::bytes_size(bits.size())));
  auto* at = wire::put_number(out.data() + before, 1, version);
  at = wire::put_number(at, 2, first_);
  if (!bits.empty()) wire::put_bytes(at, 3, bits);
}

std::optional<settled_items> settled_items::decode(std::string_view bytes) {
  std::uint64_t found = 0;
  std::uint64_t first = 0;
  std::string_view bits;
  wire::fields fields(bytes);
  while (fields.next()) {
    if (fields.is(1, wire::type::varint)) found = fields.value();
    if (fields.is(2, wire::type::varint)) first = fields.value();
    if (fields.is(3, wire::type::bytes)) bits = fields.bytes();
  }
  if (fields.damaged() || found == 0 || found > version || first > most_items ||
      bits.size() > most_items / 8) {
    return std::nullopt;
  }
  settled_items out;
  out.first_ = out.count_ = first;
  if (bits.empty()) return out;
  out.bits_.assign(first / 8, '\0').append(bits);
  for (auto item = out.first_; item / 8 < out.bits_.size(); ++item) {
    if (out.contains(item)) ++out.count_;
  }
  return out;
}

}  // namespace troupe::storage
