#include "storage/replication/shard_chunk.hpp"

#include "storage/records/checksum.hpp"
#include "storage/records/wire_format.hpp"

#include <algorithm>

namespace troupe::storage::chunk {
namespace {

using wire::type;

constexpr std::uint64_t chunk_version = 1;
constexpr std::size_t checksum_size = 9;

/// Fields of stored.shard_chunk_record, in the order of its bytes.
enum field : std::uint32_t {
  version = 1,
  number = 2,
  first = 3,
  row = 4,
  last = 5,
  total = 6,
  sum = 7,
};
/// Fields of stored.shard_chunk_header and stored.shard_chunk_row.
enum header_field : std::uint32_t { shard_of = 1, state_of = 2 };
enum row_field : std::uint32_t { family_of = 1, key_of = 2, value_of = 3 };

/// A name for a family that does not change; 0: none of a shard's.
std::uint64_t family_number(family which) {
  switch (which) {
    case family::meta:
      return 1;
    case family::log:
      return 2;
    case family::log_refs:
      return 3;
    case family::queue:
      return 4;
    case family::sessions:
      return 5;
    case family::subscriptions:
      return 6;
    case family::qos2:
      return 7;
    case family::retained:
      return 8;
    case family::retained_journal:
      break;
  }
  return 0;
}

/// Appends what `put` writes into `size` bytes.
template <class Put>
void append(std::string& to, std::size_t size, Put put) {
  const auto before = to.size();
  to.resize(before + size);
  put(to.data() + before);
}

void append_number(std::string& to, std::uint32_t name, std::uint64_t value) {
  append(to, wire::number_size(value), [&](char* at) { wire::put_number(at, name, value); });
}

std::optional<header> parse_header(std::string_view bytes) {
  header out;
  std::optional<shard_states::state> state;
  std::uint64_t shard = 0;
  wire::fields fields(bytes);
  while (fields.next()) {
    if (fields.is(shard_of, type::varint)) shard = fields.value();
    if (fields.is(state_of, type::bytes)) state = shard_states::decode(fields.bytes());
  }
  if (fields.damaged() || !state || shard >= UINT16_MAX) return std::nullopt;
  out.shard = static_cast<std::uint16_t>(shard);
  out.state = *state;
  return out;
}

std::optional<shard_view::row> parse_row(std::string_view bytes, std::uint16_t shard) {
  std::uint64_t which = 0;
  shard_view::row out{};
  wire::fields fields(bytes);
  while (fields.next()) {
    if (fields.is(family_of, type::varint)) which = fields.value();
    if (fields.is(key_of, type::bytes)) out.key = fields.bytes();
    if (fields.is(value_of, type::bytes)) out.value = fields.bytes();
  }
  if (fields.damaged()) return std::nullopt;
  for (std::size_t i = 0; i < shard_part::count; ++i) {
    const auto part = shard_part::at(i, shard);
    if (family_number(part.which) != which || out.key.substr(0, part.prefix.size()) != part.prefix)
      continue;
    out.which = part.which;
    return out;
  }
  return std::nullopt;
}

/// Takes the checksum off the end.
bool checked(std::string_view& bytes, std::uint64_t& running) {
  if (bytes.size() < checksum_size) return false;
  wire::fields end(bytes.substr(bytes.size() - checksum_size));
  bytes.remove_suffix(checksum_size);
  running = checksum().add(running).add(bytes).value();
  return end.next() && end.is(sum, type::fixed64) && end.value() == running;
}

}  // namespace

writer::writer(chain& from, const header& first_header) : chain_(from) {
  append_number(bytes_, version, chunk_version);
  append_number(bytes_, number, chain_.next);
  if (chain_.next != 0) return;
  std::string state;
  shard_states::encode(first_header.state, state);
  const auto size = wire::number_size(first_header.shard) + wire::bytes_size(state.size());
  append(bytes_, wire::bytes_size(size), [&](char* at) {
    at = wire::put_varint(wire::put_tag(at, first, type::bytes), size);
    at = wire::put_number(at, shard_of, first_header.shard);
    wire::put_bytes(at, state_of, state);
  });
}

void writer::add(const shard_view::row& from) {
  const auto name = family_number(from.which);
  const auto size = wire::number_size(name) + wire::bytes_size(from.key.size()) +
                    wire::bytes_size(from.value.size());
  append(bytes_, wire::bytes_size(size), [&](char* at) {
    at = wire::put_varint(wire::put_tag(at, row, type::bytes), size);
    at = wire::put_number(at, family_of, name);
    at = wire::put_bytes(at, key_of, from.key);
    wire::put_bytes(at, value_of, from.value);
  });
  ++chain_.rows;
}

std::string writer::finish(bool is_last) {
  if (is_last) {
    append_number(bytes_, last, 1);
    append_number(bytes_, total, chain_.rows);
  }
  ++chain_.next;
  chain_.checksum = checksum().add(chain_.checksum).add(bytes_).value();
  append(bytes_, checksum_size, [&](char* at) { wire::put_fixed64(at, sum, chain_.checksum); });
  return std::move(bytes_);
}

std::optional<parsed> parse(std::string_view bytes, std::uint16_t shard, chain& from,
                            std::string& error) {
  error = "A chunk of an exported shard is damaged, or is not the next one.";
  if (!checked(bytes, from.checksum)) return std::nullopt;
  parsed out;
  std::uint64_t found_version = 0;
  std::uint64_t found_number = 0;
  std::uint64_t rows = 0;
  wire::fields fields(bytes);
  while (fields.next()) {
    if (fields.is(version, type::varint)) found_version = fields.value();
    if (fields.is(number, type::varint)) found_number = fields.value();
    if (fields.is(last, type::varint)) out.last = fields.value() != 0;
    if (fields.is(total, type::varint)) rows = fields.value();
    if (fields.is(first, type::bytes)) {
      out.first = parse_header(fields.bytes());
      if (!out.first || out.first->shard != shard) return std::nullopt;
    }
    if (fields.is(row, type::bytes)) {
      const auto one = parse_row(fields.bytes(), shard);
      if (!one) return std::nullopt;
      out.rows.push_back(*one);
    }
  }
  from.rows += out.rows.size();
  if (found_version > chunk_version) {
    error = "A chunk of an exported shard was written by a newer version of Troupe.";
    return std::nullopt;
  }
  if (fields.damaged() || found_version == 0 || found_number != from.next ||
      out.first.has_value() != (from.next == 0) || (out.last && rows != from.rows)) {
    return std::nullopt;
  }
  ++from.next;
  error.clear();
  return out;
}

std::optional<header> read_header(std::string_view bytes) {
  std::uint64_t running = 0;
  if (!checked(bytes, running)) return std::nullopt;
  wire::fields fields(bytes);
  while (fields.next()) {
    if (fields.is(first, type::bytes)) return parse_header(fields.bytes());
  }
  return std::nullopt;
}

}  // namespace troupe::storage::chunk
