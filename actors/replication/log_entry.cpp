#include "actors/replication/log_entry.hpp"

#include "cluster/raft/bytes.hpp"

#include <utility>

namespace troupe::replication {
namespace {

using cluster::raft::byte_reader;
using cluster::raft::put_number;

constexpr std::uint8_t entry_version = 1;
constexpr std::size_t head_size = 1 + 8;

}  // namespace

void entry_writer::add(std::string_view transaction, std::uint64_t owed) {
  if (bytes_.empty()) {
    bytes_.reserve(head_size + transaction.size());
    bytes_.assign(head_size, '\0');
  }
  bytes_.append(transaction);
  owed_ += owed;
}

std::string entry_writer::take(storage::order_no first_order) {
  std::string head;
  put_number(entry_version, head);
  put_number(static_cast<std::uint64_t>(owed_ > 0 ? first_order : 0), head);
  bytes_.replace(0, head_size, head);
  owed_ = 0;
  return std::exchange(bytes_, {});
}

storage::decoded_transaction read_entry(std::string_view entry) {
  byte_reader in(entry);
  const auto version = in.take<std::uint8_t>();
  const auto first_order = in.take<std::uint64_t>();
  if (!in.good() || version == 0) return {{}, "An entry of the log cannot be read."};
  if (version > entry_version)
    return {{}, "An entry of the log was written by a newer version of Troupe."};
  auto out = storage::transaction_codec::decode(in.rest());
  if (out.error.empty() && first_order != 0) out.value.first_order(first_order);
  return out;
}

}  // namespace troupe::replication
