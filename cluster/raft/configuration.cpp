#include "cluster/raft/configuration.hpp"

#include "cluster/raft/bytes.hpp"

#include <algorithm>
#include <utility>

namespace troupe::cluster::raft {
namespace {

constexpr std::uint8_t configuration_format = 1;  // libraft's
constexpr std::size_t most_members = 1024;

}  // namespace

std::string address_of(node_id node) {
  return std::to_string(number(node));
}

std::string encode_configuration(const membership& from) {
  std::string out;
  put_number(configuration_format, out);
  put_number(static_cast<std::uint64_t>(from.size()), out);
  for (const auto& one : from) {
    put_number(number(one.node), out);
    out.append(address_of(one.node)).push_back('\0');
    put_number(static_cast<std::uint8_t>(one.role), out);
  }
  out.resize((out.size() + 7) / 8 * 8, '\0');
  return out;
}

std::optional<membership> decode_configuration(std::string_view bytes) {
  byte_reader in(bytes);
  if (in.take<std::uint8_t>() != configuration_format) return std::nullopt;
  const auto count = in.take<std::uint64_t>();
  if (!in.good() || count == 0 || count > most_members) return std::nullopt;
  membership out;
  for (std::uint64_t i = 0; i < count; ++i) {
    member one;
    one.node = node_id{in.take<std::uint64_t>()};
    const auto end = in.rest().find('\0');
    if (!in.good() || one.node == no_node || end == std::string_view::npos) return std::nullopt;
    if (in.take_bytes(end) != address_of(one.node)) return std::nullopt;
    (void)in.take<std::uint8_t>();
    const auto role = in.take<std::uint8_t>();
    if (!in.good() || role > 2) return std::nullopt;
    one.role = static_cast<member_role>(role);
    for (const auto& other : out) {
      if (other.node == one.node) return std::nullopt;
    }
    out.push_back(one);
  }
  if (in.rest().size() >= 8) return std::nullopt;
  return out;
}

membership membership_of(const raft_configuration& from) {
  membership out;
  out.reserve(from.n);
  for (unsigned i = 0; i < from.n; ++i) {
    out.push_back({node_id{from.servers[i].id}, static_cast<member_role>(from.servers[i].role)});
  }
  return out;
}

void make_configuration(const membership& from, raft_configuration& into) {
  raft_configuration_init(&into);
  for (const auto& one : from) {
    (void)raft_configuration_add(&into, number(one.node), address_of(one.node).c_str(),
                                 static_cast<int>(one.role));
  }
}

void configuration_history::truncate(log_index from) {
  while (!items_.empty() && items_.back().index >= from) items_.pop_back();
}

void configuration_history::trim(log_index committed) {
  auto keep = items_.begin();
  for (auto at = items_.begin(); at != items_.end() && at->index <= committed; ++at) keep = at;
  items_.erase(items_.begin(), keep);
}

const configuration_history::item* configuration_history::at(log_index index) const {
  const item* found = nullptr;
  for (const auto& one : items_) {
    if (one.index <= index) found = &one;
  }
  return found;
}

}  // namespace troupe::cluster::raft
