#include "storage/raft/raft_records.hpp"

namespace troupe::storage::raft_record {
namespace {

template <class Number>
void put(Number value, std::string& out) {
  for (auto shift = static_cast<int>(sizeof(Number) - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> shift));
  }
}

void put_text(std::string_view text, std::string& out) {
  put(static_cast<std::uint32_t>(text.size()), out);
  out.append(text);
}

/// Takes fields off the front; `good` turns false at the first that is missing.
struct cursor {
  std::string_view bytes;
  bool good = true;

  template <class Number>
  Number take() {
    if (bytes.size() < sizeof(Number)) good = false;
    if (!good) return 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
      value = value << 8 | static_cast<unsigned char>(bytes[i]);
    }
    bytes.remove_prefix(sizeof(Number));
    return static_cast<Number>(value);
  }
  std::string take_text() {
    const auto size = take<std::uint32_t>();
    if (bytes.size() < size) good = false;
    if (!good) return {};
    std::string text(bytes.substr(0, size));
    bytes.remove_prefix(size);
    return text;
  }
  bool known_version() {
    if (take<std::uint8_t>() != version) good = false;
    return good;
  }
};

}  // namespace

std::string key(raft_group_no group, family what) {
  std::string out;
  put(group, out);
  put(static_cast<std::uint8_t>(what), out);
  return out;
}

std::string entry_key(raft_group_no group, std::uint64_t index) {
  auto out = key(group, family::entry);
  put(index, out);
  return out;
}

std::string end_key(raft_group_no group, family what) {
  auto out = key(group, what);
  out.back() = static_cast<char>(static_cast<std::uint8_t>(what) + 1);
  return out;
}

std::optional<std::uint64_t> index_of(std::string_view key) {
  if (key.size() != 13 || key[4] != static_cast<char>(family::entry)) return std::nullopt;
  cursor rest{key.substr(5)};
  return rest.take<std::uint64_t>();
}

void encode(const vote& from, std::string& out) {
  put(version, out);
  put(from.term, out);
  put(from.voted_for, out);
}

void encode_entry(std::uint64_t term, raft_entry_kind kind, std::string_view bytes,
                  std::string& out) {
  put(version, out);
  put(static_cast<std::uint8_t>(kind), out);
  put(term, out);
  out.append(bytes);
}

void encode(const raft_log_snapshot& from, std::string& out) {
  put(version, out);
  put(from.index, out);
  put(from.term, out);
  put(from.configuration_index, out);
  put_text(from.configuration, out);
  put_text(from.reference, out);
}

std::optional<vote> decode_vote(std::string_view bytes) {
  cursor in{bytes};
  if (!in.known_version()) return std::nullopt;
  vote out;
  out.term = in.take<std::uint64_t>();
  out.voted_for = in.take<std::uint64_t>();
  if (!in.good) return std::nullopt;
  return out;
}

std::optional<raft_log_entry> decode_entry(std::string_view bytes) {
  cursor in{bytes};
  if (!in.known_version()) return std::nullopt;
  raft_log_entry out;
  const auto kind = in.take<std::uint8_t>();
  out.kind = static_cast<raft_entry_kind>(kind);
  out.term = in.take<std::uint64_t>();
  if (!in.good || kind < 1 || kind > 3 || out.term == 0) return std::nullopt;
  out.bytes = in.bytes;
  return out;
}

std::optional<raft_log_snapshot> decode_snapshot(std::string_view bytes) {
  cursor in{bytes};
  if (!in.known_version()) return std::nullopt;
  raft_log_snapshot out;
  out.index = in.take<std::uint64_t>();
  out.term = in.take<std::uint64_t>();
  out.configuration_index = in.take<std::uint64_t>();
  out.configuration = in.take_text();
  out.reference = in.take_text();
  if (!in.good || out.index == 0 || out.term == 0) return std::nullopt;
  return out;
}

}  // namespace troupe::storage::raft_record
