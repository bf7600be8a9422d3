#include "cluster/raft/envelope.hpp"

#include "cluster/raft/bytes.hpp"

#include <utility>

namespace troupe::cluster::raft {
namespace {

constexpr std::uint8_t envelope_version = 1;

}  // namespace

void envelope_writer::add(group_no group, std::string_view message) {
  if (bytes_.empty()) bytes_.push_back(static_cast<char>(envelope_version));
  put_number(static_cast<std::uint32_t>(group), bytes_);
  put_number(static_cast<std::uint32_t>(message.size()), bytes_);
  bytes_.append(message);
}

std::string envelope_writer::take() {
  return std::exchange(bytes_, {});
}

envelope_reader::envelope_reader(std::string_view frame) : rest_(frame) {
  byte_reader in(rest_);
  damaged_ = in.take<std::uint8_t>() != envelope_version || !in.good();
  rest_ = in.rest();
}

std::optional<envelope_message> envelope_reader::next() {
  if (damaged_ || rest_.empty()) return std::nullopt;
  byte_reader in(rest_);
  envelope_message out;
  out.group = in.take<std::uint32_t>();
  out.bytes = in.take_bytes(in.take<std::uint32_t>());
  damaged_ = !in.good();
  if (damaged_) return std::nullopt;
  rest_ = in.rest();
  return out;
}

}  // namespace troupe::cluster::raft
