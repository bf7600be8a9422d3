#include "actors/replication/transfer/transfer_frame.hpp"

#include "cluster/raft/bytes.hpp"

namespace troupe::replication {
namespace {

using cluster::raft::byte_reader;
using cluster::raft::put_number;

constexpr std::uint8_t mark = 0xA1;  // envelopes begin with their version, a small number

}  // namespace

std::string transfer_frame::encode() const {
  std::string out;
  out.reserve(32 + bytes.size());
  put_number(mark, out);
  put_number(static_cast<std::uint8_t>(what), out);
  put_number(static_cast<std::uint16_t>(shard), out);
  put_number(transfer, out);
  put_number(number, out);
  put_number(window, out);
  put_number(static_cast<std::uint8_t>(last ? 1 : 0), out);
  out.append(bytes);
  return out;
}

bool transfer_frame::is_one(std::string_view frame) noexcept {
  return !frame.empty() && static_cast<std::uint8_t>(frame.front()) == mark;
}

std::optional<transfer_frame> transfer_frame::decode(std::string_view frame) {
  byte_reader in(frame);
  transfer_frame out;
  if (in.take<std::uint8_t>() != mark) return std::nullopt;
  const auto what = in.take<std::uint8_t>();
  out.what = static_cast<kind>(what);
  out.shard = static_cast<shard_id>(in.take<std::uint16_t>());
  out.transfer = in.take<std::uint64_t>();
  out.number = in.take<std::uint64_t>();
  out.window = in.take<std::uint32_t>();
  out.last = in.take<std::uint8_t>() != 0;
  out.bytes = in.rest();
  if (!in.good() || what < 1 || what > static_cast<std::uint8_t>(kind::give_up))
    return std::nullopt;
  return out;
}

}  // namespace troupe::replication
